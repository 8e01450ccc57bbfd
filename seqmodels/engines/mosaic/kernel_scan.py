"""A ``jax.lax.scan`` as the arguments of one kernel launch."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax

from seqmodels.engines.mosaic.layout import ClusterLayout
from seqmodels.engines.mosaic.tape import Tape, Variable, record
from seqmodels.types import Array, PyTree


class KernelInput(NamedTuple):
    """An array that the kernel reads, either once or one element per step."""

    variable: Variable
    array: Array  # packed by ``ClusterLayout.pack``
    timed: bool  # whether the first axis is time
    boolean: bool  # whether it was boolean before it was packed


class KernelScan(NamedTuple):
    """A scan in the form that the kernel needs."""

    tape: Tape
    inputs: list[KernelInput]  # the first ``states`` of them are the carry
    states: int
    ends: list[Any]  # the new carry, then the outputs of a step
    types: list[jax.ShapeDtypeStruct]  # of ``ends``
    length: int
    reverse: bool

    def output_types(self, layout: ClusterLayout) -> list[jax.ShapeDtypeStruct]:
        """Return the types of the final carry and of the outputs of all steps."""
        shapes = [
            [self.length] * (k >= self.states) + [*layout.packed_shape(end.shape)]
            for k, end in enumerate(self.types)
        ]
        pairs = zip(shapes, self.types, strict=True)
        return [jax.ShapeDtypeStruct(shape, end.dtype) for shape, end in pairs]


def scan_in_kernel(
    layout: ClusterLayout,
    launch: Callable[[KernelScan], Sequence[Array]],
    step: Callable,
    carry: PyTree,
    xs: PyTree,
    reverse: bool = False,
) -> tuple[PyTree, PyTree]:
    """Run ``jax.lax.scan(step, carry, xs, reverse=reverse)`` by a kernel launch."""
    first = jax.tree.map(lambda a: jax.ShapeDtypeStruct(a.shape[1:], a.dtype), xs)
    closed, shapes = jax.make_jaxpr(step, return_shape=True)(carry, first)
    tape = Tape(layout.batch, [], [], [], [])
    variables = [tape.new_variable(aval.shape) for aval in closed.in_avals]
    ends = [tape.operand(x) for x in record(tape, closed.jaxpr, closed.consts, variables)]

    states, rows = jax.tree.leaves(carry), jax.tree.leaves(xs)
    count, types = len(states), jax.tree.leaves(shapes)

    def kernel_input(variable: Variable, a: Array, *, timed: bool = False) -> KernelInput:
        return KernelInput(variable, layout.pack(a, int(timed)), timed, a.dtype == bool)

    inputs = [
        *(kernel_input(v, a) for v, a in zip(variables, states, strict=False)),
        *(kernel_input(v, a, timed=True) for v, a in zip(variables[count:], rows, strict=True)),
        *(kernel_input(v, a) for v, a in tape.constants),
    ]
    outputs = launch(KernelScan(tape, inputs, count, ends, types, rows[0].shape[0], reverse))
    outputs = [layout.unpack(a, end) for a, end in zip(outputs, types, strict=True)]
    return jax.tree.unflatten(jax.tree.structure(shapes), outputs)
