"""Batches as a pure function of the step number, so that a run can resume at any step.

The position in the data and the step are one number. The order of an epoch is drawn from
``(seed, epoch)``.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from seqmodels.data.ragged import Padded, Ragged, pad
from seqmodels.errors import UserError

Fields = Mapping[str, np.ndarray | Ragged]
ALL = slice(None)


class Bucket(NamedTuple):
    """Examples that are padded to one shape.

    rows:    indices of the examples
    size:    rows of a batch
    steps:   batches in an epoch
    lengths: for each ragged field the length to which it is padded
    longest: length of each example's longest ragged field
    """

    rows: Int[np.ndarray, "examples"]
    size: int
    steps: int
    lengths: dict[str, int]
    longest: Int[np.ndarray, "examples"]


@dataclass(frozen=True)
class Batches:
    """Host batches as a pure function of the step number.

    at:              ``(step, part) -> batch``: the rows ``part`` (a slice) of the batch of a step.
                     A batch is any pytree of arrays and numbers. Epoch e begins at step
                     ``e * steps_per_epoch``.
    steps_per_epoch: number of batches in an epoch
    rows:            ``(step) -> number of rows``. With it, each of several hosts makes only its
                     own rows; without it, ``part`` is always the whole batch.
    batch_axis:      prefix pytree of a batch with the batch axis of each leaf, None for a leaf
                     without one. With it, several devices share a batch; without it, each device
                     receives the whole batch.
    buckets:         the shapes to which examples are padded, if there are several
    bucket_at:       ``(step) -> index of the bucket`` that the batch of a step comes from
    """

    at: Callable[[int, slice], Any]
    steps_per_epoch: int
    rows: Callable[[int], int] | None = None
    batch_axis: Any = None
    buckets: Sequence[Bucket] = ()
    bucket_at: Callable[[int], int] = lambda step: 0

    def __call__(self, step: int, part: slice = ALL) -> Any:
        import jax  # slow to import, and not needed to describe data

        return jax.tree.map(_to_array, self.at(step, part))


class Batch(NamedTuple):
    """A batch of examples.

    A field is ``Padded``, with time first, if the examples hold it as ``Ragged``: inputs and labels
    of each step alike. Other fields are ``[B, ...]``: one label or picture per example, or
    sequences of one length. ``ragged(array)`` gives a field ``[N, T, ...]`` the first layout.

    rows:   indices of the examples. A row that only fills the shape has index -1, weight 0 and a
            mask that is False everywhere.
    weight: 1 for an example, otherwise 0
    """

    fields: dict[str, np.ndarray | Padded]
    rows: Int[np.ndarray, "B"]
    weight: Float[np.ndarray, "B"]


def example_axes(fields: Mapping[str, Any]) -> Batch:
    """Return the batch axes of a batch with these fields: 1 if they are ragged, otherwise 0."""
    axes = {name: int(isinstance(field, Ragged | Padded)) for name, field in fields.items()}
    return Batch._make((axes, 0, 0))


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
    """Return batches in which every example occurs exactly once per epoch.

    Examples are assigned to buckets by their longest ragged field. Within a bucket, each field is
    padded to its longest sequence, so there are at most as many shapes as buckets.

    tokens:  maximum time steps in a batch, rows times the longest sequence. Batches of long
             sequences have fewer rows.
    bounds:  maximum length of each bucket; by default those of ``length_bounds``
    buckets: number of buckets, if there are no bounds
    seed:    shuffle examples and batches in each epoch; None keeps the order of the data
    run:     consecutive batches of one shape when shuffled, for example the steps of a dispatch
    """
    lengths = _lengths(fields)
    groups = _by_length(lengths, bounds or length_bounds(lengths, buckets))
    shapes = [_bucket(fields, lengths, rows, batch_size, tokens) for rows in groups]
    plan = lru_cache(maxsize=2)(lambda epoch: _plan(shapes, seed, run, epoch))
    steps = sum(shape.steps for shape in shapes)

    def planned(step: int) -> tuple[int, np.ndarray]:
        epoch, position = divmod(step, steps)
        return plan(epoch)[position]

    def at(step: int, part: slice) -> Batch:
        index, rows = planned(step)
        return _gather(fields, rows[part], shapes[index].lengths)

    rows, bucket_at = (lambda step: len(planned(step)[1])), (lambda step: planned(step)[0])
    return Batches(at, steps, rows, example_axes(fields), shapes, bucket_at)


def length_bounds(lengths: Int[np.ndarray, "examples"], buckets: int = 8) -> tuple[int, ...]:
    """Return the upper bounds of the buckets with the least padding, by dynamic programming.

        steps[j] = min_i steps[i] + (count[j] - count[i]) bound[j]

    Candidates are quantiles, because batches of a bucket with few examples are mostly padding.
    """
    shares = np.arange(1, 4 * buckets + 1) / (4 * buckets)
    quantiles = np.unique(np.quantile(lengths, shares, method="inverted_cdf"))
    bounds = [int(bound) for bound in quantiles]
    counts = [int((lengths <= bound).sum()) for bound in bounds]

    def extended(best: list, j: int) -> tuple[int, tuple[int, ...]]:
        """Return the fewest padded steps up to bound j with one more bucket, and the bounds."""
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


def count_examples(fields: Fields) -> int:
    """Return the number of examples, for each of which every field has one entry."""
    counts = {
        name: len(field.lengths if isinstance(field, Ragged) else field)
        for name, field in fields.items()
    }
    if len(set(counts.values())) != 1:
        raise UserError(f"every field needs one value per example, not {counts}")
    return next(iter(counts.values()))


def _to_array(leaf: Any) -> Any:
    """Return a Python number as an array; arrays pass unchanged."""
    return leaf if hasattr(leaf, "shape") else np.asarray(leaf)


def _lengths(fields: Fields) -> np.ndarray:
    """Return the length of each example's longest ragged field, or 1 without such a field."""
    count = count_examples(fields)
    if count == 0:
        raise UserError("there are no examples; give data that is not empty")
    ragged = [field.lengths for field in fields.values() if isinstance(field, Ragged)]
    return np.max([np.ones(count, np.int64), *ragged], axis=0)


def _by_length(lengths: np.ndarray, bounds: tuple[int, ...]) -> list[np.ndarray]:
    """Return the indices of the examples of each bucket that is not empty."""
    if lengths.max() > max(bounds):
        raise UserError(
            f"example {lengths.argmax()} has length {lengths.max()}, above the last bucket "
            f"bound {max(bounds)}; raise the bound or truncate the example"
        )
    bucket = np.searchsorted(np.sort(bounds), lengths)
    return [np.flatnonzero(bucket == index) for index in np.unique(bucket)]


def _size(batch_size: int, tokens: int | None, length: int) -> int:
    """Return the rows of a batch; if ``tokens`` limits them, a multiple of 8 for vector units."""
    rows = batch_size if tokens is None else min(batch_size, tokens // length)
    if rows < 1:
        raise UserError(
            f"a batch of {batch_size} rows and {tokens} tokens cannot hold an example of length "
            f"{length}; raise the batch size or the tokens"
        )
    return rows if rows == batch_size or rows < 8 else rows // 8 * 8


def _bucket(
    fields: Fields, lengths: np.ndarray, rows: np.ndarray, batch_size: int, tokens: int | None
) -> Bucket:
    size = _size(batch_size, tokens, int(lengths[rows].max()))
    padded = {
        name: max(1, int(field.lengths[rows].max()))
        for name, field in fields.items()
        if isinstance(field, Ragged)
    }
    return Bucket(rows, size, -(-len(rows) // size), padded, lengths[rows])


def _plan(
    buckets: list[Bucket], seed: int | None, run: int, epoch: int
) -> list[tuple[int, np.ndarray]]:
    """Return the index of the bucket and the rows of each batch of an epoch."""
    shuffle = (lambda x: x) if seed is None else np.random.default_rng([seed, epoch]).permutation
    runs = []
    for index, bucket in enumerate(buckets):
        # Split evenly, so that no batch has only a few remaining examples.
        parts = np.array_split(shuffle(bucket.rows), bucket.steps)
        batches = [(index, _fill(part, bucket.size)) for part in parts]
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
