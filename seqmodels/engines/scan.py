"""The reference engine: ``lax.scan`` over ``cell.step``."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax

from seqmodels.cells.forms import structured_step
from seqmodels.engines.problem import Problem, clip_cotangent, where, zeros_like
from seqmodels.types import Carry, Structured


class Scan(NamedTuple):
    """Run any cell by ``lax.scan``, with ``unroll`` steps per iteration.

    It supports forward-mode and higher derivatives.  Every other engine is tested against it.
    """

    unroll: int = 1

    def refusal(self, problem: Problem) -> str | None:
        return None

    def __call__(self, problem: Problem) -> tuple[Any, Carry]:
        carry, (ys, _) = self.run(problem, keep=False)
        return ys, carry

    def run(self, problem: Problem, *, keep: bool) -> tuple[Carry, tuple[Any, Any]]:
        """Return the final carry, all outputs and, with ``keep``, the carry after every step."""
        step, start = make_step(problem), problem.start()

        def body(carry: Carry, inputs: Any) -> tuple[Carry, Any]:
            x, mask, reset = inputs
            carry = where(reset, start, carry) if reset is not None else carry
            if problem.clip is not None:
                carry = clip_cotangent(carry, problem.clip)
            new, y = step(carry, x)
            carry = where(mask, new, carry)
            y = y if mask is None else where(mask, y, zeros_like(y))
            return carry, (y, carry if keep else None)

        inputs = (problem.xs, problem.mask, problem.resets)
        return jax.lax.scan(body, problem.carry, inputs, unroll=self.unroll)


def make_step(problem: Problem) -> Callable[[Carry, Any], tuple[Carry, Any]]:
    """Return ``(carry, x) -> (carry, y)``; a structured cell's ``prepare`` runs only once."""
    form, params = problem.cell.form, problem.params
    if isinstance(form, Structured):
        prepared = form.prepare(params)
        return lambda carry, x: structured_step(form, prepared, carry, x)
    return lambda carry, x: problem.cell.step(params, carry, x)
