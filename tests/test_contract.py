"""The contract of ``unroll``, over all cells and all engines that accept them."""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import zoo
from jax.test_util import check_grads

from seqmodels.engines.problem import where
from seqmodels.unroll import carries, unroll

T, B = 7, 3
LENGTHS = jnp.array([7, 4, 1])
MASK = jnp.arange(T)[:, None] < LENGTHS[None]
NO_RESETS = jnp.zeros((T, B), bool)


def each(pairs):
    """Parametrise over cells and engines; a cell's tests share a worker, to compile it once."""
    marked = [pytest.param(*pair, marks=pytest.mark.xdist_group(pair[0])) for pair in pairs]
    return pytest.mark.parametrize(("name", "engine"), marked)


def inputs(dtype=jnp.float32, seed=2):
    return jax.random.normal(jax.random.key(seed), (T, B, zoo.D), dtype)


def score(ys, carry):
    """A loss that weighs every output and every element of the final carry differently."""
    total = 0.0
    for leaf in jax.tree.leaves((ys, carry)):
        weights = jnp.cos(jnp.arange(leaf.size, dtype=leaf.real.dtype)).reshape(leaf.shape)
        total = total + jnp.sum(
            weights * (leaf.real + leaf.imag if jnp.iscomplexobj(leaf) else leaf)
        )
    return total


@cache
def runner(name: str, engine: str, dtype, masked: bool = True, **options):
    """Values and all gradients of one cell on one engine, compiled once for the whole module."""
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


def close(a, b, tolerance=1e-5):
    jax.tree.map(
        lambda x, y: np.testing.assert_allclose(x, y, rtol=tolerance, atol=tolerance), a, b
    )


@each(zoo.PAIRS)
def test_engine_equals_scan_in_single_precision_with_masks_and_resets(name, engine):
    cell, params, _ = runner(name, "scan", jnp.float32)
    carry = zoo.random_carry(cell, params, (B,), jax.random.key(3))
    mask = jax.random.bernoulli(jax.random.key(4), 0.7, (T, B))
    resets = jax.random.bernoulli(jax.random.key(5), 0.3, (T, B))
    results = [run(name, e, inputs(), mask, resets, carry) for e in ("scan", engine)]
    close(*results, tolerance=2e-5)  # sums of T * B products, each rounded at 6e-8


@each(zoo.PAIRS)
def test_engine_equals_scan_and_finite_differences_in_double_precision(name, engine):
    with jax.enable_x64(True):
        cell, params, compiled = runner(name, engine, jnp.float64, masked=False)
        carry = zoo.random_carry(cell, params, (B,), jax.random.key(3))
        at = (params, inputs(jnp.float64), carry)
        result = compiled(*at, MASK, NO_RESETS)
        close(
            runner(name, "scan", jnp.float64, masked=False)[2](*at, MASK, NO_RESETS), result, 1e-10
        )

        direction = jax.tree.map(lambda a: jnp.sin(1.0 + a), at)
        step = 1e-5
        ahead, behind = (
            compiled(*jax.tree.map(lambda a, d, s=s: a + s * d, at, direction), MASK, NO_RESETS)
            for s in (step, -step)
        )
        measured = (ahead[0][0] - behind[0][0]) / (2 * step)
        # JAX's gradient of a real function of complex z is dL/dx - i dL/dy
        slopes = jax.tree.map(lambda g, d: jnp.sum((g * d).real), result[1], direction)
        np.testing.assert_allclose(sum(jax.tree.leaves(slopes)), measured, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("value", [1e3, np.nan, np.inf])
@each(zoo.EVERY)
def test_padding_changes_neither_values_nor_gradients(name, engine, value):
    garbage = jnp.where(MASK[..., None], inputs(), value)
    clean = jnp.where(MASK[..., None], inputs(), 0.0)
    ys, final, grads = run(name, engine, garbage)
    jax.tree.map(np.testing.assert_array_equal, (ys, final, grads), run(name, engine, clean))
    assert np.all(np.asarray(jnp.where(MASK[..., None], 0.0, ys)) == 0.0)
    assert np.all(np.asarray(jnp.where(MASK[..., None], 0.0, grads[1])) == 0.0)


@each(zoo.EVERY)
def test_steps_one_by_one_equal_unroll_and_carry_is_that_of_each_end(name, engine):
    cell, params, _ = runner(name, engine, jnp.float32)
    ys, final, _ = run(name, engine, inputs())
    step = jax.jit(cell.step)
    carry = cell.start(params, (B,))
    for t in range(T):
        new, y = step(params, carry, inputs()[t])
        close(where(MASK[t], y, jnp.zeros_like(y)), ys[t])
        carry = where(MASK[t], new, carry)
    close(carry, final)


@each(zoo.EVERY)
def test_resets_equal_separate_sequences(name, engine):
    cut = 3
    resets = NO_RESETS.at[cut].set(True)
    packed, final, _ = run(name, engine, inputs(), jnp.ones((T, B), bool), resets)
    tail = jnp.roll(inputs(), -cut, axis=0)
    mask = jnp.broadcast_to(jnp.arange(T)[:, None] < T - cut, (T, B))
    separate, last, _ = run(name, engine, tail, mask)
    close(packed[cut:], separate[: T - cut])
    close(final, last)


@pytest.mark.parametrize(
    ("name", "engine"),
    [("rnn", "fused"), ("lstm", "fused"), ("min_gru", "associative"), ("gru_before", "scan")],
)
def test_vmap_over_parameters_equals_a_loop(name, engine):
    cell, params, compiled = runner(name, engine, jnp.float32)
    members = [jax.tree.map(lambda a, s=s: a * s, params) for s in (1.0, 0.8)]
    population = jax.tree.map(lambda *leaves: jnp.stack(leaves), *members)
    rest = (inputs(), cell.start(params, (B,)), MASK, NO_RESETS)
    together = jax.vmap(compiled, in_axes=(0, None, None, None, None))(population, *rest)
    alone = [compiled(member, *rest) for member in members]
    close(together, jax.tree.map(lambda *leaves: jnp.stack(leaves), *alone), tolerance=2e-5)


@pytest.mark.parametrize("name", zoo.ALL)
def test_reverse_and_chunks_agree_with_the_plain_call(name):
    cell, params = zoo.build(name)

    @jax.jit
    def ways(xs):
        results = [unroll(cell, params, xs), unroll(cell, params, xs, chunk=3)]
        if name not in ("bidirectional", "deep"):
            ys, carry = unroll(cell, params, xs[::-1], reverse=True)
            results.append((ys[::-1], carry))
        return results

    plain, *others = ways(inputs())
    for other in others:
        close(other, plain)


@pytest.mark.parametrize("name", ["gru", "min_gru", "gru_before", "stack"])
def test_eager_and_donated_calls_equal_the_compiled_one(name):
    cell, params = zoo.build(name)
    compiled = jax.jit(lambda p, x: unroll(cell, p, x), donate_argnums=1)
    wanted = jax.tree.map(np.asarray, unroll(cell, params, inputs()))
    close(compiled(params, inputs() + 0.0), wanted)


def test_scan_has_forward_mode_and_second_derivatives():
    with jax.enable_x64(True):
        cell, params = zoo.build("lstm", jnp.float64)
        loss = jax.jit(lambda p, x: score(*unroll(cell, p, x, engine="scan")))
        check_grads(loss, (params, inputs(jnp.float64)[:3]), order=2, atol=1e-5, rtol=1e-5)


def test_carries_are_those_after_every_step():
    cell, params = zoo.build("lstm")
    ys, states = carries(cell, params, inputs(), mask=MASK)
    plain, final = unroll(cell, params, inputs(), mask=MASK)
    close(ys, plain)
    close(jax.tree.map(lambda a: a[-1], states), final)
    np.testing.assert_array_equal(states.h[3:, 1], jnp.broadcast_to(states.h[3, 1], (T - 3, zoo.H)))


@pytest.mark.parametrize("engine", ["scan", "fused"])
def test_clip_gradient_bounds_the_state_gradient_at_every_step(engine):
    cell, params = zoo.build("rnn")
    bound = 1e-3

    def loss(carry, clip):
        _, final = unroll(cell, params, inputs(), carry, clip_gradient=clip, engine=engine)
        return 1e3 * jnp.sum(final)

    start = cell.start(params, (B,))
    clipped = jax.grad(loss)(start, bound)
    assert np.max(np.abs(clipped)) <= np.float32(bound)
    assert np.max(np.abs(jax.grad(loss)(start, None))) > bound
    close(jax.grad(loss)(start, 1e9), jax.grad(loss)(start, None))


@pytest.mark.parametrize("name", zoo.ALL)
def test_shapes_without_time_and_without_batch(name):
    cell, params = zoo.build(name)
    for shape in ((0, B), (1, 2, 2), (T,)):
        xs = jax.ShapeDtypeStruct((*shape, zoo.D), jnp.float32)
        ys, carry = jax.eval_shape(lambda p, x: unroll(cell, p, x), params, xs)
        assert ys.shape[:-1] == shape
        assert ys.dtype == jnp.float32
        wanted = jax.eval_shape(lambda p, s=shape: cell.start(p, s[1:]), params)
        assert jax.tree.map(lambda a: a.shape, carry) == jax.tree.map(lambda a: a.shape, wanted)


@pytest.mark.parametrize("name", ["gru", "min_gru", "gru_before"])
def test_any_batch_shape_gives_the_same_numbers(name):
    cell, params = zoo.build(name)
    run = jax.jit(lambda x: unroll(cell, params, x)[0])
    batch = run(inputs())
    close(run(inputs()[:, :1])[:, 0], batch[:, 0])
    close(run(inputs()[:, 0]), batch[:, 0])
    close(run(inputs()[:, None])[:, 0], batch)
    close(run(inputs()[:1]), batch[:1])
    assert run(inputs()[:0]).shape == (0, B, zoo.H)


@pytest.mark.parametrize("name", ["rnn", "lstm", "gru", "slstm", "gru_before", "min_gru", "lru"])
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
    close(rough.astype(jnp.float32), ys, tolerance=0.05)  # 8 bits of mantissa, T steps deep
    close(rough_grads, grads, tolerance=0.2)
