"""The step of a recurrence as a list of operations, to be replayed inside a kernel.

``record`` evaluates a jaxpr, some of whose arguments exist only inside the kernel.  Operations on
constants (a bias that is broadcast to all rows, the transpose of a kernel) are evaluated at once,
outside the kernel.  All others are recorded on a ``Tape``, with calls inlined.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.extend.core import Jaxpr, Literal

from seqmodels.types import Array

CALLS = {"jit", "closed_call", "custom_jvp_call", "custom_vjp_call", "checkpoint", "remat"}


class Variable(NamedTuple):
    """A value inside the kernel."""

    number: int
    shape: tuple[int, ...]


class Matrix(NamedTuple):
    """A constant operand of a matmul, by its place among the tape's matrices."""

    place: int
    shape: tuple[int, ...]


class Equation(NamedTuple):
    """One operation inside the kernel."""

    primitive: Any
    params: dict[str, Any]
    inputs: list[Any]  # Variable, Matrix, or a number
    outputs: list[Variable]


class Tape(NamedTuple):
    """The operations of a step, and the constants that they read."""

    batch: tuple[int, ...]
    equations: list[Equation]
    variables: list[Variable]
    constants: list[tuple[Variable, Array]]  # [*B, ...] or scalars
    matrices: list[Array]

    def new_variable(self, shape: tuple[int, ...]) -> Variable:
        """Return a new variable of this shape."""
        self.variables.append(Variable(len(self.variables), shape))
        return self.variables[-1]

    def operand(self, value: Any) -> Any:
        """Return an elementwise operand; an array becomes a constant with the batch axes."""
        if not isinstance(value, jax.Array):
            return value
        if value.ndim:
            value = jnp.broadcast_to(value, (*self.batch, *value.shape[len(self.batch) :]))
        self.constants.append((self.new_variable(value.shape), value))
        return self.constants[-1][0]

    def matmul_operand(self, value: Any) -> Any:
        """Return an operand of a matmul; an array becomes a ``Matrix``."""
        if not isinstance(value, jax.Array):
            return value
        self.matrices.append(value)
        return Matrix(len(self.matrices) - 1, value.shape)

    def add_equation(self, eqn: Any, inputs: list) -> list[Variable]:
        """Record an operation and return its outputs."""
        is_matmul = eqn.primitive.name == "dot_general"
        convert = self.matmul_operand if is_matmul else self.operand
        operands = [convert(x) for x in inputs]
        outputs = [self.new_variable(var.aval.shape) for var in eqn.outvars]
        self.equations.append(Equation(eqn.primitive, eqn.params, operands, outputs))
        return outputs


def record(tape: Tape, jaxpr: Jaxpr, constants: Sequence, arguments: Sequence) -> list:
    """Return the outputs of a jaxpr and record all operations that depend on a ``Variable``."""
    values = dict(zip([*jaxpr.constvars, *jaxpr.invars], [*constants, *arguments], strict=True))

    def read(atom: Any) -> Any:
        return atom.val if isinstance(atom, Literal) else values[atom]

    for eqn in jaxpr.eqns:
        inputs = [read(atom) for atom in eqn.invars]
        if eqn.primitive.name in CALLS:
            inner = eqn.params["jaxpr" if "jaxpr" in eqn.params else "call_jaxpr"]
            body, consts = getattr(inner, "jaxpr", inner), getattr(inner, "consts", ())
            outputs = record(tape, body, consts, inputs)
        elif any(isinstance(x, Variable) for x in inputs) or is_fill(tape, eqn):
            outputs = tape.add_equation(eqn, inputs)
        else:
            outputs = eqn.primitive.bind(*inputs, **eqn.params)
            outputs = outputs if eqn.primitive.multiple_results else [outputs]
        values |= zip(eqn.outvars, outputs, strict=True)
    return [read(atom) for atom in jaxpr.outvars]


def is_fill(tape: Tape, eqn: Any) -> bool:
    """Return whether an operation fills a batch with one number, which is cheaper in the kernel."""
    shape = eqn.outvars[0].aval.shape
    is_number = all(isinstance(atom, Literal) for atom in eqn.invars)
    in_batch = bool(shape) and shape[: len(tape.batch)] == tape.batch
    return eqn.primitive.name == "broadcast_in_dim" and is_number and in_batch
