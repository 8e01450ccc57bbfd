"""Sequences of a training batch changed at random: functions ``(batch, random) -> batch``."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Int

from seqmodels.data.batching import Batch
from seqmodels.data.ragged import Padded

Change = Callable[[Padded, np.random.Generator], Padded]
Augment = Callable[[Batch, np.random.Generator], Batch]


def changes(*each: Change) -> Augment:
    """The field ``x`` of a batch after one change and then the next."""

    def augment(batch: Batch, random: np.random.Generator) -> Batch:
        x = batch.fields["x"]
        assert isinstance(x, Padded)
        for change in each:
            x = change(x, random)
        return batch._replace(fields=batch.fields | {"x": x})

    return augment


def noise(deviation: float) -> Change:
    """Normal noise of this deviation on every feature of every step."""

    def change(x: Padded, random: np.random.Generator) -> Padded:
        bumps = deviation * random.standard_normal(x.values.shape, np.float32)
        return Padded(np.where(x.mask[..., None], x.values + bumps, x.values), x.mask)

    return change


def window(least: float) -> Change:
    """A random stretch of each sequence: of this share of its steps, or of more, or of all."""

    def change(x: Padded, random: np.random.Generator) -> Padded:
        lengths, size = x.mask.sum(axis=0), x.mask.shape[1]
        kept = np.ceil(lengths * random.uniform(least, 1.0, size)).astype(int)
        first = random.integers(0, lengths - kept + 1)
        steps = np.arange(len(x.mask))[:, None]
        return taken(x, steps + first, steps < kept)

    return change


def taken(x: Padded, places: Int[np.ndarray, "T B"], mask: Bool[np.ndarray, "T B"]) -> Padded:
    """At step t of row b what stood at ``places[t, b]``, where the mask is True."""
    places = np.minimum(places, len(x.mask) - 1)[..., None]
    values = np.take_along_axis(x.values, places, axis=0)
    return Padded(np.where(mask[..., None], values, np.zeros_like(values)), mask)
