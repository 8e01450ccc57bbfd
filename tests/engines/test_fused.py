"""The fused engine beyond the contract: chunk lengths, pullbacks by hand against derived ones."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import zoo

from seqmodels.cells.registry import CELLS
from seqmodels.engines.chunks import chunk_length
from seqmodels.engines.fused import Fused
from seqmodels.engines.scan import Scan
from seqmodels.types import Structured
from seqmodels.unroll import unroll


def has_pullback(make):
    form = make(zoo.D, zoo.H).form
    return isinstance(form, Structured) and form.pullback is not None


def weighted(ys, carry):
    """A number that depends on every output and on the final carry."""
    leaves = jax.tree.leaves((ys, carry))
    flat = jnp.concatenate([leaf.astype(jnp.result_type(float)).ravel() for leaf in leaves])
    return jnp.vdot(jnp.cos(jnp.arange(flat.size, dtype=flat.dtype)), flat)


def gradients(cell, params, xs, engine, **options):
    """Gradients of parameters and inputs."""
    loss = lambda p, x: weighted(*unroll(cell, p, x, engine=engine, **options))  # noqa: E731
    return jax.jit(jax.grad(loss, argnums=(0, 1)))(params, xs)


def close(a, b, tolerance):
    jax.tree.map(partial(np.testing.assert_allclose, rtol=tolerance, atol=tolerance), a, b)


@pytest.mark.parametrize(
    ("size", "steps"),
    [((16, 25, 32), 25), ((64, 100, 128), 10), ((64, 128, 256), 8), ((1, 512, 256), 512)],
)
def test_chunks_divide_the_length_and_fit_the_cache(size, steps):
    batch, length, hidden = size
    assert chunk_length(length, 4 * batch * 4 * hidden) == steps


@pytest.mark.parametrize("length", [1, 97, 1009])
def test_a_prime_length_has_a_shorter_last_chunk(length):
    assert chunk_length(length, 2**18) == min(max(length, 4), 8)  # Fused cuts it to the length


@pytest.mark.parametrize("name", [n for n, c in zoo.SINGLE.items() if has_pullback(c)])
def test_pullback_by_hand_equals_the_derived_one(name):
    with jax.enable_x64(True):
        cell, params = zoo.build(name, jnp.float64)
        derived = cell._replace(form=cell.form._replace(pullback=None))
        xs = jax.random.normal(jax.random.key(0), (5, 2, zoo.D), jnp.float64)
        by_hand, by_jax = (gradients(c, params, xs, Fused(2)) for c in (cell, derived))
        close(by_hand, by_jax, 1e-12)


@pytest.mark.parametrize("shape", [(5,), (1, 2), (4, 2, 3)])
def test_any_batch_shape(shape):
    cell, params = zoo.build("lstm")
    xs = jax.random.normal(jax.random.key(0), (*shape, zoo.D))
    close(*(gradients(cell, params, xs, e) for e in (Scan(), Fused(3))), 2e-5)


def test_bfloat16_gradients_are_near_those_of_single_precision():
    gradient = {}
    for dtype in ("float32", "bfloat16"):
        cell = CELLS["lstm"](4, 8, dtype=dtype)
        params = cell.init(jax.random.key(0))
        xs = jax.random.normal(jax.random.key(1), (6, 2, 4))
        gradient[dtype] = gradients(cell, params, xs, Fused(3))[0]
    assert {leaf.dtype for leaf in jax.tree.leaves(gradient["bfloat16"])} == {jnp.dtype("float32")}
    close(gradient["bfloat16"], gradient["float32"], 0.05)  # bfloat16 has 8 bits of mantissa


GRU = CELLS["gru"](zoo.D, zoo.H)
XS = jax.random.normal(jax.random.key(0), (5, 2, zoo.D))
POPULATION = jax.vmap(GRU.init)(jax.random.split(jax.random.key(1), 6))


def loss(engine, params, xs):
    return weighted(*unroll(GRU, params, xs, engine=engine))


def test_members_have_matmuls_of_their_own():
    """XLA's CPU backend has a fast matmul of two matrices, and none of many."""
    many = jax.jit(jax.vmap(jax.grad(partial(loss, "fused"), (0, 1)), (0, None)))
    text = many.lower(POPULATION, XS).as_text()
    assert "stablehlo.dot_general" in text
    assert "batching_dims" not in text


def test_members_that_share_their_parameters_are_one_batch():
    params = jax.tree.map(lambda a: a[0], POPULATION)
    batches = jnp.stack([XS, 2.0 * XS])
    apart = jax.grad(lambda p, xs: sum(loss("fused", p, x) for x in xs))
    together = jax.grad(lambda p, xs: jnp.sum(jax.vmap(partial(loss, "fused"), (None, 0))(p, xs)))
    close(jax.jit(together)(params, batches), jax.jit(apart)(params, batches), 1e-5)
    text = jax.jit(jax.vmap(partial(loss, "fused"), (None, 0))).lower(params, batches).as_text()
    assert text.count("stablehlo.while") == 1  # over time, and none over members


def test_vmap_of_vmap_equals_the_scan():
    grid = jax.tree.map(lambda a: a.reshape(2, 3, *a.shape[1:]), POPULATION)
    inputs = jnp.stack([XS, 2.0 * XS])

    def found(engine):
        inner = jax.vmap(jax.value_and_grad(partial(loss, engine), (0, 1)), (0, None))
        return jax.jit(jax.vmap(inner))(grid, inputs)

    close(found("fused"), found("scan"), 1e-5)


def test_second_derivatives_of_members_are_those_of_the_scan():
    def curvature(engine, params):
        slope = jax.grad(partial(loss, engine), 1)
        return jax.grad(lambda p: jnp.sum(jnp.square(slope(p, XS))))(params)

    found, wanted = (
        jax.jit(jax.vmap(partial(curvature, e)))(POPULATION) for e in ("fused", "scan")
    )
    close(found, wanted, 1e-4)
