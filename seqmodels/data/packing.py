"""Short sequences packed into rows of one length, separated by resets of the carry.

A row holds several sequences, one after the other. A cell that is unrolled with the rows'
``resets`` gives each sequence the outputs and gradients that it has alone. Little of a batch is
padding.
"""

from bisect import bisect_left, insort
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Int, Shaped

from seqmodels.data.batching import Batches, Fields, count_examples, example_batches
from seqmodels.data.ragged import Ragged, zero_where_masked
from seqmodels.errors import UserError


class PackedBatch(NamedTuple):
    """B rows of T steps, each with several examples; fields and masks are time-major.

    fields:   ragged fields, and fields with one value per example repeated at each of its steps;
              0 in padding
    mask:     False in padding, which is at the end of a row
    resets:   True at the first step of each example, where the carry must be reset
    examples: index of the example of each step; -1 in padding
    """

    fields: dict[str, np.ndarray]
    mask: Bool[np.ndarray, "T B"]
    resets: Bool[np.ndarray, "T B"]
    examples: Int[np.ndarray, "T B"]


class PaddingShares(NamedTuple):
    """The share of the time steps that is padding, in buckets and in packed rows.

    saved: fraction of the time steps in buckets that packing saves
    """

    buckets: float
    packed: float
    saved: float


def packed_batches(
    fields: Fields, batch_size: int, length: int, *, seed: int | None = None
) -> Batches:
    """Return ``PackedBatch`` batches of rows of up to ``length`` steps.

    The same examples share a row in every epoch. With a seed, the order of the rows is drawn from
    ``(seed, epoch)``. An example without steps occurs in no batch.

    fields: for each name one entry per example; all ragged fields have the same lengths
    """
    lengths = _common_lengths(fields)
    rows = pack(lengths, length)
    order = np.concatenate(rows)
    example = np.repeat(order, lengths[order])  # of each packed step
    begin = np.cumsum(lengths[order]) - lengths[order]
    position = np.arange(len(example)) - np.repeat(begin, lengths[order])  # in its example
    offsets = np.cumsum([0, *(lengths[row].sum() for row in rows)])
    steps = Ragged(np.arange(len(example)), offsets)
    batches = example_batches({"step": steps}, batch_size, bounds=(length,), seed=seed)

    def at(step: int, part: slice) -> PackedBatch:
        index, mask = batches(step, part).fields["step"]
        owner, first = example[index], position[index] == 0
        values = {
            name: field.values[field.offsets[owner] + position[index]]
            if isinstance(field, Ragged)
            else field[owner]
            for name, field in fields.items()
        }
        values = {name: zero_where_masked(value, mask) for name, value in values.items()}
        return PackedBatch(values, mask, mask & first, np.where(mask, owner, -1).astype(np.int32))

    return replace(batches, at=at, batch_axis=1)


def pack(lengths: Int[np.ndarray, "examples"], length: int) -> list[Int[np.ndarray, "row"]]:
    """Return rows of indices whose lengths sum to at most ``length``, by best-fit decreasing.

    The longest example comes first and goes to the fullest row that has room. There are at most
    11 / 9 of the fewest possible rows, plus 4: Johnson et al. (1974), "Worst-case performance
    bounds for simple one-dimensional packing algorithms".

    >>> pack(np.array([2, 6, 4, 3, 0]), 8)
    [array([1, 0]), array([2, 3])]
    """
    if max(lengths, default=0) > length:
        raise UserError(
            f"example {np.argmax(lengths)} has length {max(lengths)}, above the rows of {length} "
            f"steps; choose longer rows or truncate the example"
        )
    rows: list[list[int]] = []
    free: list[tuple[int, int]] = []  # the free steps and the index of each row, sorted
    for example in np.argsort(-lengths, kind="stable").tolist():
        size = int(lengths[example])
        if size == 0:
            break
        place = bisect_left(free, (size, 0))
        room, row = free.pop(place) if place < len(free) else (length, len(rows))
        if row == len(rows):
            rows.append([])
        rows[row].append(example)
        if room > size:
            insort(free, (room - size, row))
    return [np.array(row) for row in rows]


def unpack(
    values: Shaped[np.ndarray, "T B *D"], examples: Int[np.ndarray, "T B"]
) -> dict[int, Shaped[np.ndarray, "length *D"]]:
    """Return the values of each example of a batch, by its index."""
    owner = examples.T.ravel()
    steps = np.flatnonzero(owner >= 0)
    steps = steps[np.argsort(owner[steps], kind="stable")]
    found, start = np.unique(owner[steps], return_index=True)
    by_row = np.swapaxes(values, 0, 1).reshape(owner.size, *values.shape[2:])
    return dict(zip(found.tolist(), np.split(by_row[steps], start[1:]), strict=True))


def padding_shares(
    lengths: Int[np.ndarray, "examples"], batch_size: int, length: int, *, buckets: int = 8
) -> PaddingShares:
    """Compare the padding of ``packed_batches`` with that of ``example_batches``.

    Both have rows that only fill the last batches, which count as padding.

    >>> padding_shares(np.array([4, 4, 6, 2, 8]), 1, 8, buckets=1)
    PaddingShares(buckets=0.4, packed=0.0, saved=0.4)
    """
    used = int(lengths.sum())
    field = {"x": Ragged(np.zeros(used, bool), np.cumsum([0, *lengths]))}
    padded = _time_steps(example_batches(field, batch_size, buckets=buckets))
    packed = _time_steps(packed_batches(field, batch_size, length))
    return PaddingShares(1 - used / padded, 1 - used / packed, 1 - packed / padded)


def _time_steps(batches: Batches) -> int:
    """Return the time steps of an epoch, with padding, of batches with one ragged field."""
    return sum(each.size * each.steps * max(each.lengths.values()) for each in batches.buckets)


def _common_lengths(fields: Fields) -> np.ndarray:
    count_examples(fields)  # raises an error if the fields differ
    lengths = {name: f.lengths for name, f in fields.items() if isinstance(f, Ragged)}
    if not lengths:
        raise UserError("there is no ragged field to pack; convert arrays with ragged(array)")
    first, *others = lengths
    if not lengths[first].any():
        raise UserError("the examples have no steps; give data that is not empty")
    for name in others:
        if not np.array_equal(lengths[first], lengths[name]):
            raise UserError(f"the fields {first!r} and {name!r} need equal lengths to share rows")
    return lengths[first]
