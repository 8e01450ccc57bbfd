"""A step of a recurrence as a list of operations, for a kernel that has to do them its own way.

``record`` evaluates a jaxpr of which some arguments exist only inside the kernel.  What depends on
constants alone (a bias repeated for all rows, a kernel's transpose) is computed at once, outside;
the rest goes onto a ``Tape``, calls inlined.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.extend.core import Jaxpr, Literal

from seqmodels.types import Array

CALLS = {"jit", "closed_call", "custom_jvp_call", "custom_vjp_call", "checkpoint", "remat"}


class Slot(NamedTuple):
    """A value inside the kernel."""

    number: int
    shape: tuple[int, ...]


class Matrix(NamedTuple):
    """A constant to multiply by: its place among the tape's matrices."""

    place: int
    shape: tuple[int, ...]


class Equation(NamedTuple):
    """One operation inside the kernel."""

    primitive: Any
    params: dict[str, Any]
    inputs: list[Any]  # Slot, Matrix, or a number
    outputs: list[Slot]


class Tape(NamedTuple):
    """What the kernel does in a step, and the constants that it reads."""

    batch: tuple[int, ...]
    equations: list[Equation]
    slots: list[Slot]
    constants: list[tuple[Slot, Array]]  # [*B, ...] or scalars
    matrices: list[Array]

    def slot(self, shape: tuple[int, ...]) -> Slot:
        """A new value."""
        self.slots.append(Slot(len(self.slots), shape))
        return self.slots[-1]

    def row(self, value: Any) -> Any:
        """Something to compute with in the kernel: constants with a row for each of the batch."""
        if not isinstance(value, jax.Array):
            return value
        if value.ndim:
            value = jnp.broadcast_to(value, (*self.batch, *value.shape[len(self.batch) :]))
        self.constants.append((self.slot(value.shape), value))
        return self.constants[-1][0]

    def factor(self, value: Any) -> Any:
        """An operand of a matmul: constants as they are."""
        if not isinstance(value, jax.Array):
            return value
        self.matrices.append(value)
        return Matrix(len(self.matrices) - 1, value.shape)

    def note(self, eqn: Any, inputs: list) -> list[Slot]:
        """An operation for the kernel to do."""
        operand = self.factor if eqn.primitive.name == "dot_general" else self.row
        operands = [operand(x) for x in inputs]
        outputs = [self.slot(var.aval.shape) for var in eqn.outvars]
        self.equations.append(Equation(eqn.primitive, eqn.params, operands, outputs))
        return outputs


def record(tape: Tape, jaxpr: Jaxpr, constants: Sequence, arguments: Sequence) -> list:
    """The outputs of a jaxpr, its calls inlined; what depends on a ``Slot`` goes onto the tape."""
    values = dict(zip([*jaxpr.constvars, *jaxpr.invars], [*constants, *arguments], strict=True))

    def read(atom: Any) -> Any:
        return atom.val if isinstance(atom, Literal) else values[atom]

    for eqn in jaxpr.eqns:
        inputs = [read(atom) for atom in eqn.invars]
        if eqn.primitive.name in CALLS:
            inner = eqn.params["jaxpr" if "jaxpr" in eqn.params else "call_jaxpr"]
            body, consts = getattr(inner, "jaxpr", inner), getattr(inner, "consts", ())
            outputs = record(tape, body, consts, inputs)
        elif any(isinstance(x, Slot) for x in inputs) or fills(tape, eqn):
            outputs = tape.note(eqn, inputs)
        else:
            outputs = eqn.primitive.bind(*inputs, **eqn.params)
            outputs = outputs if eqn.primitive.multiple_results else [outputs]
        values |= zip(eqn.outvars, outputs, strict=True)
    return [read(atom) for atom in jaxpr.outvars]


def fills(tape: Tape, eqn: Any) -> bool:
    """Whether it repeats a number over the batch, which is cheaper done than read."""
    shape = eqn.outvars[0].aval.shape
    number = all(isinstance(atom, Literal) for atom in eqn.invars)
    in_batch = bool(shape) and shape[: len(tape.batch)] == tape.batch
    return eqn.primitive.name == "broadcast_in_dim" and number and in_batch
