"""Transcription task: write the symbols of a sequence of frames, by CTC."""

from collections.abc import Callable, Sequence
from typing import Any

import jax.numpy as jnp

from seqmodels.decode.ctc import Transcripts, ctc_greedy
from seqmodels.losses.classification import weighted_sum
from seqmodels.losses.ctc import CtcLoss, ctc_loss
from seqmodels.losses.edit_distance import edit_distance, hash_words
from seqmodels.models.transcription.transcriber import FrameLogits, Transcriber
from seqmodels.types import Array, Float, Metrics, Params, Task, Total

BLANK = 0


def transcription_task(
    build: Callable[[dict[str, Any]], Transcriber],
    alphabet: Sequence[str],
    *,
    per_symbol: bool = True,
) -> Task:
    """Return the task of writing ``fields["label"]`` for the frames ``fields["x"]`` by CTC.

        loss = sum_n -log p(y_n | x_n) / sum_n |y_n|

    Batches are ``data.batching.Batch``, both fields ``Padded``.  A label that does not fit into
    its frames, after subsampling, has no path.  It does not count in the loss, and ``misfits`` is
    the fraction of such labels.

    The metrics are ``nats`` per symbol, the error rates ``cer`` and ``wer`` of greedy decoding, the
    fraction of lines that are ``exact``, and the fraction of frames whose most likely symbol is a
    blank, ``blanks``.  Lines that do not fit count in all error rates.  ``wer`` exists if there is
    a space in the alphabet.

    build:      ``(rates) -> model``
    alphabet:   the symbols; the first is the blank
    per_symbol: divide the loss by the number of symbols; otherwise by the number of lines, in
                which a long line has a larger weight
    """

    def metrics_of(frames: FrameLogits, batch: Any) -> tuple[Array, Metrics]:
        found = _ctc(frames, batch)
        totals = transcription_metrics(frames, found, batch, alphabet)
        nats = totals["nats"]
        metrics: Metrics = {**totals}
        if per_symbol:
            return nats.mean, metrics
        lines = jnp.sum(jnp.where(found.fits, batch.weight, 0.0))
        return Total(nats.sum, lines).mean, metrics

    def loss(params: Params, rates: dict, memory: Any, batch: Any, key: Any):
        frames = build(rates).apply(params, batch.fields["x"], key)
        value, metrics = metrics_of(frames, batch)
        return value, (memory, metrics)

    def measure(params: Params, rates: dict, memory: Any, batch: Any):
        frames = build({}).apply(params, batch.fields["x"])
        return memory, metrics_of(frames, batch)[1]

    return Task(init=lambda key: build({}).init(key), loss=loss, measure=measure)


def _ctc(frames: FrameLogits, batch: Any) -> CtcLoss:
    label = batch.fields["label"]
    values, mask = jnp.asarray(label.values), jnp.asarray(label.mask)
    return ctc_loss(frames.logits, frames.mask, values, mask, blank=BLANK)


def transcription_metrics(
    frames: FrameLogits, found: CtcLoss, batch: Any, alphabet: Sequence[str]
) -> dict[str, Total]:
    """Return ``nats``, ``misfits`` and the error rates."""
    weight = jnp.asarray(batch.weight, jnp.float32)
    lengths = jnp.sum(jnp.asarray(batch.fields["label"].mask), axis=0, dtype=jnp.float32)
    fits = found.fits.astype(jnp.float32)
    return {
        "nats": Total(jnp.sum(weight * found.nats), jnp.sum(weight * fits * lengths)),
        "misfits": weighted_sum(1.0 - fits, weight),
        **error_metrics(frames, batch, alphabet),
    }


def error_metrics(frames: FrameLogits, batch: Any, alphabet: Sequence[str]) -> dict[str, Total]:
    """Return ``cer``, ``exact``, ``blanks`` and, with a space, ``wer`` of greedy decoding."""
    label, weight = batch.fields["label"], jnp.asarray(batch.weight, jnp.float32)
    written = ctc_greedy(frames.logits, frames.mask, blank=BLANK)
    truth = Transcripts(jnp.asarray(label.values), jnp.asarray(label.mask))
    edits, lengths = _edits(written, truth)
    is_blank = jnp.argmax(frames.logits, axis=-1) == BLANK
    metrics = {
        "cer": Total(jnp.sum(weight * edits), jnp.sum(weight * lengths)),
        "exact": weighted_sum((edits == 0).astype(jnp.float32), weight),
        "blanks": weighted_sum(
            is_blank.astype(jnp.float32), jnp.where(frames.mask, weight[None], 0.0)
        ),
    }
    if " " in alphabet:
        space = list(alphabet).index(" ")
        words = _edits(*(Transcripts(*hash_words(*each, space)) for each in (written, truth)))
        metrics["wer"] = Total(*(jnp.sum(weight * count) for count in words))
    return metrics


def _edits(written: Transcripts, truth: Transcripts) -> tuple[Float[Array, "B"], Float[Array, "B"]]:
    """Return the edits of each line and its length, as numbers with a fraction."""
    edits = edit_distance(written.tokens, written.mask, truth.tokens, truth.mask)
    return edits.astype(jnp.float32), jnp.sum(truth.mask, axis=0, dtype=jnp.float32)
