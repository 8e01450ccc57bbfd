"""Batches as a pure function of the step number, so that a run can resume anywhere.

``batches(step)`` never depends on what was asked before: position in the data and step are one
number.  Every shuffle is drawn from ``(seed, epoch)``.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from seqmodels.data.ragged import Padded, Ragged, pad
from seqmodels.errors import UserError

Fields = Mapping[str, np.ndarray | Ragged]
ALL = slice(None)


@dataclass(frozen=True)
class Batches:
    """Host batches by step number; epoch e is the steps from ``e * steps_per_epoch`` on.

    ``at(step, part)`` makes some rows of a batch of ``rows(step)``, which is all that a host reads
    where several share it; ``batch_axis`` is a prefix of a batch that tells where its rows lie.
    """

    at: Callable[[int, slice], Any]
    steps_per_epoch: int
    rows: Callable[[int], int]
    batch_axis: Any

    def __call__(self, step: int, part: slice = ALL) -> Any:
        return self.at(step, part)


class Batch(NamedTuple):
    """Some examples: a fixed field is ``[B, ...]``, a ragged one is ``Padded``, time first.

    A row that only fills up the shape has index -1, weight 0 and a mask that is False throughout.
    """

    fields: dict[str, np.ndarray | Padded]
    rows: Int[np.ndarray, "B"]
    weight: Float[np.ndarray, "B"]


class _Bucket(NamedTuple):
    """Examples that share one shape: ``size`` of them make a batch, in ``steps`` batches."""

    rows: np.ndarray
    size: int
    steps: int
    lengths: dict[str, int]


def batch_part(batch: Batch, part: slice) -> Batch:
    """Some rows of a batch."""
    fields = {
        name: Padded(*(leaf[:, part] for leaf in field))
        if isinstance(field, Padded)
        else field[part]
        for name, field in batch.fields.items()
    }
    return Batch(fields, batch.rows[part], batch.weight[part])


def example_batches(
    fields: Fields,
    batch_size: int,
    *,
    tokens: int | None = None,
    bounds: tuple[int, ...] | None = None,
    buckets: int = 8,
    seed: int | None = None,
    run: int = 1,
) -> Batches:
    """Batches in which every example comes exactly once an epoch.

    The longest ragged field of an example decides its bucket; in a bucket each field is padded to
    its own longest, so there are at most as many shapes as ``bounds``, or as ``buckets``, whose
    bounds are those that pad least.  With ``tokens`` a batch of long sequences holds only as many
    rows as make about that many time steps.  With a seed, examples
    and the order of batches are shuffled anew each epoch, in runs of ``run`` batches of one shape
    (the steps of one dispatch).
    """
    lengths = _lengths(fields)
    shapes = [
        _bucket(fields, rows, _size(batch_size, tokens, int(lengths[rows].max())))
        for rows in _by_length(lengths, bounds or length_bounds(lengths, buckets))
    ]
    plan = lru_cache(maxsize=2)(lambda epoch: _plan(shapes, seed, run, epoch))
    steps = sum(shape.steps for shape in shapes)

    def chosen(step: int) -> tuple[_Bucket, np.ndarray]:
        epoch, position = divmod(step, steps)
        return plan(epoch)[position]

    def at(step: int, part: slice) -> Batch:
        bucket, rows = chosen(step)
        return _gather(fields, rows[part], bucket.lengths)

    axes = {name: int(isinstance(field, Ragged)) for name, field in fields.items()}
    return Batches(at, steps, lambda step: len(chosen(step)[1]), Batch._make((axes, 0, 0)))


def length_bounds(lengths: Int[np.ndarray, "examples"], buckets: int = 8) -> tuple[int, ...]:
    """Upper bounds of the buckets that pad least, by dynamic programming.

        steps[j] = min_i steps[i] + (count[j] - count[i]) bound[j]

    Candidates are quantiles: a bucket of a handful of examples would make a batch mostly padding.
    """
    shares = np.arange(1, 4 * buckets + 1) / (4 * buckets)
    quantiles = np.unique(np.quantile(lengths, shares, method="inverted_cdf"))
    bounds = [int(bound) for bound in quantiles]
    counts = [int((lengths <= bound).sum()) for bound in bounds]

    def extended(best: list, j: int) -> tuple[int, tuple[int, ...]]:
        """The fewest padded steps up to bound j with one bucket more, and the bounds chosen."""
        grown = [
            (steps + (counts[j] - counts[i]) * bounds[j], (*chosen, bounds[j]))
            for i, (steps, chosen) in enumerate(best[:j])
        ]
        return min([best[j], *grown])

    best: list[tuple[int, tuple[int, ...]]] = [
        (count * bound, (bound,)) for count, bound in zip(counts, bounds, strict=True)
    ]
    for _ in range(buckets - 1):
        best = [extended(best, j) for j in range(len(bounds))]
    return best[-1][1]


def _lengths(fields: Fields) -> np.ndarray:
    """Of each example the length of its longest ragged field, 1 where it has none."""
    counts = {
        name: len(field.lengths if isinstance(field, Ragged) else field)
        for name, field in fields.items()
    }
    if len(set(counts.values())) != 1:
        raise UserError(f"every field needs one value per example, got {counts}")
    count = next(iter(counts.values()))
    if count == 0:
        raise UserError("there are no examples: give data that is not empty")
    ragged = [field.lengths for field in fields.values() if isinstance(field, Ragged)]
    return np.max([np.ones(count, np.int64), *ragged], axis=0)


def _by_length(lengths: np.ndarray, bounds: tuple[int, ...]) -> list[np.ndarray]:
    """Indices of the examples of each bucket, empty buckets left out."""
    if lengths.max() > max(bounds):
        raise UserError(
            f"example {lengths.argmax()} has length {lengths.max()}, above the last bucket "
            f"bound {max(bounds)}: raise the bound or cut the example"
        )
    bucket = np.searchsorted(np.sort(bounds), lengths)
    return [np.flatnonzero(bucket == index) for index in np.unique(bucket)]


def _size(batch_size: int, tokens: int | None, length: int) -> int:
    """Rows of a batch; where ``tokens`` limits them in eights, which suit vector units."""
    rows = batch_size if tokens is None else min(batch_size, tokens // length)
    if rows < 1:
        raise UserError(
            f"a batch of {batch_size} rows and {tokens} tokens has no room for an example of "
            f"length {length}: raise the batch size or the tokens"
        )
    return rows if rows == batch_size or rows < 8 else rows // 8 * 8


def _bucket(fields: Fields, rows: np.ndarray, size: int) -> _Bucket:
    lengths = {
        name: max(1, int(field.lengths[rows].max()))
        for name, field in fields.items()
        if isinstance(field, Ragged)
    }
    return _Bucket(rows, size, -(-len(rows) // size), lengths)


def _plan(
    buckets: list[_Bucket], seed: int | None, run: int, epoch: int
) -> list[tuple[_Bucket, np.ndarray]]:
    """The batches of one epoch in order: for each its bucket and its rows."""
    shuffle = (lambda x: x) if seed is None else np.random.default_rng([seed, epoch]).permutation
    runs = []
    for bucket in buckets:
        # Split evenly, so that no batch's gradient rests on a handful of left-over examples.
        parts = np.array_split(shuffle(bucket.rows), bucket.steps)
        batches = [(bucket, _fill(part, bucket.size)) for part in parts]
        runs += [batches[start : start + run] for start in range(0, len(batches), run)]
    order = shuffle(np.arange(len(runs)))
    return [batch for index in order for batch in runs[index]]


def _fill(rows: np.ndarray, size: int) -> np.ndarray:
    return np.concatenate([rows, np.full(size - len(rows), -1)]).astype(np.int32)


def _gather(fields: Fields, rows: np.ndarray, lengths: dict[str, int]) -> Batch:
    gathered = {
        name: pad(field, rows, lengths[name]) if isinstance(field, Ragged) else field[rows]
        for name, field in fields.items()
    }
    return Batch(gathered, rows, (rows >= 0).astype(np.float32))
