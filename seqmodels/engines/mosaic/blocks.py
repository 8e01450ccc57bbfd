"""Operations on arrays in blocks, since values in a kernel can be neither cut nor joined.

``update`` cuts ``[*B, G*H]`` into gates.  So an array ``[*B, *N, L]`` is a numpy array
``[*N, L / width]`` of blocks: to slice, split, join, pad or reshape it is numpy's work while
tracing; elementwise operations act block by block, and a matmul is a sum over blocks.
"""

import math
from collections.abc import Callable, Sequence
from functools import reduce
from operator import add
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from seqmodels.engines.mosaic.layout import Layout, refused
from seqmodels.engines.mosaic.tape import Equation, Matrix, Slot, Tape
from seqmodels.types import Array

# Those that act on each element alone.
ELEMENTWISE = """
    abs add add_any and ceil clamp convert_element_type copy cos div eq erf_inv exp exp2 expm1 floor
    ge gt integer_pow is_finite le log log1p logistic lt max min mul ne neg not or pow rem rsqrt
    select_n sign sin sqrt square stop_gradient sub tan tanh xor
"""


class Rows(NamedTuple):
    """An array in blocks; ``at`` is where its batch axes begin."""

    blocks: np.ndarray  # of arrays [rows], [rows, 1] or [rows, width]
    at: int = 0


def boxed(blocks: Sequence, grid: tuple[int, ...]) -> np.ndarray:
    """A numpy array of blocks."""
    return np.fromiter(blocks, object, len(blocks)).reshape(grid)


def each(function: Callable, *arrays: Any) -> np.ndarray:
    """``function`` of the blocks at every place."""
    out = np.frompyfunc(function, len(arrays), 1)(*arrays)
    return out if isinstance(out, np.ndarray) else boxed([out], ())


def spread(blocks: np.ndarray, grid: tuple[int, ...], block: tuple[int, ...]) -> np.ndarray:
    """Rows or columns repeated: blocks of [rows] or [rows, 1] to a grid of larger ones."""

    def repeat(a: Array) -> Array:
        return jnp.broadcast_to(jnp.expand_dims(a, range(a.ndim, len(block))), block)

    if all(a.shape == block for a in blocks.flat) and blocks.shape == grid:
        return blocks
    return np.broadcast_to(each(repeat, blocks), grid)


def replay(
    tape: Tape, layout: Layout, read: Callable[[Any], Any], rules: dict | None = None
) -> Callable[[Any], Any]:
    """Run the tape; gives what finds values.  ``read`` has those that are not computed here."""
    values: dict[Slot, Any] = {}

    def value(operand: Any) -> Any:
        if isinstance(operand, Matrix):
            return read(operand)
        if isinstance(operand, Slot) and operand not in values:
            values[operand] = read(operand)
        return values[operand] if isinstance(operand, Slot) else operand

    for eqn in tape.equations:
        rule = (rules or RULES).get(eqn.primitive.name)
        if rule is None:
            raise refused(f"the operation {eqn.primitive.name}")
        outputs = rule(layout, eqn, *[value(operand) for operand in eqn.inputs])
        outputs = outputs if isinstance(outputs, list) else [outputs]
        values |= zip(eqn.outputs, outputs, strict=True)
    return value


def elementwise(layout: Layout, eqn: Equation, *inputs: Any) -> Any:
    """Block by block, beside numbers."""
    rows = [x for x in inputs if isinstance(x, Rows)]

    def bind(*blocks: Array) -> Array:
        rest = iter(blocks)
        operands = [next(rest) if isinstance(x, Rows) else x for x in inputs]
        return eqn.primitive.bind(*operands, **eqn.params)

    if not rows:
        return bind()
    if any(x.at != rows[0].at for x in rows):
        raise refused("batch axes in different places")
    divided = layout.divide(eqn.outputs[0].shape, rows[0].at)
    return Rows(each(bind, *[spread(x.blocks, *divided) for x in rows]), rows[0].at)


def broadcast(layout: Layout, eqn: Equation, x: Any) -> Rows:
    """A number, a row's number or a column to all features."""
    shape, places = eqn.params["shape"], eqn.params["broadcast_dimensions"]
    grid, block = layout.divide(shape)
    if not isinstance(x, Rows):
        full = eqn.primitive.bind(x, **eqn.params | {"shape": block})
        return Rows(boxed([full] * math.prod(grid), grid))
    features = places[len(layout.batch) :]
    kept = places[: len(layout.batch)] == tuple(range(len(layout.batch)))
    if not kept or (features and features[-1] != len(shape) - 1):
        raise refused("an array repeated along other axes than all features")
    sizes = dict(zip(features, x.blocks.shape, strict=True))
    axes = range(len(layout.batch), len(shape))
    return Rows(spread(x.blocks.reshape([sizes.get(axis, 1) for axis in axes]), grid, block))


def regroup(layout: Layout, eqn: Equation, x: Rows) -> Rows:
    """Reshape: the features in another grid, or a row's number as a column and back."""
    shape = eqn.outputs[0].shape
    grid, block = layout.divide(shape)
    if (x.blocks.size, x.blocks.flat[0].size) != (math.prod(grid), math.prod(block)):
        raise refused(f"a reshape to {shape}")
    return Rows(each(lambda a: jnp.reshape(a, block), x.blocks.reshape(grid)))


def cut(layout: Layout, eqn: Equation, x: Rows) -> Rows:
    """Slice."""
    starts, limits = eqn.params["start_indices"], eqn.params["limit_indices"]
    if any(stride != 1 for stride in eqn.params["strides"] or ()):
        raise refused("a slice with strides")
    shape = eqn.inputs[0].shape
    ends = [
        tuple(layout.blocks(axis, size, shape) for axis, size in enumerate(sizes))
        for sizes in (starts, limits)
    ]
    index = [slice(*pair) for pair in zip(*ends, strict=True)]
    return Rows(x.blocks[tuple(index[len(layout.batch) :])])


def split(layout: Layout, eqn: Equation, x: Rows) -> list[Rows]:
    """Split."""
    axis, shape = eqn.params["axis"], eqn.inputs[0].shape
    places = [layout.blocks(axis, int(end), shape) for end in np.cumsum(eqn.params["sizes"])]
    return [Rows(part) for part in np.split(x.blocks, places[:-1], axis - len(layout.batch))]


def join(layout: Layout, eqn: Equation, *inputs: Rows) -> Rows:
    """Concatenate."""
    axis = eqn.params["dimension"]
    for slot in eqn.inputs:
        layout.blocks(axis, slot.shape[axis], eqn.outputs[0].shape)
    return Rows(np.concatenate([x.blocks for x in inputs], axis - len(layout.batch)))


def pad(layout: Layout, eqn: Equation, x: Rows, filler: Any) -> Rows:
    """Pad."""
    config, shape = eqn.params["padding_config"], eqn.outputs[0].shape
    if any(low < 0 or high < 0 or interior for low, high, interior in config):
        raise refused("padding other than at the ends")
    widths = [
        [layout.blocks(axis, side, shape) for side in sides[:2]]
        for axis, sides in enumerate(config)
    ][len(layout.batch) :]
    grid, block = layout.divide(shape)
    blocks = boxed([jnp.full(block, filler, x.blocks.flat[0].dtype)] * math.prod(grid), grid)
    inner = zip(widths, x.blocks.shape, strict=True)
    blocks[tuple(slice(low, low + size) for (low, _), size in inner)] = x.blocks
    return Rows(blocks)


def move(layout: Layout, eqn: Equation, x: Rows) -> Rows:
    """Transpose, which may move the batch axes alone."""
    order, axes = list(eqn.params["permutation"]), len(layout.batch)
    at = order.index(x.at) if axes else x.at
    batch = list(range(x.at, x.at + axes))
    features = order[:at] + order[at + axes :]
    if order[at : at + axes] != batch or features != sorted(features):
        raise refused("a transpose of features")
    return Rows(x.blocks, at)


def total(layout: Layout, eqn: Equation, x: Rows) -> Rows:
    """The sum of a row's features."""
    if x.blocks.ndim != 1 or eqn.params["axes"] != (len(layout.batch),):
        raise refused("a sum over other axes than all features")
    sums = [jnp.sum(block, axis=-1) for block in x.blocks]
    return Rows(boxed([reduce(add, sums)], ()))


class Factor(NamedTuple):
    """A matrix ``[K, M]``, or one for each head ``[N, K, M]``, in the kernel's memory."""

    ref: Any
    shape: tuple[int, ...]


def contract(layout: Layout, eqn: Equation, left: Any, right: Any, product: Callable) -> Rows:
    """A matmul with a constant, where ``product`` takes blocks ``[heads, K]`` to ``[heads, M]``."""
    contracted, heads = eqn.params["dimension_numbers"]
    if ours := isinstance(left, Factor):
        left, right, contracted, heads = right, left, contracted[::-1], heads[::-1]
    if not isinstance(left, Rows) or not isinstance(right, Factor):
        raise refused("a matmul of two things that change with time")
    at, axes = left.at, len(layout.batch)
    features = [*range(at), *range(at + axes, left.blocks.ndim + axes)]
    many = len(right.shape) == 3
    if ((*heads[0], *contracted[0]), heads[1]) != (tuple(features), (0,) * many):
        raise refused("a matmul along another axis than the last")
    flipped = contracted[1] == (len(right.shape) - 1,)
    out = product(left.blocks.reshape(-1, left.blocks.shape[-1]), right, flipped)
    return Rows(out if many else out[0], many + ours)


RULES: dict[str, Callable[..., Any]] = {
    **dict.fromkeys(ELEMENTWISE.split(), elementwise),
    "broadcast_in_dim": broadcast,
    "concatenate": join,
    "expand_dims": regroup,
    "pad": pad,
    "reduce_sum": total,
    "reshape": regroup,
    "slice": cut,
    "split": split,
    "squeeze": regroup,
    "transpose": move,
}
