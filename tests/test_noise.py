"""Dropout, weight drop and zoneout: what is dropped, how often, and for how long."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seqmodels.cells.lstm import LSTMCarry
from seqmodels.cells.registry import CELLS
from seqmodels.errors import UserError
from seqmodels.noise import dropout, keep_mask, weight_drop, zoneout
from seqmodels.types import Noisy
from seqmodels.unroll import unroll
from seqmodels.wrap import bidirectional, residual, stack

T, B, D = 5, 64, 16
KEY = jax.random.key(7)
XS = jax.random.normal(jax.random.key(1), (T, B, D))


def made(cell):
    return cell, cell.init(jax.random.key(0))


def dropped_share(cell, params):
    ys, _ = unroll(cell, params, XS, key=KEY)
    return np.asarray(ys == 0.0)


def test_masks_keep_the_mean():
    mask = keep_mask(KEY, 0.3, (200, 200))
    np.testing.assert_allclose(jnp.mean(mask), 1.0, atol=0.02)
    np.testing.assert_allclose(jnp.mean(mask == 0.0), 0.3, atol=0.01)
    assert not np.any(np.isnan(keep_mask(KEY, 1.0, (3,))))


@pytest.mark.parametrize("locked", [True, False])
def test_output_dropout_is_locked_over_time_or_fresh_at_every_step(locked):
    zero = dropped_share(*made(dropout(CELLS["rnn"](D, D), outputs=0.4, locked=locked)))
    np.testing.assert_allclose(zero.mean(), 0.4, atol=0.05)
    assert np.all(zero == zero[0]) == locked
    assert not np.all(zero[:, :1] == zero)  # sequences differ


def test_input_dropout_scales_what_goes_in():
    cell, params = made(dropout(CELLS["rnn"](D, D), inputs=0.4))
    noisy, _ = unroll(cell, params, XS, key=KEY)
    mask = keep_mask(jax.random.split(jax.random.split(KEY)[1])[0], 0.4, (B, D))
    wanted, _ = unroll(CELLS["rnn"](D, D), params, XS * mask[None])
    np.testing.assert_allclose(noisy, wanted, atol=1e-6)


def test_state_dropout_hides_the_state_from_the_matmul_alone():
    cell, params = made(dropout(CELLS["lstm"](D, D), state=1.0))
    blind = params | {"wh": jnp.zeros_like(params["wh"])}
    noisy, _ = unroll(cell, params, XS, key=KEY)
    wanted, _ = unroll(CELLS["lstm"](D, D), blind, XS)
    np.testing.assert_allclose(noisy, wanted, atol=1e-6)


def test_weight_drop_of_everything_leaves_no_recurrence():
    cell, params = made(weight_drop(CELLS["rnn"](D, D), 1.0))
    noisy, _ = unroll(cell, params, XS, key=KEY)
    np.testing.assert_allclose(noisy, jnp.tanh(XS @ params["wx"]), atol=1e-6)


def test_zoneout_keeps_units_at_its_rate_and_averages_without_a_key():
    rates = LSTMCarry(h=jnp.float32(0.0), c=jnp.float32(1.0))
    cell, params = made(zoneout(CELLS["lstm"](D, D), rates))
    _, carry = unroll(cell, params, XS, key=KEY)
    np.testing.assert_array_equal(carry.c, 0.0)
    assert np.any(carry.h != 0.0)

    quiet, params = made(zoneout(CELLS["rnn"](D, D), 0.25))
    ys, _ = unroll(quiet, params, XS[:1])
    np.testing.assert_allclose(ys, 0.75 * jnp.tanh(XS[:1] @ params["wx"]), atol=1e-6)
    noisy, _ = unroll(quiet, params, XS[:1], key=KEY)
    np.testing.assert_allclose(np.mean(np.asarray(noisy) == 0.0), 0.25, atol=0.05)


def noisy_deep():
    first = zoneout(weight_drop(CELLS["lstm"](D, D), 0.5), 0.1)
    second = residual(dropout(CELLS["gru"](D, D), state=0.3, outputs=0.3, locked=False))
    return stack(dropout(first, inputs=0.2), second)


@pytest.mark.parametrize("mask", [None, jnp.arange(T)[:, None] < jnp.full((1, B), 3)])
def test_engines_draw_the_same_noise(mask):
    cell, params = made(noisy_deep())
    runs = [unroll(cell, params, XS, mask=mask, key=KEY, engine=e)[0] for e in ("scan", "fused")]
    np.testing.assert_allclose(*runs, atol=1e-5)
    other, _ = unroll(cell, params, XS, mask=mask, key=jax.random.key(8))
    assert np.any(np.abs(runs[0] - other) > 0.1)


def test_noise_reaches_single_steps_through_draw():
    """A decoder that steps other cells draws for them, and hands noise on with the input."""
    cell, params = made(noisy_deep())
    drawn, noise = cell.draw(params, KEY, T, (B,))
    carry = cell.start(params, (B,))
    outputs = []
    for t in range(T):
        now = jax.tree.map(lambda a, t=t: a[t], noise)
        carry, y = cell.step(drawn, carry, Noisy(XS[t], now))
        outputs.append(y)
    quiet, _ = unroll(cell, params, XS)
    assert np.all(np.isfinite(jnp.stack(outputs)))
    assert np.any(np.abs(jnp.stack(outputs) - quiet) > 0.1)


def test_rates_may_be_swept_under_vmap():
    _, params = made(CELLS["lstm"](D, D))

    def share(rate):
        cell = dropout(zoneout(CELLS["lstm"](D, D), rate), outputs=rate)
        return jnp.mean(unroll(cell, params, XS, key=KEY)[0] == 0.0)

    shares = jax.vmap(share)(jnp.array([0.1, 0.5]))
    np.testing.assert_allclose(shares, [share(0.1), share(0.5)], atol=1e-6)
    assert shares[0] < shares[1]


def test_wraps_of_the_recurrence_refuse_a_whole_network():
    with pytest.raises(UserError, match="zoneout acts inside the recurrence"):
        zoneout(bidirectional(CELLS["rnn"](D, D)), 0.1)
    cell, params = made(weight_drop(CELLS["min_gru"](D, D), 0.1))
    with pytest.raises(UserError, match="has no 'wh'"):
        unroll(cell, params, XS, key=KEY)
