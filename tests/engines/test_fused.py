"""The fused engine beyond the contract: pullbacks, batch shapes, precision, populations."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import zoo

from seqmodels.cells.registry import CELLS
from seqmodels.engines.fused import Fused
from seqmodels.engines.scan import Scan
from seqmodels.types import Structured
from seqmodels.unroll import unroll


def has_pullback(make):
    form = make(zoo.D, zoo.H).form
    return isinstance(form, Structured) and form.pullback is not None


def weighted_sum(ys, carry):
    """Return a number that depends on every output and on the final carry."""
    leaves = jax.tree.leaves((ys, carry))
    flat = jnp.concatenate([leaf.astype(jnp.result_type(float)).ravel() for leaf in leaves])
    return jnp.vdot(jnp.cos(jnp.arange(flat.size, dtype=flat.dtype)), flat)


def gradients(cell, params, xs, engine, **options):
    """Return the gradients of parameters and inputs."""
    loss = lambda p, x: weighted_sum(*unroll(cell, p, x, engine=engine, **options))  # noqa: E731
    return jax.jit(jax.grad(loss, argnums=(0, 1)))(params, xs)


def assert_close(a, b, tolerance):
    jax.tree.map(partial(np.testing.assert_allclose, rtol=tolerance, atol=tolerance), a, b)


@zoo.cases("name", [n for n, make in zoo.SINGLE.items() if has_pullback(make)], ["lstm"])
def test_a_hand_written_pullback_equals_the_derived_one(name):
    with jax.enable_x64(True):
        cell, params = zoo.build(name, jnp.float64)
        derived = cell._replace(form=cell.form._replace(pullback=None))
        xs = jax.random.normal(jax.random.key(0), (5, 2, zoo.D), jnp.float64)
        results = (gradients(c, params, xs, Fused(2)) for c in (cell, derived))
        assert_close(*results, 1e-12)


@pytest.mark.exhaustive
@pytest.mark.parametrize("shape", [(5,), (1, 2), (4, 2, 3)])
def test_any_batch_shape(shape):
    cell, params = zoo.build("lstm")
    xs = jax.random.normal(jax.random.key(0), (*shape, zoo.D))
    assert_close(*(gradients(cell, params, xs, e) for e in (Scan(), Fused(3))), 2e-5)


@pytest.mark.exhaustive
def test_bfloat16_gradients_are_near_those_of_single_precision():
    gradient = {}
    for dtype in ("float32", "bfloat16"):
        cell = CELLS["lstm"](4, 8, dtype=dtype)
        params = cell.init(jax.random.key(0))
        xs = jax.random.normal(jax.random.key(1), (6, 2, 4))
        gradient[dtype] = gradients(cell, params, xs, Fused(3))[0]
    assert {leaf.dtype for leaf in jax.tree.leaves(gradient["bfloat16"])} == {jnp.dtype("float32")}
    assert_close(gradient["bfloat16"], gradient["float32"], 0.05)  # bfloat16 has 8 bits of mantissa


GRU = CELLS["gru"](zoo.D, zoo.H)
XS = jax.random.normal(jax.random.key(0), (5, 2, zoo.D))
POPULATION = jax.vmap(GRU.init)(jax.random.split(jax.random.key(1), 6))


def loss(engine, params, xs):
    return weighted_sum(*unroll(GRU, params, xs, engine=engine))


def test_members_have_separate_matmuls():
    """XLA's CPU backend has a fast matmul of two matrices, but no fast batched matmul."""
    population_gradient = jax.jit(jax.vmap(jax.grad(partial(loss, "fused"), (0, 1)), (0, None)))
    text = population_gradient.lower(POPULATION, XS).as_text()
    assert "stablehlo.dot_general" in text
    assert "batching_dims" not in text


def test_members_that_share_their_parameters_are_one_batch():
    params = jax.tree.map(lambda a: a[0], POPULATION)
    batches = jnp.stack([XS, 2.0 * XS])
    loop = jax.grad(lambda p, xs: sum(loss("fused", p, x) for x in xs))
    batch = jax.grad(lambda p, xs: jnp.sum(jax.vmap(partial(loss, "fused"), (None, 0))(p, xs)))
    assert_close(jax.jit(batch)(params, batches), jax.jit(loop)(params, batches), 1e-5)
    text = jax.jit(jax.vmap(partial(loss, "fused"), (None, 0))).lower(params, batches).as_text()
    assert text.count("stablehlo.while") == 1  # over time, not over members


@pytest.mark.exhaustive
def test_vmap_of_vmap_equals_the_scan():
    grid = jax.tree.map(lambda a: a.reshape(2, 3, *a.shape[1:]), POPULATION)
    inputs = jnp.stack([XS, 2.0 * XS])

    def run(engine):
        inner = jax.vmap(jax.value_and_grad(partial(loss, engine), (0, 1)), (0, None))
        return jax.jit(jax.vmap(inner))(grid, inputs)

    assert_close(run("fused"), run("scan"), 1e-5)


@pytest.mark.exhaustive
def test_second_derivatives_of_members_are_those_of_the_scan():
    def curvature(engine, params):
        slope = jax.grad(partial(loss, engine), 1)
        return jax.grad(lambda p: jnp.sum(jnp.square(slope(p, XS))))(params)

    results = (jax.jit(jax.vmap(partial(curvature, e)))(POPULATION) for e in ("fused", "scan"))
    assert_close(*results, 1e-4)
