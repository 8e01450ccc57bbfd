"""Recognition of a whole split: logits of all lines, and what a decoder reads from them."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Int

from seqmodels.data.batching import Batch, Batches
from seqmodels.data.ragged import Padded
from seqmodels.decode.ctc import Transcripts
from seqmodels.losses.ctc import (
    Posteriors,
    Spans,
    ctc_alignment,
    ctc_loss,
    ctc_posteriors,
    symbol_spans,
)
from seqmodels.models.transcription.transcriber import FrameLogits, Transcriber
from seqmodels.types import Array, Bool, Params

Symbols = list[int]


class LineLogits(NamedTuple):
    """The logits of a batch of lines, and the indices of the lines; -1 if a row is not a line."""

    frames: FrameLogits
    rows: Int[np.ndarray, "B"]


class LabelAlignment(NamedTuple):
    """Where the symbols of given labels are, and whether each label fits into its frames."""

    spans: Spans
    posteriors: Posteriors
    fits: Bool[Array, "B"]


def align_labels(frames: FrameLogits, labels: Transcripts) -> LabelAlignment:
    """Return the most likely alignment of labels, and the posteriors given the labels."""
    arguments = *frames, *labels
    posteriors = ctc_posteriors(*arguments)
    spans = symbol_spans(ctc_alignment(*arguments), posteriors)
    return LabelAlignment(spans, posteriors, ctc_loss(*arguments).fits)


def frame_symbols(
    model: Transcriber, params: Params, batches: Batches
) -> list[Int[np.ndarray, "T"]]:
    """Return the symbol of every frame, by the most likely alignment of each line's label.

    A line whose label does not fit has only blanks.
    """

    def align(x: Padded, labels: Transcripts) -> Transcripts:
        frames = model.apply(params, x)
        found = ctc_alignment(*frames, *labels).symbols > 0.5
        symbols = jnp.sum(jnp.where(found, labels.tokens[None], 0), axis=1)
        fits = ctc_loss(*frames, *labels).fits
        return Transcripts(jnp.where(fits[None], symbols, 0), frames.mask)

    found: dict[int, list[int]] = {}
    run = jax.jit(align)
    for batch in map(batches, range(batches.steps_per_epoch)):
        labels = Transcripts(*map(jnp.asarray, batch.fields["label"]))
        found |= _by_row(run(batch.fields["x"], labels), batch.rows)
    return [np.array(found[row], np.int32) for row in sorted(found)]


def predict_lines(model: Transcriber, params: Params, batches: Batches) -> list[LineLogits]:
    """Return the logits of all lines of an epoch."""
    apply = jax.jit(model.apply)
    steps = map(batches, range(batches.steps_per_epoch))
    return [LineLogits(apply(params, batch.fields["x"]), batch.rows) for batch in steps]


def decode_lines(
    lines: Sequence[LineLogits], decode: Callable[[FrameLogits], Transcripts]
) -> list[Symbols]:
    """Return the symbols that a decoder reads from each line, in the order of the data."""
    found: dict[int, Symbols] = {}
    for frames, rows in lines:
        found |= _by_row(jax.device_get(decode(frames)), rows)
    return [found[row] for row in sorted(found)]


def line_labels(batches: Batches) -> list[Symbols]:
    """Return the symbols of the labels of all lines, in the order of the data."""
    found: dict[int, Symbols] = {}
    for step in range(batches.steps_per_epoch):
        batch: Batch = batches(step)
        found |= _by_row(Transcripts(*batch.fields["label"]), batch.rows)
    return [found[row] for row in sorted(found)]


def _by_row(transcripts: Transcripts, rows: Int[np.ndarray, "B"]) -> dict[int, Symbols]:
    tokens, mask = (np.asarray(part) for part in transcripts)
    return {int(row): tokens[mask[:, n], n].tolist() for n, row in enumerate(rows) if row >= 0}


def frame_stride(model: Transcriber, params: Params, x: Any) -> int:
    """Return the number of steps of the inputs that a frame of the logits covers.

    x: any inputs ``Padded`` of the model, of which only the number of features matters
    """
    steps = 1024  # a multiple of any stride
    values = jax.ShapeDtypeStruct((steps, 1, *x.values.shape[2:]), jnp.float32)
    mask = jax.ShapeDtypeStruct((steps, 1), jnp.bool_)
    frames = jax.eval_shape(model.apply, params, x._replace(values=values, mask=mask))
    return steps // len(frames.mask)
