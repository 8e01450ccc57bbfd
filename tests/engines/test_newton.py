"""Parallel Newton iteration against the scan: values, gradients and reported convergence."""

from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import zoo

from seqmodels.cells.registry import CELLS
from seqmodels.engines.newton import Newton, make_system, newton_iterations
from seqmodels.engines.problem import Problem
from seqmodels.errors import UserError
from seqmodels.unroll import unroll

T, B = 9, 2
DIAGONAL, FULL = Newton(), Newton(form="full")
ENGINES = {
    "lstm": DIAGONAL,
    "gru": DIAGONAL,
    "rnn": FULL,
    "gru_before": Newton("full", damping=0.3),  # a cell that is known by its step alone
}


def inputs(length=T):
    return jax.random.normal(jax.random.key(2), (length, B, zoo.D))


@cache
def graded(name, engine):
    """Return a program for values and gradients of a loss that weighs every element differently."""
    cell, _ = zoo.build(name)

    def loss(params, xs, carry, mask, resets):
        results = unroll(cell, params, xs, carry, mask=mask, resets=resets, engine=engine)
        weights = lambda a: jnp.cos(jnp.arange(a.size, dtype=a.dtype)).reshape(a.shape)  # noqa: E731
        return sum(jnp.sum(weights(a) * a) for a in jax.tree.leaves(results)), results

    return jax.jit(jax.value_and_grad(loss, argnums=(0, 1, 2), has_aux=True))


# Compiled as one program, because hundreds of single operations would take longer.
compiled_iterations = jax.jit(newton_iterations, static_argnames=("cell", "engine"))


def assert_close(a, b, tolerance=1e-5):
    equal = partial(np.testing.assert_allclose, rtol=tolerance, atol=tolerance)
    jax.tree.map(equal, a, b)


@zoo.cases("name", ENGINES, ["gru"])
def test_equals_scan_with_masks_and_resets_without_falling_back(name):
    engine = ENGINES[name]
    cell, params = zoo.build(name)
    carry = zoo.random_carry(cell, params, (B,), jax.random.key(3))
    mask = jax.random.bernoulli(jax.random.key(4), 0.7, (T, B))
    resets = jax.random.bernoulli(jax.random.key(5), 0.2, (T, B))
    at = params, inputs(), carry, mask, resets
    assert_close(graded(name, engine)(*at), graded(name, "scan")(*at))
    options = {"mask": mask, "resets": resets, "engine": engine}
    iterations, converged = compiled_iterations(cell, params, inputs(), carry, **options)
    assert bool(converged)
    # T iterations are always exact; quadratic convergence needs fewer.
    assert 1 < int(iterations) <= (6 if engine == FULL else T + 1)


@pytest.mark.exhaustive
def test_a_single_step_without_batch_axes_from_a_learned_start():
    cell, params = zoo.build("learned_start")
    run = lambda engine: jax.jit(  # noqa: E731
        jax.grad(lambda p, xs: jnp.sum(jnp.square(unroll(cell, p, xs, engine=engine)[0])))
    )
    xs = inputs(1)[:, 0]
    assert_close(run(DIAGONAL)(params, xs), run("scan")(params, xs))


def test_without_enough_iterations_it_reports_so_and_returns_the_result_of_the_scan():
    cell, params = zoo.build("rnn")
    chaotic = params | {"wh": 20.0 * params["wh"]}
    few = Newton(form="full", iterations=3)
    iterations, converged = compiled_iterations(cell, chaotic, inputs(), engine=few)
    assert (int(iterations), bool(converged)) == (3, False)
    at = chaotic, inputs(), cell.start(chaotic, (B,)), None, None
    (loss, gradients), scan = graded("rnn", few)(*at), graded("rnn", "scan")(*at)
    assert_close(loss, scan[0], tolerance=1e-4)
    # Gradients grow twentyfold per step, so they are compared relative to the largest.
    for found, leaf in zip(jax.tree.leaves(gradients), jax.tree.leaves(scan[1]), strict=True):
        np.testing.assert_allclose(found, leaf, rtol=1e-3, atol=1e-5 * np.max(np.abs(leaf)))


def test_diagonal_blocks_are_those_of_the_jacobian():
    cell = CELLS["slstm"](zoo.D, zoo.H, heads=2)  # four numbers per unit
    params = cell.init(jax.random.key(0))
    numbers = jax.random.uniform(jax.random.key(3), (4, B, zoo.H), minval=0.5)
    carry = type(cell.start(params, (B,)))(*numbers)
    problem = Problem(cell, params, inputs(1), carry)
    system = make_system(DIAGONAL, problem)
    state = system.pack(carry)
    _, blocks = jax.jit(system.jacobian)(state[None])

    def step(state):
        return system.pack(cell.step(params, system.unpack(state), inputs(1)[0])[0])

    jacobian = jax.jit(jax.jacfwd(step))(state)
    assert_close(blocks[0], jnp.einsum("bnibnk->bnik", jacobian))


@pytest.mark.exhaustive
def test_vmap_over_parameters_equals_a_loop():
    cell, params = zoo.build("gru")
    members = [jax.tree.map(lambda a, s=s: a * s, params) for s in (1.0, 0.5)]
    population = jax.tree.map(lambda *leaves: jnp.stack(leaves), *members)
    run = graded("gru", DIAGONAL)
    rest = inputs(), cell.start(params, (B,)), None, None
    vectorised = jax.vmap(run, in_axes=(0, None, None, None, None))(population, *rest)
    separate = [run(member, *rest) for member in members]
    assert_close(vectorised, jax.tree.map(lambda *leaves: jnp.stack(leaves), *separate))


@pytest.mark.exhaustive
def test_padding_is_cleared_in_the_diagnostic():
    cell, params = zoo.build("gru")
    mask = jnp.arange(T)[:, None] < jnp.array([[T, 3]])
    garbage = jnp.where(mask[..., None], inputs(), jnp.nan)
    assert bool(compiled_iterations(cell, params, garbage, mask=mask, engine=DIAGONAL)[1])


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("gru_before", {}, "needs a structured cell .* or Newton"),
        ("lstm_projection", {}, "needs carries of one size or Newton"),
        ("gru", {"clip_gradient": 1.0}, "clip_gradient"),
    ],
)
def test_refusals(name, options, message):
    cell = zoo.ALL[name](zoo.D, zoo.H)
    params = jax.eval_shape(cell.init, jax.random.key(0))
    run = lambda p: unroll(cell, p, inputs(), engine="newton", **options)  # noqa: E731
    with pytest.raises(UserError, match=message):
        jax.eval_shape(run, params)


def test_the_diagnostic_refuses_what_the_engine_refuses():
    cell = zoo.ALL["gru_before"](zoo.D, zoo.H)
    params = jax.eval_shape(cell.init, jax.random.key(0))
    with pytest.raises(UserError, match="structured"):
        jax.eval_shape(lambda p: newton_iterations(cell, p, inputs()), params)
