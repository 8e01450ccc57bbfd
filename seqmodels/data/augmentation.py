"""Random changes to training batches.

An augmentation may change, add or remove any field of a batch. It keeps the rows. A program is
compiled for each shape, so the shapes of an augmented batch depend on those of the batch only.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from seqmodels.data.batching import Batch
from seqmodels.data.ragged import Padded, zero_where_masked
from seqmodels.errors import UserError

SequenceTransform = Callable[[Padded, np.random.Generator], Padded]
Augmentation = Callable[[Any, np.random.Generator], Any]  # from batch to batch


def compose(*augmentations: Augmentation) -> Augmentation:
    """Return an augmentation that applies these, one after the other."""

    def augment(batch: Any, random: np.random.Generator) -> Any:
        for augmentation in augmentations:
            batch = augmentation(batch, random)
        return batch

    return augment


def sequence_augmentation(
    *transforms: SequenceTransform, fields: Sequence[str] = ("x",)
) -> Augmentation:
    """Return an augmentation that applies the transforms to fields, one after the other.

    Each field draws different random numbers; ``row_augmentation`` changes several fields alike.
    """

    def augment(batch: Batch, random: np.random.Generator) -> Batch:
        changed = dict(batch.fields)
        for name in fields:
            x = _sequences(batch, name)
            for transform in transforms:
                x = transform(x, random)
            changed[name] = x
        return batch._replace(fields=changed)

    return augment


def row_augmentation(
    draw: Callable[[np.random.Generator, int], np.ndarray],
    transforms: Mapping[str, Callable[[Any, np.ndarray], Any]],
    record: str | None = None,
) -> Augmentation:
    """Return an augmentation with one parameter per row, which several fields share.

    draw:       ``(random, rows) -> parameter [B, ...]``, for example a transposition or a speed
    transforms: for each field to change, ``(field, parameter) -> field``
    record:     name of a new field that holds the parameter
    """

    def augment(batch: Batch, random: np.random.Generator) -> Batch:
        parameter = draw(random, len(batch.rows))
        fields = dict(batch.fields)
        for name, transform in transforms.items():
            fields[name] = transform(_field(batch, name), parameter)
        if record is not None:
            if record in fields:
                raise UserError(f"record={record!r}: the batch already has a field of this name")
            fields[record] = parameter
        return batch._replace(fields=fields)

    return augment


def stretch_time(x: Padded, speed: Float[np.ndarray, "B"], slowest: float) -> Padded:
    """Return each sequence played at its speed: step t has the value at ``speed * t``.

    Real values are interpolated linearly; integers (labels, tokens) are those of the nearest step.

    slowest: smallest speed; it determines the number of steps of the result
    """
    if speed.min() < slowest:
        raise UserError(f"a speed of {speed.min():g} is below slowest={slowest:g}")
    lengths = x.mask.sum(axis=0)
    steps = np.arange(int(np.ceil(len(x.mask) / slowest)))[:, None]
    mask = steps < np.ceil(lengths / speed)
    last = np.maximum(lengths - 1, 0)
    position = np.minimum(steps * speed, last)
    if not np.issubdtype(x.values.dtype, np.floating):
        return gather_steps(x, np.rint(position).astype(int), mask)
    before = position.astype(int)
    left, right = (
        gather_steps(x, at, mask).values for at in (before, np.minimum(before + 1, last))
    )
    weight = (position - before).astype(x.values.dtype)
    weight = weight.reshape(weight.shape + (1,) * (left.ndim - weight.ndim))
    return Padded(left + weight * (right - left), mask)


def gaussian_noise(deviation: float) -> SequenceTransform:
    """Return a transform that adds noise of this standard deviation to every feature."""

    def transform(x: Padded, random: np.random.Generator) -> Padded:
        noise = deviation * random.standard_normal(x.values.shape, np.float32)
        return Padded(x.values + zero_where_masked(noise, x.mask), x.mask)

    return transform


def random_window(minimum: float) -> SequenceTransform:
    """Return a transform that crops each sequence to a random window.

    minimum: smallest length of a window, as a fraction of its sequence
    """

    def transform(x: Padded, random: np.random.Generator) -> Padded:
        lengths, size = x.mask.sum(axis=0), x.mask.shape[1]
        cropped = np.ceil(lengths * random.uniform(minimum, 1.0, size)).astype(int)
        first = random.integers(0, lengths - cropped + 1)
        steps = np.arange(len(x.mask))[:, None]
        return gather_steps(x, steps + first, steps < cropped)

    return transform


def gather_steps(x: Padded, steps: Int[np.ndarray, "T B"], mask: Bool[np.ndarray, "T B"]) -> Padded:
    """Return ``x[steps[t, b], b]`` at step t of row b where the mask is True, elsewhere zero."""
    values = x.values[np.minimum(steps, len(x.mask) - 1), np.arange(x.mask.shape[1])]
    return Padded(zero_where_masked(values, mask), mask)


def _field(batch: Batch, name: str) -> Any:
    if name not in batch.fields:
        raise UserError(f"the batch has no field {name!r} (found: {', '.join(batch.fields)})")
    return batch.fields[name]


def _sequences(batch: Batch, name: str) -> Padded:
    field = _field(batch, name)
    if not isinstance(field, Padded):
        raise UserError(f"field {name!r} is not ragged; convert its array with ragged(array)")
    return field
