"""The plain engine: ``lax.scan`` over ``cell.step``.  Every other engine is tested against it."""

from typing import Any, NamedTuple

import jax

from seqmodels.cells.build import structured_step
from seqmodels.engines.problem import Problem, clip_cotangent, where, zeros_like
from seqmodels.types import Carry, Structured


class Scan(NamedTuple):
    """Takes any cell; has forward mode and higher derivatives.  ``unroll`` steps per iteration."""

    unroll: int = 1

    def __call__(self, problem: Problem) -> tuple[Any, Carry]:
        carry, (ys, _) = self.run(problem, keep=False)
        return ys, carry

    def run(self, problem: Problem, *, keep: bool) -> tuple[Carry, tuple[Any, Any]]:
        """The final carry, with all outputs and (if kept) the carry after every step."""
        step, start = stepper(problem), problem.start()

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


def stepper(problem: Problem):
    """``(carry, x) -> (carry, y)``, with what a structured cell prepares taken out of the loop."""
    form, params = problem.cell.form, problem.params
    if isinstance(form, Structured):
        prepared = form.prepare(params)
        return lambda carry, x: structured_step(form, prepared, carry, x)
    return lambda carry, x: problem.cell.step(params, carry, x)
