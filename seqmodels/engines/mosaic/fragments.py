"""Operations on arrays as fragments, because a value inside a kernel cannot be sliced or joined.

``update`` splits ``[*B, G*H]`` into gates.  So an array ``[*B, *N, L]`` is represented by a numpy
array ``[*N, L / width]`` of fragments, of which each warpgroup holds its own (``layout.py``).
Slicing, splitting, joining, padding and reshaping act on the numpy array during tracing.
Elementwise operations act on each fragment.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from seqmodels.engines.mosaic.layout import ClusterLayout, unsupported
from seqmodels.engines.mosaic.tape import Equation, Matrix, Tape, Variable
from seqmodels.types import Array

# The elementwise operations that Mosaic GPU can lower.
ELEMENTWISE = """
    abs add and clamp convert_element_type cos div eq exp exp2 ge gt integer_pow le log logistic lt
    max min mul ne neg not or rem rsqrt select_n sign sin square sub tanh xor
"""


class Fragments(NamedTuple):
    """An array as fragments; its batch axes begin at ``batch_axis``."""

    grid: np.ndarray  # of arrays [units, rows]
    batch_axis: int = 0


def as_grid(fragments: Sequence, shape: tuple[int, ...]) -> np.ndarray:
    """Return a numpy array of fragments."""
    return np.fromiter(fragments, object, len(fragments)).reshape(shape)


def map_grid(function: Callable, *grids: np.ndarray) -> np.ndarray:
    """Apply a function to the fragments at each position."""
    out = np.frompyfunc(function, len(grids), 1)(*grids)
    return out if isinstance(out, np.ndarray) else as_grid([out], ())


def replay(
    tape: Tape, layout: ClusterLayout, read: Callable[[Variable], Any], rules: dict[str, Callable]
) -> Callable[[Any], Any]:
    """Replay the tape by ``rules`` and return a function from operands to their values.

    ``read`` returns the values of the variables that the tape does not compute.
    """
    values: dict[Variable, Any] = {}

    def value(operand: Any) -> Any:
        if not isinstance(operand, Variable):
            return operand
        if operand not in values:
            values[operand] = read(operand)
        return values[operand]

    for eqn in tape.equations:
        rule = rules.get(eqn.primitive.name)
        if rule is None:
            raise unsupported(f"the operation {eqn.primitive.name}")
        outputs = rule(layout, eqn, *[value(operand) for operand in eqn.inputs])
        outputs = outputs if isinstance(outputs, list) else [outputs]
        values |= zip(eqn.outputs, outputs, strict=True)
    return value


def elementwise(layout: ClusterLayout, eqn: Equation, *inputs: Any) -> Any:
    """Apply an operation to each fragment; operands may be numbers."""
    arrays = [x for x in inputs if isinstance(x, Fragments)]

    def bind(*fragments: Array) -> Array:
        rest = iter(fragments)
        operands = [next(rest) if isinstance(x, Fragments) else x for x in inputs]
        return eqn.primitive.bind(*operands, **eqn.params)

    if not arrays:
        return bind()
    batch_axis = arrays[0].batch_axis
    if any(x.batch_axis != batch_axis for x in arrays):
        raise unsupported("batch axes in different places")
    shape = layout.grid(eqn.outputs[0].shape, batch_axis)
    grids = [np.broadcast_to(x.grid, shape) for x in arrays]
    return Fragments(map_grid(bind, *grids), batch_axis)


def broadcast(layout: ClusterLayout, eqn: Equation, x: Any) -> Fragments:
    """Broadcast a number, one number per row, or a column to all features."""
    shape, axes = eqn.params["shape"], eqn.params["broadcast_dimensions"]
    grid, batch = layout.grid(shape), len(layout.batch)
    if not isinstance(x, Fragments):
        full = eqn.primitive.bind(x, **eqn.params | {"shape": layout.fragment})
        return Fragments(as_grid([full] * math.prod(grid), grid))
    features = axes[batch:]
    if axes[:batch] != tuple(range(batch)) or (features and features[-1] != len(shape) - 1):
        raise unsupported("an array repeated along other axes than all features")
    sizes = dict(zip(features, x.grid.shape, strict=True))
    aligned = x.grid.reshape([sizes.get(axis, 1) for axis in range(batch, len(shape))])
    return Fragments(np.broadcast_to(aligned, grid))


def reshape(layout: ClusterLayout, eqn: Equation, x: Fragments) -> Fragments:
    """Reshape the features, or turn one number per row into a column and back."""
    shape = eqn.outputs[0].shape
    grid = layout.grid(shape)
    if x.grid.size != math.prod(grid):
        raise unsupported(f"a reshape to {shape}")
    return Fragments(x.grid.reshape(grid))


def slice_features(layout: ClusterLayout, eqn: Equation, x: Fragments) -> Fragments:
    """Slice the features at the bounds of fragments."""
    starts, limits = eqn.params["start_indices"], eqn.params["limit_indices"]
    if any(stride != 1 for stride in eqn.params["strides"] or ()):
        raise unsupported("a slice with strides")
    shape = eqn.inputs[0].shape
    ends = [
        tuple(layout.fragments_along(axis, size, shape) for axis, size in enumerate(sizes))
        for sizes in (starts, limits)
    ]
    index = [slice(*pair) for pair in zip(*ends, strict=True)]
    return Fragments(x.grid[tuple(index[len(layout.batch) :])])


def split(layout: ClusterLayout, eqn: Equation, x: Fragments) -> list[Fragments]:
    """Split an array into parts of whole fragments."""
    axis, shape = eqn.params["axis"], eqn.inputs[0].shape
    ends = np.cumsum(eqn.params["sizes"])
    places = [layout.fragments_along(axis, int(end), shape) for end in ends]
    parts = np.split(x.grid, places[:-1], axis - len(layout.batch))
    return [Fragments(part) for part in parts]


def concatenate(layout: ClusterLayout, eqn: Equation, *inputs: Fragments) -> Fragments:
    """Concatenate arrays of whole fragments."""
    axis = eqn.params["dimension"]
    for variable in eqn.inputs:  # raises if an array has no whole fragments
        layout.fragments_along(axis, variable.shape[axis], eqn.outputs[0].shape)
    return Fragments(np.concatenate([x.grid for x in inputs], axis - len(layout.batch)))


def pad(layout: ClusterLayout, eqn: Equation, x: Fragments, filler: Any) -> Fragments:
    """Pad an array at its ends with whole fragments of one value."""
    config, shape = eqn.params["padding_config"], eqn.outputs[0].shape
    if any(low < 0 or high < 0 or interior for low, high, interior in config):
        raise unsupported("padding other than at the ends")
    widths = [
        [layout.fragments_along(axis, side, shape) for side in sides[:2]]
        for axis, sides in enumerate(config)
    ][len(layout.batch) :]
    grid = layout.grid(shape)
    full = jnp.full(layout.fragment, filler, x.grid.flat[0].dtype)
    padded = as_grid([full] * math.prod(grid), grid)
    inner = zip(widths, x.grid.shape, strict=True)
    padded[tuple(slice(low, low + size) for (low, _), size in inner)] = x.grid
    return Fragments(padded)


def transpose(layout: ClusterLayout, eqn: Equation, x: Fragments) -> Fragments:
    """Move the batch axes, the only transpose that needs no work."""
    order, axes = list(eqn.params["permutation"]), len(layout.batch)
    at = order.index(x.batch_axis) if axes else x.batch_axis
    batch = list(range(x.batch_axis, x.batch_axis + axes))
    features = order[:at] + order[at + axes :]
    if order[at : at + axes] != batch or features != sorted(features):
        raise unsupported("a transpose of features")
    return Fragments(x.grid, at)


def contract(
    layout: ClusterLayout, eqn: Equation, left: Any, right: Any, multiply: Callable
) -> Fragments:
    """Multiply by a constant; ``multiply`` maps fragments ``[heads, K]`` to ``[heads, M]``."""
    contracted, heads = eqn.params["dimension_numbers"]
    if is_left := isinstance(left, Matrix):
        left, right, contracted, heads = right, left, contracted[::-1], heads[::-1]
    if not isinstance(left, Fragments) or not isinstance(right, Matrix):
        raise unsupported("a matmul of two things that change with time")
    at, axes = left.batch_axis, len(layout.batch)
    features = [*range(at), *range(at + axes, left.grid.ndim + axes)]
    has_heads = len(right.shape) == 3
    if ((*heads[0], *contracted[0]), heads[1]) != (tuple(features), (0,) * has_heads):
        raise unsupported("a matmul along another axis than the last")
    out = multiply(left.grid.reshape(-1, left.grid.shape[-1]))
    return Fragments(out if has_heads else out[0], has_heads + is_left)


RULES: dict[str, Callable[..., Any]] = {
    **dict.fromkeys(ELEMENTWISE.split(), elementwise),
    "broadcast_in_dim": broadcast,
    "concatenate": concatenate,
    "expand_dims": reshape,
    "pad": pad,
    "reshape": reshape,
    "slice": slice_features,
    "split": split,
    "squeeze": reshape,
    "transpose": transpose,
}
