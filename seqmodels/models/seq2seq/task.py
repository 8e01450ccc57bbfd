"""The task of predicting each next token of a target, given its source."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from seqmodels.data.batching import Batch
from seqmodels.data.ragged import Padded
from seqmodels.losses.classification import cross_entropy, masked_sum
from seqmodels.models.classification.classifier import hits
from seqmodels.models.seq2seq.encoder_decoder import EncoderDecoder
from seqmodels.types import Array, Bool, Float, Int, Params, Task


def translation_task(
    build: Callable[[dict[str, Any]], EncoderDecoder], scheduled: float = 0.0
) -> Task:
    """Teacher forcing on batches with ``source`` and ``target``, ``<s> y_1 ... y_N </s>``.

    ``build(hyper)`` gives the model, so that its rates may be swept; ``hyper["smoothing"]`` smooths
    the labels in training.  Metrics, means over target tokens: ``nats`` and ``accuracy``.

    scheduled: share of the inputs that are the model's own guesses, Bengio et al. (2015),
        arXiv:1506.03099; all at once from a first pass over the true tokens, as in Mihaylova and
        Martins (2019), arXiv:1906.07651, so that no step waits for the one before.
    """

    def loss(params: Params, hyper: dict, memory: Any, batch: Batch, key: jax.Array):
        model, (inputs, labels, mask) = build(hyper), shifted(batch)
        key_e, key_d, key_s = jax.random.split(key, 3)
        encoded = model.encode(params, batch.fields["source"], key_e)
        if scheduled:
            guessed = jax.lax.stop_gradient(model.unroll(params, encoded, inputs, mask, key_d))
            inputs = mixed(key_s, inputs, guessed, scheduled)
        logits = model.unroll(params, encoded, inputs, mask, key_d)
        smooth = cross_entropy(logits, labels, hyper.get("smoothing", 0.0))
        return masked_sum(smooth, mask).mean, (memory, measures(logits, labels, mask))

    def measure(params: Params, hyper: dict, memory: Any, batch: Batch):
        model, (inputs, labels, mask) = build({}), shifted(batch)
        encoded = model.encode(params, batch.fields["source"])
        return memory, measures(model.unroll(params, encoded, inputs, mask), labels, mask)

    return Task(init=lambda key: build({}).init(key), loss=loss, measure=measure)


def measures(
    logits: Float[Array, "T B V"], labels: Int[Array, "T B"], mask: Bool[Array, "T B"]
) -> dict[str, tuple[Array, Array]]:
    """Totals and counts of what the task measures."""
    values = {"nats": cross_entropy(logits, labels), "accuracy": hits(logits, labels)}
    return {name: masked_sum(value, mask) for name, value in values.items()}


def shifted(batch: Batch) -> tuple[Int[Array, "T B"], Int[Array, "T B"], Bool[Array, "T B"]]:
    """Inputs, labels, and where there are labels."""
    target = batch.fields["target"]
    assert isinstance(target, Padded)
    values, mask = jnp.asarray(target.values), jnp.asarray(target.mask)
    return values[:-1], values[1:], mask[1:]


def mixed(
    key: jax.Array, inputs: Int[Array, "T B"], logits: Array, rate: float
) -> Int[Array, "T B"]:
    """The inputs, a share of them drawn from what the model expected there; never the first."""
    key_d, key_t = jax.random.split(key)
    drawn = jax.random.categorical(key_d, logits[:-1]).astype(inputs.dtype)
    own = jax.random.bernoulli(key_t, rate, drawn.shape)
    return jnp.concatenate([inputs[:1], jnp.where(own, drawn, inputs[1:])])
