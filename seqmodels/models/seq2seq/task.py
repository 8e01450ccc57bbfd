"""The task of predicting each next token of a target, given its source."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from seqmodels.data.batching import Batch
from seqmodels.data.ragged import Padded
from seqmodels.feedback import FeedbackInput, FeedbackOutput, feedback
from seqmodels.losses.classification import (
    cross_entropy,
    is_correct,
    masked_sum,
    mixture_log_probabilities,
)
from seqmodels.models.seq2seq.encoder_decoder import EncodedSource, EncoderDecoder
from seqmodels.models.seq2seq.token_decoder import TokenDecoderParams, TokenInput
from seqmodels.types import Array, Bool, Float, Int, Metrics, Mixture, Params, Task
from seqmodels.unroll import unroll


class TeacherForcing(NamedTuple):
    """Inputs of the decoder and the tokens that it predicts, where the mask is True."""

    inputs: Int[Array, "T B"]
    labels: Int[Array, "T B"]
    mask: Bool[Array, "T B"]


def translation_task(
    build: Callable[[dict[str, Any]], EncoderDecoder], scheduled: float = 0.0
) -> Task:
    """Return the task of predicting targets by teacher forcing.

    Batches have the fields ``source`` and ``target``, ``<s> y_1 ... y_N </s>``. The metrics are
    means over target tokens: ``nats`` and ``accuracy``.

    build:     ``(rates) -> model``. ``rates["smoothing"]``, if present, smooths the labels in
               training.
    scheduled: fraction of the decoder's inputs that are sampled from the model, Bengio et al.
               (2015), arXiv:1506.03099. Above 0, the decoder runs step by step.
    """

    def loss(params: Params, rates: dict, memory: Any, batch: Batch, key: jax.Array):
        model, (inputs, labels, mask) = build(rates), teacher_forcing(batch)
        key_e, key_d, key_s = jax.random.split(key, 3)
        encoded = model.encode(params, batch.fields["source"], key_e)
        if scheduled:
            given = choose_given(key_s, inputs, scheduled)
            logits = unroll_fed_back(model, params, encoded, given, mask, key_d).output
        else:
            logits = model.unroll(params, encoded, inputs, mask, key_d)
        nats = cross_entropy(logits, labels, rates.get("smoothing", 0.0))
        return masked_sum(nats, mask).mean, (memory, token_metrics(logits, labels, mask))

    def predict(params: Params, rates: dict, memory: Any, batch: Batch):
        model, (inputs, _, mask) = build({}), teacher_forcing(batch)
        encoded = model.encode(params, batch.fields["source"])
        return memory, model.unroll(params, encoded, inputs, mask)

    def measure(params: Params, rates: dict, memory: Any, batch: Batch):
        memory, logits = predict(params, rates, memory, batch)
        _, labels, mask = teacher_forcing(batch)
        return memory, token_metrics(logits, labels, mask)

    return Task(
        init=lambda key: build({}).init(key),
        loss=loss,
        measure=measure,
        mixture=Mixture(predict, mixture_metrics),
    )


def token_metrics(
    logits: Float[Array, "T B V"], labels: Int[Array, "T B"], mask: Bool[Array, "T B"]
) -> Metrics:
    """Return the negative log-likelihood of the labels (``nats``) and the ``accuracy``."""
    return {
        "nats": masked_sum(cross_entropy(logits, labels), mask),
        "accuracy": masked_sum(is_correct(logits, labels), mask),
    }


def mixture_metrics(logits: Float[Array, "M T B V"], batch: Batch) -> Metrics:
    """Return ``token_metrics`` of the mixture of several models."""
    _, labels, mask = teacher_forcing(batch)
    return token_metrics(mixture_log_probabilities(logits), labels, mask)


def teacher_forcing(batch: Batch) -> TeacherForcing:
    """Return the target without its last token as inputs, without its first one as labels."""
    target = batch.fields["target"]
    assert isinstance(target, Padded)
    values, mask = jnp.asarray(target.values), jnp.asarray(target.mask)
    return TeacherForcing(values[:-1], values[1:], mask[1:])


def choose_given(key: jax.Array, inputs: Int[Array, "T B"], rate: float) -> FeedbackInput:
    """Give the decoder all its inputs but a fraction ``rate``; the first is always given."""
    given = jax.random.bernoulli(key, 1.0 - rate, inputs.shape)
    return FeedbackInput(inputs, given.at[0].set(True))


def unroll_fed_back(
    model: EncoderDecoder,
    params: Params,
    encoded: EncodedSource,
    inputs: FeedbackInput,
    mask: Bool[Array, "T B"] | None = None,
    key: jax.Array | None = None,
) -> FeedbackOutput:
    """Return the logits of a decoder that reads its own samples where no input is given.

    No gradient flows through the samples.  Without a key they are the most likely tokens.
    """
    cell = feedback(model.decoder, TokenInput, draw_token, first=jnp.int32(0))
    run = TokenDecoderParams(params, encoded.decoder)
    start = cell.start(run, inputs.given.shape[1:])._replace(cell=encoded.carry)
    return unroll(cell, run, inputs, start, mask=mask, key=key)[0]


def draw_token(key: jax.Array | None, logits: Float[Array, "*B V"]) -> Int[Array, "*B"]:
    """Draw tokens from their distribution; without a key return the most likely ones."""
    return jnp.argmax(logits, -1) if key is None else jax.random.categorical(key, logits)
