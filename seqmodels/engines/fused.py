"""A scan with its own backward pass, for every structured cell.

The forward pass projects the inputs of a whole chunk of steps with one matmul.  Each step saves its
carry and the residuals of ``update``.  The backward pass goes through the chunks in reverse.  It
linearises ``update`` for all steps of a chunk at once, then runs the small pullbacks step by step,
and finally computes each parameter's gradient with one matmul per chunk instead of one per step.

The engine knows no particular cell.  The pullback comes from ``update`` by ``jax.vjp`` unless the
cell defines a cheaper one (``types.Pullback``).  ``docs/lab/engines.md`` has the measurements.
"""

import math
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from seqmodels.cells.arithmetic import recurrent_matmul
from seqmodels.engines.chunks import (
    chunk_length,
    is_in_place,
    scan_chunks,
    scan_gates,
    scan_in_chunks,
    scan_in_place,
)
from seqmodels.engines.members import loop_over_members
from seqmodels.engines.problem import (
    Problem,
    clip_tree,
    inputs_of,
    noise_of,
    structured_refusal,
    where,
    zeros_like,
)
from seqmodels.engines.pullbacks import (
    add,
    derive_pullback,
    over_steps,
    project,
    pull_project,
    pull_recur,
    recur_transposed,
)
from seqmodels.types import Array, Carry, Cotangents, Params, Pullback, PyTree, Structured


class Fused(NamedTuple):
    """Run a structured cell in chunks of ``steps`` time steps (0: choose); no forward mode.

    Chunks are not needed if the only outputs overwrite the projection, as an RNN's do.
    """

    steps: int = 0

    def refusal(self, problem: Problem) -> str | None:
        return structured_refusal(problem)

    def __call__(self, problem: Problem) -> tuple[Any, Carry]:
        return run_recurrence(problem, self.steps)


class Loops(NamedTuple):
    """Loops over time that replace those of this module."""

    forward: Callable[..., tuple]  # like ``forward_scan``
    chunk_pullback: Callable[..., Callable]  # like ``chunk_pullback``


class StaticArguments(NamedTuple):
    """The arguments of ``recurrence`` that are not traced."""

    form: Structured
    pullback: Pullback
    steps: int
    scan: Callable[..., tuple[PyTree, PyTree]]  # loops over the steps of a chunk
    loops: Loops | None = None


class StepInputs(NamedTuple):
    """The inputs of the time steps; every leaf is ``[T, ...]``."""

    x: Array
    noise: PyTree
    mask: Array | None
    reset: Array | None


class Residuals(NamedTuple):
    """The values that the forward pass saves for the backward pass; every leaf is ``[T, ...]``."""

    previous: Carry  # before the step, after its reset
    update: PyTree  # see ``Pullback.keep``


class BackwardState(NamedTuple):
    """The carry of the loop over chunks: the carry's cotangent and the accumulated gradients."""

    carry: Carry
    start: Carry | None
    params: Params
    kernel: Array


def run_recurrence(
    problem: Problem,
    steps: int = 0,
    scan: Callable[..., tuple[PyTree, PyTree]] = jax.lax.scan,
    loops: Loops | None = None,
) -> tuple[Any, Carry]:
    """Run a problem in chunks of ``steps`` (0: choose), looping by ``scan`` or by ``loops``."""
    form, length = problem.structured, problem.length
    params = form.prepare(problem.params)
    kernel = form.kernel(params)
    gates = math.prod(problem.batch_shape) * kernel.size // kernel.shape[-2]
    steps = min(steps or chunk_length(length, 4 * gates), max(length, 1))
    static = StaticArguments(form, form.pullback or derive_pullback(form), steps, scan, loops)
    inputs = StepInputs(inputs_of(problem.xs), noise_of(problem.xs), problem.mask, problem.resets)
    start = None if problem.resets is None else problem.start()
    return recurrence(static, params, inputs, problem.carry, start, problem.clip)


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def recurrence(
    static: StaticArguments,
    params: Params,
    inputs: StepInputs,
    carry: Carry,
    start: Carry,
    clip: Any,
) -> tuple[Any, Carry]:
    """Return ``(ys, carry)`` of a structured cell; a reset restores ``start``."""
    run = with_member_loop(static, forward_pass, keep=False)
    carry, (ys, _) = run(params, inputs, carry, start)
    return ys, carry


def recurrence_fwd(static, params, inputs, carry, start, clip):
    """Return the result of ``recurrence`` and the residuals of its backward pass."""
    run = with_member_loop(static, forward_pass, keep=True)
    carry, (ys, residuals) = run(params, inputs, carry, start)
    return (ys, carry), (params, inputs, residuals, start, clip)


def recurrence_bwd(static: StaticArguments, saved: tuple, cotangents: tuple) -> tuple:
    """Return the cotangents of the arguments of ``recurrence``."""
    return with_member_loop(static, backward_pass)(*saved, cotangents)


recurrence.defvjp(recurrence_fwd, recurrence_bwd)


def with_member_loop(static: StaticArguments, function: Callable, **options: Any) -> Callable:
    """Return the function with a loop over the members of a population, unless it is a kernel."""
    run = partial(function, static, **options)
    plain = partial(function, static._replace(loops=None), **options)
    return loop_over_members(run, plain) if static.scan is jax.lax.scan else run


def forward_pass(static: StaticArguments, *arguments: Any, keep: bool) -> tuple:
    """Run the engine's own forward loop if it has one, else ``forward_scan``."""
    forward = static.loops.forward if static.loops else forward_scan
    return forward(static, *arguments, keep=keep)


def forward_scan(
    static: StaticArguments,
    params: Params,
    inputs: StepInputs,
    carry: Carry,
    start: Carry,
    *,
    keep: bool,
) -> tuple[Carry, tuple[Any, Residuals | None]]:
    """Return the final carry, the outputs and, with ``keep``, the residuals of every step."""
    form, kernel = static.form, static.form.kernel(params)

    def step(carry: Carry, row: tuple) -> tuple[Carry, tuple[Any, Residuals | None]]:
        u, mask, reset = row
        carry = carry if reset is None else where(reset, start, carry)
        a = recurrent_matmul(form.hidden(params, carry), kernel)
        (new, y), update = static.pullback.keep(params, carry, u, a)
        y = y if mask is None else where(mask, y, zeros_like(y))
        return where(mask, new, carry), (y, Residuals(carry, update) if keep else None)

    def rows(part: StepInputs) -> tuple:
        return project(form, params, part.x, part.noise), part.mask, part.reset

    scan, gates = static.scan, static.pullback.gates
    if scan is jax.lax.scan and gates > 1:
        scan = partial(scan_gates, gates)
    elif scan is jax.lax.scan and not keep and is_in_place(step, rows, carry, inputs):
        # This avoids filling an output array with zeros and touches less memory.
        carry, ys = scan_in_place(step, carry, rows(inputs))
        return carry, (ys, None)
    if static.steps == inputs.x.shape[0]:
        return scan(step, carry, rows(inputs))
    return scan_in_chunks(step, rows, carry, inputs, static.steps, scan)


def backward_pass(
    static: StaticArguments,
    params: Params,
    inputs: StepInputs,
    residuals: Residuals,
    start: Carry,
    clip: Any,
    cotangents: tuple,
) -> tuple:
    """Return the cotangents of the arguments of ``recurrence``, chunk by chunk from the end."""
    dys, dcarry = cotangents
    form, pullback = static.form, static.pullback
    kernel, pull_kernel = jax.vjp(form.kernel, params)
    make_pullback = static.loops.chunk_pullback if static.loops else chunk_pullback
    pull_chunk = make_pullback(static, params, inputs, residuals, dys, clip)

    def chunk(state: BackwardState, part: tuple) -> tuple[BackwardState, Array]:
        indices, inputs, residuals, dys = part
        dcarries, steps = pull_chunk((state.carry, state.start), indices, inputs, residuals, dys)
        dparams, dx = pull_project(form, params, inputs.x, inputs.noise, steps)
        previous, update = residuals
        hiddens, pull_hidden = jax.vjp(lambda p: over_steps(form.hidden)(p, previous), params)
        dhiddens, dkernel = pull_recur(hiddens, kernel, steps.a)
        dparams = add(dparams, pull_hidden(dhiddens)[0])
        if pullback.gather is not None:
            dparams = add(dparams, pullback.gather(params, previous, update, steps))
        dcarry, dstart = dcarries
        dparams = add(state.params, dparams)
        return BackwardState(dcarry, dstart, dparams, state.kernel + dkernel), dx

    dstart = None if start is None else zeros_like(start)
    state = BackwardState(dcarry, dstart, zeros_like(params), jnp.zeros_like(kernel))
    parts = jnp.arange(inputs.x.shape[0]), inputs, residuals, dys
    state, dx = scan_chunks(chunk, state, parts, static.steps, reverse=True)
    dparams = add(state.params, pull_kernel(state.kernel)[0])
    return dparams, StepInputs(dx, None, None, None), state.carry, state.start, None


def chunk_pullback(
    static: StaticArguments,
    params: Params,
    inputs: StepInputs,
    residuals: Residuals,
    dys: Any,
    clip: Any,
) -> Callable:
    """Return ``(dcarries, indices, inputs, residuals, dys) -> (dcarries, cotangents)`` of a chunk.

    ``dcarries`` are the cotangents of the carry and of the start; ``indices`` are its time steps.
    """
    step = step_pullback(static, params, static.form.kernel(params), clip)

    def pull(
        dcarries: tuple[Carry, Carry],
        indices: Array,
        inputs: StepInputs,
        residuals: Residuals,
        dys: Any,
    ) -> tuple[tuple[Carry, Carry], Cotangents]:
        linear = static.pullback.linearise(params, residuals.previous, residuals.update)
        rows = (linear, residuals.previous, dys, inputs.mask, inputs.reset)
        return static.scan(step, dcarries, rows, reverse=True)

    return pull


def step_pullback(static: StaticArguments, params: Params, kernel: Array, clip: Any) -> Callable:
    """Return the body of the reverse scan over the steps of a chunk."""
    form, pullback = static.form, static.pullback
    unrecur = recur_transposed(kernel)

    def step(dcarries: tuple[Carry, Carry], row: tuple) -> tuple[tuple, Cotangents]:
        dcarry, dstart = dcarries
        linear, previous, dy, mask, reset = row
        nothing = zeros_like(dcarry)
        dnew = dcarry if mask is None else where(mask, dcarry, nothing)
        dy = dy if mask is None else where(mask, dy, zeros_like(dy))
        dprevious, du, da = pullback.pull(linear, dnew, dy)
        hidden, pull_hidden = jax.vjp(partial(form.hidden, params), previous)
        dprevious = add(dprevious, pull_hidden(unrecur(hidden, da))[0])
        if mask is not None:
            dprevious = add(dprevious, where(mask, nothing, dcarry))
        dprevious = clip_tree(dprevious, clip)
        if reset is not None:
            dstart = add(dstart, where(reset, dprevious, nothing))
            dprevious = where(reset, nothing, dprevious)
        new, y = (None, None) if pullback.gather is None else (dnew, dy)
        return (dprevious, dstart), Cotangents(new, y, None if du is da else du, da)

    return step
