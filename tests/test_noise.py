"""Dropout, weight drop and zoneout: which values are dropped, how often, and for how long."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from parameters import random_normal, random_params

from seqmodels.cells.lstm import LSTMCarry
from seqmodels.cells.registry import CELLS
from seqmodels.errors import UserError
from seqmodels.noise import dropout, dropout_mask, weight_drop, zoneout
from seqmodels.types import Noisy
from seqmodels.unroll import unroll
from seqmodels.wrap import bidirectional, residual, stack

T, B, D = 5, 64, 16
KEY = jax.random.key(7)
XS = random_normal(T, B, D)
RNN, LSTM = CELLS["rnn"](D, D), CELLS["lstm"](D, D)


def params_of(cell):
    return random_params(cell, scale=0.25)


def first_step(params, xs):
    """Return the output of an RNN whose state is zero."""
    return np.tanh(np.asarray(xs) @ np.asarray(params["wx"]) + np.asarray(params["b"]))


def test_masks_keep_the_mean():
    mask = np.asarray(dropout_mask(KEY, 0.3, (200, 200)))
    np.testing.assert_allclose(mask.mean(), 1.0, atol=0.02)
    np.testing.assert_allclose((mask == 0.0).mean(), 0.3, atol=0.01)
    assert not np.any(np.isnan(dropout_mask(KEY, 1.0, (3,))))


@pytest.mark.parametrize("locked", [True, False])
def test_output_dropout_is_locked_over_time_or_new_at_every_step(locked):
    cell = dropout(RNN, outputs=0.4, locked=locked)
    ys, _ = jax.jit(lambda p: unroll(cell, p, XS, key=KEY))(params_of(cell))
    zero = np.asarray(ys) == 0.0
    np.testing.assert_allclose(zero.mean(), 0.4, atol=0.05)
    assert np.all(zero == zero[0]) == locked
    assert not np.all(zero[:, :1] == zero)  # sequences differ


def test_input_dropout_masks_the_inputs():
    cell = dropout(RNN, inputs=0.4)

    @jax.jit
    def run(params):
        mask = dropout_mask(jax.random.split(jax.random.split(KEY)[1])[0], 0.4, (B, D))
        masked = unroll(RNN, params, XS * jnp.broadcast_to(mask, XS.shape))
        return unroll(cell, params, XS, key=KEY)[0], masked[0]

    np.testing.assert_allclose(*run(params_of(cell)), atol=1e-6)


def test_state_dropout_masks_only_what_the_matmul_reads():
    cell = dropout(LSTM, state=1.0)

    @jax.jit
    def run(params):
        blind = params | {"wh": jnp.zeros_like(params["wh"])}
        return unroll(cell, params, XS, key=KEY)[0], unroll(LSTM, blind, XS)[0]

    np.testing.assert_allclose(*run(params_of(cell)), atol=1e-6)


def test_weight_drop_of_all_weights_removes_the_recurrence():
    cell = weight_drop(RNN, 1.0)
    params = params_of(cell)
    noisy, _ = jax.jit(lambda p: unroll(cell, p, XS, key=KEY))(params)
    np.testing.assert_allclose(noisy, first_step(params, XS), atol=1e-5)


def test_zoneout_keeps_a_whole_part_of_the_carry_at_rate_one():
    rates = LSTMCarry(h=jnp.float32(0.0), c=jnp.float32(1.0))
    cell = zoneout(LSTM, rates)
    _, carry = jax.jit(lambda p: unroll(cell, p, XS, key=KEY))(params_of(cell))
    np.testing.assert_array_equal(carry.c, 0.0)
    assert np.any(carry.h != 0.0)


def test_zoneout_averages_without_a_key():
    cell = zoneout(RNN, 0.25)
    params = params_of(cell)

    @jax.jit
    def run(params):
        return [unroll(cell, params, XS[:1], key=key)[0] for key in (None, KEY)]

    quiet, noisy = run(params)
    np.testing.assert_allclose(quiet, 0.75 * first_step(params, XS[:1]), atol=1e-5)
    np.testing.assert_allclose(np.mean(np.asarray(noisy) == 0.0), 0.25, atol=0.05)


def deep_noisy_cell():
    first = zoneout(weight_drop(LSTM, 0.5), 0.1)
    second = residual(dropout(CELLS["gru"](D, D), state=0.3, outputs=0.3, locked=False))
    return stack(dropout(first, inputs=0.2), second)


@pytest.mark.parametrize(
    "mask",
    [
        pytest.param(None, marks=pytest.mark.exhaustive),
        jnp.arange(T)[:, None] < jnp.full((1, B), 3),
    ],
)
def test_engines_draw_the_same_noise(mask):
    cell = deep_noisy_cell()

    @jax.jit
    def run(params, key):
        return [
            unroll(cell, params, XS, mask=mask, key=key, engine=engine)[0]
            for engine in ("scan", "fused")
        ]

    params = params_of(cell)
    scan, fused = run(params, KEY)
    np.testing.assert_allclose(scan, fused, atol=1e-5)
    other, _ = run(params, jax.random.key(8))
    assert np.any(np.abs(scan - other) > 0.1)


def test_draw_prepares_single_steps():
    """A decoder that steps a cell calls its ``draw``, and passes the noise with the inputs."""
    cell = deep_noisy_cell()

    @jax.jit
    def run(params):
        noisy, noise = cell.draw(params, KEY, T, (B,))
        carry, outputs = cell.start(params, (B,)), []
        for t in range(T):
            noise_t = jax.tree.map(lambda a, t=t: a[t], noise)
            carry, y = cell.step(noisy, carry, Noisy(XS[t], noise_t))
            outputs.append(y)
        return jnp.stack(outputs), unroll(cell, params, XS)[0]

    noisy, quiet = run(params_of(cell))
    assert np.all(np.isfinite(noisy))
    assert np.any(np.abs(noisy - quiet) > 0.1)


def test_rates_may_be_swept_under_vmap():
    params = params_of(LSTM)

    def share(rate):
        cell = dropout(zoneout(LSTM, rate), outputs=rate)
        return jnp.mean(unroll(cell, params, XS, key=KEY)[0] == 0.0)

    rates = jnp.array([0.1, 0.5])
    shares, one = jax.jit(jax.vmap(share))(rates), jax.jit(share)
    np.testing.assert_allclose(shares, [one(rate) for rate in rates], atol=1e-6)
    assert shares[0] < shares[1]


def test_wraps_of_the_recurrence_need_a_structured_cell():
    with pytest.raises(UserError, match="zoneout acts inside the recurrence"):
        zoneout(bidirectional(RNN), 0.1)
    cell = weight_drop(CELLS["min_gru"](D, D), 0.1)
    with pytest.raises(UserError, match="has no 'wh'"):
        unroll(cell, random_params(cell), XS, key=KEY)
