"""Framewise task: classify every frame, from an alignment that another model has found."""

from collections.abc import Callable, Sequence
from typing import Any

import jax.numpy as jnp

from seqmodels.errors import UserError
from seqmodels.losses.classification import cross_entropy, is_correct, weighted_sum
from seqmodels.models.transcription.task import error_metrics
from seqmodels.models.transcription.transcriber import FrameLogits, Transcriber
from seqmodels.types import Array, Metrics, Params, Task


def framewise_task(build: Callable[[dict[str, Any]], Transcriber], alphabet: Sequence[str]) -> Task:
    """Return the task of predicting the symbol of every frame, ``fields["frames"]``.

        loss = sum_t -log p(symbol_t | x) / number of frames

    As before CTC, the loss needs an alignment: a symbol for each frame of the logits, where 0 is
    the blank.  The error rates are those of ``transcription_task``, and ``accuracy`` is that of
    frames.
    """

    def metrics_of(found: FrameLogits, batch: Any) -> tuple[Array, Metrics]:
        symbols = jnp.asarray(batch.fields["frames"].values)
        if symbols.shape != found.mask.shape:
            raise UserError(
                f"the alignment has {len(symbols)} frames and the model {len(found.mask)}; both "
                "models need the same subsampling"
            )
        weight = jnp.where(found.mask, jnp.asarray(batch.weight)[None], 0.0)
        nats = weighted_sum(cross_entropy(found.logits, symbols), weight)
        correct = weighted_sum(is_correct(found.logits, symbols), weight)
        return nats.mean, {
            "nats": nats,
            "accuracy": correct,
            **error_metrics(found, batch, alphabet),
        }

    def loss(params: Params, rates: dict, memory: Any, batch: Any, key: Any):
        value, metrics = metrics_of(build(rates).apply(params, batch.fields["x"], key), batch)
        return value, (memory, metrics)

    def measure(params: Params, rates: dict, memory: Any, batch: Any):
        return memory, metrics_of(build({}).apply(params, batch.fields["x"]), batch)[1]

    return Task(init=lambda key: build({}).init(key), loss=loss, measure=measure)
