"""The contract of ``unroll``, for all cells and all engines that accept them."""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import zoo
from jax.test_util import check_grads

from seqmodels.engines.problem import where
from seqmodels.unroll import unroll, unroll_carries

T, B = 7, 3
LENGTHS = jnp.array([7, 4, 1])
MASK = jnp.arange(T)[:, None] < LENGTHS[None]
NO_RESETS = jnp.zeros((T, B), bool)

# The cells of the fast tests: with a pullback, complex, in log space, and known by its step alone.
CELLS = ("lstm", "lru", "min_lstm", "gru_before")
FAST = [pair for pair in zoo.EVERY if pair[0] in CELLS]
pairs = zoo.cases("name, engine", zoo.PAIRS, FAST, grouped=True)
every = zoo.cases("name, engine", zoo.EVERY, FAST, grouped=True)


def inputs(dtype=jnp.float32, seed=2):
    return jax.random.normal(jax.random.key(seed), (T, B, zoo.D), dtype)


def score(ys, carry):
    """A loss with a different weight for every element of the outputs and the final carry."""
    total = 0.0
    for leaf in jax.tree.leaves((ys, carry)):
        weights = jnp.cos(jnp.arange(leaf.size, dtype=leaf.real.dtype)).reshape(leaf.shape)
        total = total + jnp.sum(
            weights * (leaf.real + leaf.imag if jnp.iscomplexobj(leaf) else leaf)
        )
    return total


@cache
def runner(name: str, engine: str, dtype, masked: bool = True, **options):
    """Return a cell, its parameters and a program for values and all gradients, compiled once."""
    cell, params = zoo.build(name, dtype)

    def loss(params, xs, carry, mask, resets):
        mask, resets = (mask, resets) if masked else (None, None)
        ys, final = unroll(
            cell, params, xs, carry, mask=mask, resets=resets, engine=zoo.SMALL[engine], **options
        )
        return score(ys, final), (ys, final)

    return cell, params, jax.jit(jax.value_and_grad(loss, argnums=(0, 1, 2), has_aux=True))


def run(name, engine, xs, mask=MASK, resets=NO_RESETS, carry=None, masked=True):
    cell, params, compiled = runner(name, engine, xs.dtype, masked)
    carry = cell.start(params, (B,)) if carry is None else carry
    (_, (ys, final)), grads = compiled(params, xs, carry, mask, resets)
    return ys, final, grads


def assert_close(a, b, tolerance=1e-5):
    jax.tree.map(
        lambda x, y: np.testing.assert_allclose(x, y, rtol=tolerance, atol=tolerance), a, b
    )


@pairs
def test_engine_equals_scan_in_single_precision_with_masks_and_resets(name, engine):
    cell, params, _ = runner(name, "scan", jnp.float32)
    carry = zoo.random_carry(cell, params, (B,), jax.random.key(3))
    mask = jax.random.bernoulli(jax.random.key(4), 0.7, (T, B))
    resets = jax.random.bernoulli(jax.random.key(5), 0.3, (T, B))
    results = [run(name, e, inputs(), mask, resets, carry) for e in ("scan", engine)]
    assert_close(*results, tolerance=2e-5)  # sums of T * B products, each rounded at 6e-8


@zoo.cases("name, engine", zoo.PAIRS, [("lstm", "fused"), ("lru", "associative")], grouped=True)
def test_engine_equals_scan_and_finite_differences_in_double_precision(name, engine):
    with jax.enable_x64(True):
        cell, params, compiled = runner(name, engine, jnp.float64, masked=False)
        carry = zoo.random_carry(cell, params, (B,), jax.random.key(3))
        at = (params, inputs(jnp.float64), carry)
        result = compiled(*at, MASK, NO_RESETS)
        scan = runner(name, "scan", jnp.float64, masked=False)[2]
        assert_close(scan(*at, MASK, NO_RESETS), result, 1e-10)

        direction = jax.tree.map(lambda a: jnp.sin(1.0 + a), at)
        step = 1e-5
        ahead, behind = (
            compiled(*jax.tree.map(lambda a, d, s=s: a + s * d, at, direction), MASK, NO_RESETS)
            for s in (step, -step)
        )
        measured = (ahead[0][0] - behind[0][0]) / (2 * step)
        # JAX's gradient of a real function of complex z is dL/dx - i dL/dy.
        slopes = jax.tree.map(lambda g, d: jnp.sum((g * d).real), result[1], direction)
        np.testing.assert_allclose(sum(jax.tree.leaves(slopes)), measured, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("value", [1e3, np.nan, np.inf])
@every
def test_padding_changes_neither_values_nor_gradients(name, engine, value):
    garbage = jnp.where(MASK[..., None], inputs(), value)
    clean = jnp.where(MASK[..., None], inputs(), 0.0)
    ys, final, grads = run(name, engine, garbage)
    jax.tree.map(np.testing.assert_array_equal, (ys, final, grads), run(name, engine, clean))
    assert np.all(np.asarray(jnp.where(MASK[..., None], 0.0, ys)) == 0.0)
    assert np.all(np.asarray(jnp.where(MASK[..., None], 0.0, grads[1])) == 0.0)


@every
def test_single_steps_equal_unroll_and_the_carry_is_that_of_each_sequence_end(name, engine):
    cell, params, _ = runner(name, engine, jnp.float32)
    ys, final, _ = run(name, engine, inputs())
    step = jax.jit(cell.step)
    carry = cell.start(params, (B,))
    for t in range(T):
        new, y = step(params, carry, inputs()[t])
        assert_close(where(MASK[t], y, jnp.zeros_like(y)), ys[t])
        carry = where(MASK[t], new, carry)
    assert_close(carry, final)


@every
def test_resets_equal_separate_sequences(name, engine):
    cut = 3
    resets = NO_RESETS.at[cut].set(True)
    packed, final, _ = run(name, engine, inputs(), jnp.ones((T, B), bool), resets)
    tail = jnp.roll(inputs(), -cut, axis=0)
    mask = jnp.broadcast_to(jnp.arange(T)[:, None] < T - cut, (T, B))
    separate, last, _ = run(name, engine, tail, mask)
    assert_close(packed[cut:], separate[: T - cut])
    assert_close(final, last)


@zoo.cases(
    "name, engine",
    [("rnn", "fused"), ("lstm", "fused"), ("min_gru", "associative"), ("gru_before", "scan")],
    [("lstm", "fused")],
)
def test_vmap_over_parameters_equals_a_loop(name, engine):
    cell, params, compiled = runner(name, engine, jnp.float32)
    members = [jax.tree.map(lambda a, s=s: a * s, params) for s in (1.0, 0.8)]
    population = jax.tree.map(lambda *leaves: jnp.stack(leaves), *members)
    rest = (inputs(), cell.start(params, (B,)), MASK, NO_RESETS)
    vectorised = jax.vmap(compiled, in_axes=(0, None, None, None, None))(population, *rest)
    separate = [compiled(member, *rest) for member in members]
    assert_close(
        vectorised, jax.tree.map(lambda *leaves: jnp.stack(leaves), *separate), tolerance=2e-5
    )


@zoo.cases("name", zoo.ALL, ["lstm", "min_gru", "gru_before", "deep"])
def test_reverse_and_chunks_agree_with_the_plain_call(name):
    cell, params = zoo.build(name)

    @jax.jit
    def variants(xs):
        results = [unroll(cell, params, xs), unroll(cell, params, xs, chunk=3)]
        if name not in ("bidirectional", "deep"):
            ys, carry = unroll(cell, params, xs[::-1], reverse=True)
            results.append((ys[::-1], carry))
        return results

    plain, *others = variants(inputs())
    for other in others:
        assert_close(other, plain)


@zoo.cases("name", ["gru", "min_gru", "gru_before", "stack"], ["gru"])
def test_eager_and_donated_calls_equal_the_compiled_one(name):
    cell, params = zoo.build(name)
    compiled = jax.jit(lambda p, x: unroll(cell, p, x), donate_argnums=1)
    expected = jax.tree.map(np.asarray, unroll(cell, params, inputs()))
    assert_close(compiled(params, inputs() + 0.0), expected)


@zoo.cases("name", ["rnn", "lstm"], ["rnn"])
def test_scan_has_forward_mode_and_second_derivatives(name):
    with jax.enable_x64(True):
        cell, params = zoo.build(name, jnp.float64)
        loss = jax.jit(lambda p, x: score(*unroll(cell, p, x, engine="scan")))
        check_grads(loss, (params, inputs(jnp.float64)[:3]), order=2, atol=1e-5, rtol=1e-5)


def test_carries_are_those_after_every_step():
    cell, params = zoo.build("lstm")
    run = lambda function: jax.jit(lambda p, x: function(cell, p, x, mask=MASK))  # noqa: E731
    ys, states = run(unroll_carries)(params, inputs())
    plain, final = run(unroll)(params, inputs())
    assert_close(ys, plain)
    assert_close(jax.tree.map(lambda a: a[-1], states), final)
    np.testing.assert_array_equal(states.h[3:, 1], jnp.broadcast_to(states.h[3, 1], (T - 3, zoo.H)))


@pytest.mark.parametrize("engine", ["scan", "fused"])
def test_clip_gradient_bounds_the_state_gradient_at_every_step(engine):
    cell, params = zoo.build("rnn")
    bound = 1e-3

    def loss(carry, clip):
        _, final = unroll(cell, params, inputs(), carry, clip_gradient=clip, engine=engine)
        return 1e3 * jnp.sum(final)

    start = cell.start(params, (B,))
    gradient = jax.jit(jax.grad(loss))
    plain = gradient(start, None)
    assert np.max(np.abs(gradient(start, bound))) <= np.float32(bound)
    assert np.max(np.abs(plain)) > bound
    assert_close(gradient(start, 1e9), plain)


@pytest.mark.parametrize("name", zoo.ALL)
def test_shapes_without_time_and_without_batch(name):
    cell = zoo.ALL[name](zoo.D, zoo.H)
    params = jax.eval_shape(cell.init, jax.random.key(0))
    for shape in ((0, B), (1, 2, 2), (T,)):
        xs = jax.ShapeDtypeStruct((*shape, zoo.D), jnp.float32)
        ys, carry = jax.eval_shape(lambda p, x: unroll(cell, p, x), params, xs)
        assert ys.shape[:-1] == shape
        assert ys.dtype == jnp.float32
        start = jax.eval_shape(lambda p, s=shape: cell.start(p, s[1:]), params)
        assert jax.tree.map(lambda a: a.shape, carry) == jax.tree.map(lambda a: a.shape, start)


@zoo.cases("name", ["gru", "min_gru", "gru_before"], ["gru"])
def test_any_batch_shape_gives_the_same_numbers(name):
    cell, params = zoo.build(name)
    run = jax.jit(lambda x: unroll(cell, params, x)[0])
    batch = run(inputs())
    assert_close(run(inputs()[:, :1])[:, 0], batch[:, 0])
    assert_close(run(inputs()[:, 0]), batch[:, 0])
    assert_close(run(inputs()[:, None])[:, 0], batch)
    assert_close(run(inputs()[:1]), batch[:1])
    assert run(inputs()[:0]).shape == (0, B, zoo.H)


@zoo.cases(
    "name",
    ["rnn", "lstm", "gru", "slstm", "gru_before", "min_gru", "lru"],
    ["lstm", "min_gru"],
)
def test_bfloat16_computes_near_float32_with_carries_and_gradients_in_float32(name):
    _, params = zoo.build(name)

    @jax.jit
    def both(params):
        def loss(params, dtype):
            ys, carry = unroll(zoo.ALL[name](zoo.D, zoo.H, dtype=dtype), params, inputs())
            return jnp.sum(ys.astype(jnp.float32) ** 2), (ys, carry)

        return [jax.grad(loss, has_aux=True)(params, d) for d in (jnp.float32, jnp.bfloat16)]

    (grads, (ys, carry)), (rough_grads, (rough, rough_carry)) = both(params)
    assert rough.dtype == jnp.bfloat16
    same = lambda a, b: a.dtype == b.dtype  # noqa: E731
    assert all(jax.tree.leaves(jax.tree.map(same, (grads, carry), (rough_grads, rough_carry))))
    assert_close(rough.astype(jnp.float32), ys, tolerance=0.05)  # 8 bits of mantissa, T steps
    assert_close(rough_grads, grads, tolerance=0.2)
