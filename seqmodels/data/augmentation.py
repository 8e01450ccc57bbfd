"""Random changes to the sequences of a training batch."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Int

from seqmodels.data.batching import Batch
from seqmodels.data.ragged import Padded

SequenceTransform = Callable[[Padded, np.random.Generator], Padded]
Augmentation = Callable[[Batch, np.random.Generator], Batch]


def sequence_augmentation(*transforms: SequenceTransform) -> Augmentation:
    """Return an augmentation that applies the transforms to field ``x``, one after the other."""

    def augment(batch: Batch, random: np.random.Generator) -> Batch:
        x = batch.fields["x"]
        assert isinstance(x, Padded)
        for transform in transforms:
            x = transform(x, random)
        return batch._replace(fields=batch.fields | {"x": x})

    return augment


def gaussian_noise(deviation: float) -> SequenceTransform:
    """Return a transform that adds noise of this standard deviation to every feature."""

    def transform(x: Padded, random: np.random.Generator) -> Padded:
        noise = deviation * random.standard_normal(x.values.shape, np.float32)
        return Padded(np.where(x.mask[..., None], x.values + noise, x.values), x.mask)

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
    steps = np.minimum(steps, len(x.mask) - 1)[..., None]
    values = np.take_along_axis(x.values, steps, axis=0)
    return Padded(np.where(mask[..., None], values, np.zeros_like(values)), mask)
