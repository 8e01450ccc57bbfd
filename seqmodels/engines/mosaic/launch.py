"""A scan as one kernel launch: its step recorded on a tape, its arrays packed for the kernel."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax

from seqmodels.engines.mosaic.layout import Layout
from seqmodels.engines.mosaic.tape import Slot, Tape, record
from seqmodels.types import Array, PyTree


class Source(NamedTuple):
    """An array that the kernel reads: whole, or at step t its t-th element."""

    slot: Slot
    array: Array  # [rows], [rows, features], or a number [1]; with T before it where timed
    timed: bool
    flags: bool  # whether they were Booleans before they were packed


class Plan(NamedTuple):
    """A scan as the kernel needs it."""

    tape: Tape
    sources: list[Source]  # the first ``states`` of them are the carry
    states: int
    ends: list[Any]  # the new carry, then a step's outputs
    types: list[jax.ShapeDtypeStruct]  # of ``ends``
    length: int
    reverse: bool

    def results(self, layout: Layout) -> list[jax.ShapeDtypeStruct]:
        """What the kernel writes: the last carry, and what every step gives."""
        shapes = [
            [self.length] * (k >= self.states) + [*layout.packed(end.shape)]
            for k, end in enumerate(self.types)
        ]
        pairs = zip(shapes, self.types, strict=True)
        return [jax.ShapeDtypeStruct(shape, end.dtype) for shape, end in pairs]


def in_one_launch(
    layout: Layout,
    launch: Callable[[Plan], Sequence[Array]],
    step: Callable,
    carry: PyTree,
    xs: PyTree,
    reverse: bool = False,
) -> tuple[PyTree, PyTree]:
    """``jax.lax.scan(step, carry, xs, reverse=reverse)`` by a kernel, of a step on rows."""
    first = jax.tree.map(lambda a: jax.ShapeDtypeStruct(a.shape[1:], a.dtype), xs)
    closed, shapes = jax.make_jaxpr(step, return_shape=True)(carry, first)
    tape = Tape(layout.batch, [], [], [], [])
    slots = [tape.slot(aval.shape) for aval in closed.in_avals]
    ends = [tape.row(x) for x in record(tape, closed.jaxpr, closed.consts, slots)]

    states, inputs = jax.tree.leaves(carry), jax.tree.leaves(xs)
    count, types = len(states), jax.tree.leaves(shapes)

    def source(slot: Slot, a: Array, *, timed: bool = False) -> Source:
        return Source(slot, layout.pack(a, int(timed)), timed, a.dtype == bool)

    sources = [
        *(source(slot, a) for slot, a in zip(slots, states, strict=False)),
        *(source(slot, a, timed=True) for slot, a in zip(slots[count:], inputs, strict=True)),
        *(source(slot, a) for slot, a in tape.constants),
    ]
    done = launch(Plan(tape, sources, count, ends, types, inputs[0].shape[0], reverse))
    done = [layout.unpack(a, end) for a, end in zip(done, types, strict=True)]
    return jax.tree.unflatten(jax.tree.structure(shapes), done)
