"""What is particular to single cells: initialisation, limits, extremes, and users' mistakes."""

import re
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seqmodels.cells.build import orthogonal
from seqmodels.cells.registry import CELLS
from seqmodels.cells.rglru import complement
from seqmodels.cells.start import learned_start
from seqmodels.errors import UserError
from seqmodels.noise import weight_drop
from seqmodels.types import Linear, Structured
from seqmodels.unroll import carries, unroll
from seqmodels.wrap import stack

KEY = jax.random.key(0)
LINEAR = ["min_gru", "min_lstm", "lru", "rg_lru"]


def normal(*shape, seed=1):
    return jax.random.normal(jax.random.key(seed), shape)


def finite(tree):
    return all(bool(jnp.isfinite(leaf).all()) for leaf in jax.tree.leaves(tree))


# Initialisation


def test_irnn_accumulates_its_inputs():
    cell = CELLS["irnn"](3, 3, kernel_init=lambda key, shape, dtype: jnp.eye(*shape, dtype=dtype))
    xs = jnp.abs(normal(9, 2, 3))
    ys, _ = unroll(cell, cell.init(KEY), xs, engine="scan")
    np.testing.assert_allclose(ys, np.cumsum(np.asarray(xs), axis=0), rtol=1e-5)


@pytest.mark.parametrize("name", ["lstm", "carry_track_lstm"])
def test_forget_gates_start_at_their_bias(name):
    bias = CELLS[name](2, 3).init(KEY)["b"]
    np.testing.assert_array_equal(bias, [0.0] * 3 + [1.0] * 3 + [0.0] * 6)
    assert CELLS[name](2, 3, forget_bias=2.5).init(KEY)["b"][3] == 2.5


def test_min_lstm_forget_bias_is_in_front():
    bias = CELLS["min_lstm"](2, 3, forget_bias=2.0).init(KEY)["b"]
    np.testing.assert_array_equal(bias, [2.0] * 3 + [0.0] * 6)


def test_slstm_forget_bias_falls_from_5_to_minus_7_in_each_head():
    bias = CELLS["slstm"](2, 8, heads=2).init(KEY)["b"][8:16].reshape(2, 4)
    np.testing.assert_allclose(bias[:, [0, -1]], [[5.0, -7.0]] * 2, rtol=1e-6)
    assert (np.diff(bias) < 0).all()


def test_recurrent_matrices_are_orthogonal_gate_by_gate():
    kernel = CELLS["gru"](2, 5).init(KEY)["wh"]
    for gate in np.split(np.asarray(kernel), 3, axis=-1):
        np.testing.assert_allclose(gate.T @ gate, np.eye(5), atol=1e-5)


def test_lru_eigenvalues_lie_in_the_ring():
    params = CELLS["lru"](2, 500, r_min=0.6, r_max=0.9, max_phase=1.0).init(KEY)
    radius, phase = np.exp(-np.exp(params["nu"])), np.exp(params["theta"])
    assert 0.6 <= radius.min() < 0.63
    assert 0.87 < radius.max() <= 0.9
    assert 0.0 < phase.min() < 0.05
    assert 0.95 < phase.max() <= 1.0
    # uniform by area: half of them lie inside the radius that halves it
    assert 0.42 < np.mean(radius**2 < (0.6**2 + 0.9**2) / 2) < 0.58
    np.testing.assert_allclose(np.exp(params["gamma"]), np.sqrt(1 - radius**2), rtol=1e-4)


def test_lru_normalisation_gives_every_unit_an_impulse_response_of_energy_one():
    cell = CELLS["lru"](1, 50, r_min=0.5, r_max=0.95)
    params = cell.init(KEY) | {"wx": jnp.ones((1, 100)) / jnp.sqrt(2.0)}
    states, _ = carries(cell, params, jnp.zeros((200, 1)).at[0].set(1.0))[::-1]
    np.testing.assert_allclose(np.sum(np.abs(states) ** 2, axis=0), np.ones(50), rtol=1e-4)


def test_rg_lru_decays_start_between_09_and_0999():
    decay = jax.nn.sigmoid(CELLS["rg_lru"](2, 500).init(KEY)["lambda"]) ** 8
    assert 0.9 <= decay.min() < 0.905
    assert 0.994 < decay.max() < 0.9991


# Linear cells in parallel


@pytest.mark.parametrize(
    ("name", "reverse"),
    [("min_gru", True), ("min_lstm", False), ("lru", True), ("rg_lru", False)],
)
def test_associative_is_scan(name, reverse):
    cell = CELLS[name](3, 4)
    params, xs = cell.init(KEY), normal(11, 3, 3)
    mask = jnp.arange(11)[:, None] < jnp.array([[11, 6, 1]])
    resets = jax.random.bernoulli(jax.random.key(3), 0.3, (11, 3))

    @jax.jit
    def run(params, xs):
        def loss(params, xs, engine):
            ys, carry = unroll(
                cell, params, xs, mask=mask, resets=resets, reverse=reverse, engine=engine
            )
            return jnp.sum(jnp.sin(ys)) + jnp.sum(jnp.abs(carry)), (ys, carry)

        grad = jax.grad(loss, argnums=(0, 1), has_aux=True)
        return grad(params, xs, "associative"), grad(params, xs, "scan")

    parallel, plain = run(params, xs)
    same = lambda a, b: np.testing.assert_allclose(a, b, rtol=2e-5, atol=2e-5)  # noqa: E731
    jax.tree.map(same, parallel, plain)
    assert finite(parallel)


# Extremes


def test_slstm_survives_huge_gates():
    cell = CELLS["slstm"](2, 4, heads=2)
    params = cell.init(KEY)
    xs = normal(12, 3, 2)

    @jax.jit
    @partial(jax.grad, has_aux=True)
    def run(params, scale):
        ys, _ = unroll(cell, params, xs * scale, engine="scan")
        return jnp.sum(ys), ys

    for scale in (1.0, 1e3, 1e6):
        slope, ys = run(params, scale)
        assert finite((slope, ys))
        assert jnp.abs(ys).max() <= 1.0  # c / n is a mean of tanh's


def test_complement_is_exact_and_has_a_slope_everywhere():
    log_a = -np.logspace(-30, 2, 200)
    value = jax.vmap(complement)(jnp.asarray(log_a, jnp.float32)[:, None])[:, 0]
    exact = np.sqrt(-np.expm1(2 * log_a.astype(np.float32).astype(np.float64)))
    np.testing.assert_allclose(value, exact, rtol=1e-6)
    assert finite(jax.vmap(jax.grad(lambda a: complement(a[None])[0]))(jnp.array([0.0, -1e-45])))


@pytest.mark.parametrize("name", LINEAR)
def test_linear_cells_survive_saturated_gates(name):
    cell = CELLS[name](3, 4)
    params = cell.init(KEY)

    @jax.jit
    def run(params, xs):
        return jax.value_and_grad(lambda p, x: jnp.sum(unroll(cell, p, x)[0]), argnums=(0, 1))(
            params, xs
        )

    for scale in (0.0, 1.0, 300.0, 1e4):
        assert finite(run(params, scale * normal(5, 2, 3)))


# A learned initial state


@pytest.mark.parametrize("name", ["lstm", "gru_before", "lru"])
def test_learned_start_is_where_the_cell_begins_and_what_resets_return_to(name):
    plain = CELLS[name](3, 4)
    cell = learned_start(plain)
    params = cell.init(KEY)
    assert not any(jnp.iscomplexobj(leaf) for leaf in jax.tree.leaves(params))
    assert type(cell.form) is type(plain.form)
    assert cell.size == plain.size

    params["start"] = jax.tree.map(lambda s: s + 0.5, params["start"])
    xs = normal(6, 2, 3)
    resets = jnp.zeros((6, 2), bool).at[3].set(True)
    begin = cell.start(params, (2,))
    half = jax.jit(lambda x: unroll(plain, params["cell"], x, begin, engine="scan")[0])
    wanted = [half(xs[:3]), half(xs[3:])]
    ys, _ = unroll(cell, params, xs, resets=resets, engine="scan")
    np.testing.assert_allclose(ys, np.concatenate(wanted), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["lstm", "gru_before", "lru"])
def test_learned_start_learns(name):
    cell = learned_start(CELLS[name](3, 4))
    loss = lambda params: jnp.sum(unroll(cell, params, normal(4, 2, 3), engine="scan")[0] ** 2)  # noqa: E731
    slopes = jax.jit(jax.grad(loss))(cell.init(KEY))["start"]
    assert all(bool((leaf != 0).any()) for leaf in jax.tree.leaves(slopes))


# Dtypes and mistakes


@pytest.mark.parametrize("name", CELLS)
def test_bfloat16_keeps_wide_carries_and_parameters(name):
    cell = CELLS[name](3, 4, dtype=jnp.bfloat16)
    params = jax.eval_shape(cell.init, KEY)
    xs = jax.ShapeDtypeStruct((5, 2, 3), jnp.bfloat16)
    ys, carry = jax.eval_shape(lambda p, x: unroll(cell, p, x), params, xs)
    assert ys.dtype == jnp.bfloat16
    assert all(leaf.dtype == jnp.float32 for leaf in jax.tree.leaves(params))
    assert all(leaf.dtype.itemsize >= 4 for leaf in jax.tree.leaves(carry))


@pytest.mark.parametrize("name", CELLS)
def test_float64_without_x64_is_refused(name):
    with pytest.raises(UserError, match="param_dtype=float64 needs 64-bit mode"):
        CELLS[name](3, 4, param_dtype=np.float64)


@pytest.mark.parametrize("name", ["slstm", "rg_lru"])
def test_heads_must_divide_the_units(name):
    with pytest.raises(UserError, match="heads=3 must divide hidden=4"):
        CELLS[name](3, 4, heads=3)


def test_lru_ring_must_be_one():
    with pytest.raises(UserError, match="r_min"):
        CELLS["lru"](3, 4, r_min=0.9, r_max=0.5)


def test_learned_start_keeps_the_noise_of_a_stochastic_cell():
    noisy = weight_drop(CELLS["rnn"](3, 4), 0.5)
    cell = learned_start(noisy)
    params, xs, key = cell.init(KEY), normal(4, 2, 3), jax.random.key(5)
    ys, _ = unroll(cell, params, xs, key=key, engine="scan")
    wanted, _ = unroll(noisy, params["cell"], xs, key=key, engine="scan")
    np.testing.assert_array_equal(ys, wanted)


def test_learned_start_refuses_composites():
    with pytest.raises(UserError, match="learned_start"):
        learned_start(stack(CELLS["rnn"](3, 4)))


def test_forms():
    structured = {name for name, make in CELLS.items() if isinstance(make(3, 4).form, Structured)}
    linear = {name for name, make in CELLS.items() if isinstance(make(3, 4).form, Linear)}
    assert linear == set(LINEAR)
    assert set(CELLS) - structured - linear == {"gru_before", "mgu"}


def test_a_population_draws_its_orthogonal_matrices_one_after_the_other():
    """A batch of QR decompositions can hang XLA's CPU backend."""
    keys = jax.random.split(jax.random.key(0), 3)
    draw = jax.jit(jax.vmap(lambda key: orthogonal(key, (4, 4))))
    lowered = draw.lower(keys).as_text()
    assert re.findall(r"geqrf.*?tensor<([\dx]+)xf32>", lowered) == ["4x4"]
    alone = [jax.nn.initializers.orthogonal()(key, (4, 4)) for key in keys]
    np.testing.assert_allclose(draw(keys), jnp.stack(alone), rtol=1e-6)
