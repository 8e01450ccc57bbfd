"""Pairs of sentences as numbers, ready to be batched by length."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from experiments.translation.parallel import Pair
from seqmodels.data.batching import Batches, example_batches, length_bounds
from seqmodels.data.ragged import Ragged, ragged
from seqmodels.data.splits import Splits
from seqmodels.data.text.tokenizers import Units, learn_units, make_units
from seqmodels.data.text.vocabulary import END, START, Vocabulary
from seqmodels.errors import UserError

Fields = dict[str, Ragged]


class Sides(NamedTuple):
    """What the sentences of the two languages are made of."""

    source: Units
    target: Units

    @property
    def sizes(self) -> tuple[int, int]:
        """Symbols of each side."""
        return len(self.source.symbols), len(self.target.symbols)


def learn_sides(pairs: Sequence[Pair], kind: str, min_count: int, size: int) -> dict[str, Any]:
    """What ``make_sides`` needs to know of the training pairs, as JSON."""
    texts = zip(*pairs, strict=True)
    learnt = (learn_units(kind, side, min_count, size) for side in texts)
    return dict(zip(Sides._fields, learnt, strict=True))


def make_sides(learnt: dict[str, Any]) -> Sides:
    """The units that ``learn_sides`` found."""
    return Sides(*(make_units(learnt[side]) for side in Sides._fields))


def pair_fields(parts: Splits, sides: Sides, limit: int) -> Splits:
    """For each part ``source``, and ``target`` between ``<s>`` and ``</s>``.

    A pair with more than ``limit`` units on a side is left out.
    """
    words, answers = (Vocabulary(units.symbols) for units in sides)

    def fields(pairs: Sequence[Pair]) -> Fields:
        split = ((sides.source.split(a), sides.target.split(b)) for a, b in pairs)
        kept = [(a, b) for a, b in split if max(len(a), len(b)) <= limit]
        if not kept:
            raise UserError(f"--max-length {limit}: every pair of one of the parts is longer")
        return {
            "source": ragged([words.encode(a) for a, _ in kept]),
            "target": ragged([answers.encode([START, *b, END]) for _, b in kept]),
        }

    return Splits(*(fields(part) for part in parts))


def pair_batches(
    fields: Fields, batch_size: int, buckets: int, tokens: int = 0, **order: Any
) -> Batches:
    """``example_batches`` in ``buckets`` shapes; at most ``tokens`` steps to a batch, if not 0."""
    longest = np.maximum(fields["source"].lengths, fields["target"].lengths)
    bounds = length_bounds(longest, buckets)
    return example_batches(fields, batch_size, bounds=bounds, tokens=tokens or None, **order)


def labels(fields: Fields) -> np.ndarray:
    """All that is to be predicted, end to end: the targets without their ``<s>``."""
    starts = fields["target"].offsets[:-1]
    return np.delete(fields["target"].values, starts)
