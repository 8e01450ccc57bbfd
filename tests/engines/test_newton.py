"""Parallel Newton against the plain scan: values, gradients, and what it says where it fails."""

from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import zoo

from seqmodels.cells.registry import CELLS
from seqmodels.engines.newton import Newton, make_system, newton_steps
from seqmodels.engines.problem import Problem
from seqmodels.errors import UserError
from seqmodels.unroll import unroll

T, B = 9, 2
DIAGONAL, FULL = Newton(), Newton(form="full")


def inputs(length=T):
    return jax.random.normal(jax.random.key(2), (length, B, zoo.D))


@cache
def graded(name, engine):
    """Values and gradients of a loss that weighs all outputs and carries differently."""
    cell, _ = zoo.build(name)

    def loss(params, xs, carry, mask, resets):
        results = unroll(cell, params, xs, carry, mask=mask, resets=resets, engine=engine)
        weights = lambda a: jnp.cos(jnp.arange(a.size, dtype=a.dtype)).reshape(a.shape)  # noqa: E731
        return sum(jnp.sum(weights(a) * a) for a in jax.tree.leaves(results)), results

    return jax.jit(jax.value_and_grad(loss, argnums=(0, 1, 2), has_aux=True))


# Compiled as one: step by step it would compile hundreds of operations.
reported = jax.jit(newton_steps, static_argnames=("cell", "engine"))


def close(a, b, tolerance=1e-5):
    equal = partial(np.testing.assert_allclose, rtol=tolerance, atol=tolerance)
    jax.tree.map(equal, a, b)


@pytest.mark.parametrize(
    ("name", "engine"),
    [
        ("lstm", DIAGONAL),
        ("gru", DIAGONAL),
        ("rnn", FULL),
        ("gru_before", Newton("full", damping=0.3)),  # a simple cell, known by its step alone
    ],
    ids=lambda value: value if isinstance(value, str) else f"{value.form}-{value.damping}",
)
def test_equals_scan_with_masks_and_resets_without_falling_back(name, engine):
    cell, params = zoo.build(name)
    carry = zoo.random_carry(cell, params, (B,), jax.random.key(3))
    mask = jax.random.bernoulli(jax.random.key(4), 0.7, (T, B))
    resets = jax.random.bernoulli(jax.random.key(5), 0.2, (T, B))
    at = params, inputs(), carry, mask, resets
    close(graded(name, engine)(*at), graded(name, "scan")(*at))
    steps, converged = reported(
        cell, params, inputs(), carry, mask=mask, resets=resets, engine=engine
    )
    assert bool(converged)
    # All is exact after T; quadratic convergence needs fewer.
    assert 1 < int(steps) <= (6 if engine == FULL else T + 1)


def test_a_single_step_without_batch_axes_from_a_learned_start():
    cell, params = zoo.build("learned_start")
    run = lambda engine: jax.jit(  # noqa: E731
        jax.grad(lambda p, xs: jnp.sum(jnp.square(unroll(cell, p, xs, engine=engine)[0])))
    )
    xs = inputs(1)[:, 0]
    close(run(DIAGONAL)(params, xs), run("scan")(params, xs))


def test_without_enough_iterations_it_says_so_and_gives_the_scans_result():
    cell, params = zoo.build("rnn")
    chaotic = params | {"wh": 20.0 * params["wh"]}
    few = Newton(form="full", iterations=3)
    steps, converged = reported(cell, chaotic, inputs(), engine=few)
    assert (int(steps), bool(converged)) == (3, False)
    at = chaotic, inputs(), cell.start(chaotic, (B,)), None, None
    wanted = graded("rnn", "scan")(*at)
    close(graded("rnn", few)(*at)[0], wanted[0], tolerance=1e-4)
    # Gradients grow twentyfold a step: equal to rounding of the largest.
    for found, leaf in zip(*map(jax.tree.leaves, (graded("rnn", few)(*at)[1], wanted[1]))):  # noqa: B905
        np.testing.assert_allclose(found, leaf, rtol=1e-3, atol=1e-5 * np.max(np.abs(leaf)))


def test_diagonal_blocks_are_those_of_the_jacobian():
    cell = CELLS["slstm"](zoo.D, zoo.H, heads=2)  # four numbers to a unit
    params = cell.init(jax.random.key(0))
    numbers = jax.random.uniform(jax.random.key(3), (4, B, zoo.H), minval=0.5)
    carry = type(cell.start(params, (B,)))(*numbers)
    problem = Problem(cell, params, inputs(1), carry)
    system = make_system(DIAGONAL, problem)
    state = system.pack(carry)
    _, blocks = jax.jit(system.jacobian)(state[None])

    def step(state):
        return system.pack(cell.step(params, system.unpack(state), inputs(1)[0])[0])

    exact = jax.jit(jax.jacfwd(step))(state)
    own = jnp.einsum("bnibnk->bnik", exact)
    close(blocks[0], own)


def test_vmap_over_parameters_equals_a_loop():
    cell, params = zoo.build("gru")
    members = [jax.tree.map(lambda a, s=s: a * s, params) for s in (1.0, 0.5)]
    population = jax.tree.map(lambda *leaves: jnp.stack(leaves), *members)
    run = graded("gru", DIAGONAL)
    rest = inputs(), cell.start(params, (B,)), None, None
    together = jax.vmap(run, in_axes=(0, None, None, None, None))(population, *rest)
    alone = [run(member, *rest) for member in members]
    close(together, jax.tree.map(lambda *leaves: jnp.stack(leaves), *alone))


def test_padding_is_cleared_in_the_diagnostic():
    cell, params = zoo.build("gru")
    mask = jnp.arange(T)[:, None] < jnp.array([[T, 3]])
    garbage = jnp.where(mask[..., None], inputs(), jnp.nan)
    assert bool(reported(cell, params, garbage, mask=mask, engine=DIAGONAL)[1])


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("gru_before", {}, "needs a structured cell .* or Newton"),
        ("lstm_projection", {}, "needs carries of one size or Newton"),
        ("gru", {"clip_gradient": 1.0}, "clip_gradient"),
    ],
)
def test_refusals(name, options, message):
    cell, params = zoo.build(name)
    with pytest.raises(UserError, match=message):
        unroll(cell, params, inputs(), **({"engine": "newton"} | options))


def test_the_diagnostic_refuses_what_the_engine_refuses():
    cell, params = zoo.build("gru_before")
    with pytest.raises(UserError, match="structured"):
        newton_steps(cell, params, inputs())
