"""Wraps of what goes in and out: both directions, residual, layer norm."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seqmodels.cells.registry import CELLS
from seqmodels.errors import UserError
from seqmodels.unroll import unroll
from seqmodels.wrap import bidirectional, layer_norm, residual, stack

T, B, D = 6, 3, 4
LENGTHS = [6, 3, 1]
XS = jax.random.normal(jax.random.key(1), (T, B, D))
MASK = jnp.arange(T)[:, None] < jnp.array(LENGTHS)[None]


def made(cell):
    return cell, cell.init(jax.random.key(0))


def test_each_sequence_is_reversed_within_its_own_length():
    cell, params = made(bidirectional(CELLS["lstm"](D, 5), CELLS["gru"](D, 3)))
    ys, carry = unroll(cell, params, XS, mask=MASK)
    assert ys.shape == (T, B, 8)
    for b, n in enumerate(LENGTHS):
        back, last = unroll(CELLS["gru"](D, 3), params["backward"], XS[:n, b][::-1])
        np.testing.assert_allclose(ys[:n, b, 5:], back[::-1], atol=1e-6)
        np.testing.assert_allclose(carry.backward[b], last, atol=1e-6)


def test_packed_sequences_do_not_see_each_other_in_either_direction():
    cell, params = made(bidirectional(CELLS["gru"](D, 3)))
    resets = jnp.zeros((T, B), bool).at[2].set(True)
    packed, _ = unroll(cell, params, XS, resets=resets)
    first, _ = unroll(cell, params, XS[:2])
    second, _ = unroll(cell, params, XS[2:])
    np.testing.assert_allclose(packed, jnp.concatenate([first, second]), atol=1e-6)


def test_residual_adds_inputs_and_keeps_padding_at_zero():
    cell, params = made(residual(CELLS["rnn"](D, D)))
    garbage = jnp.where(MASK[..., None], XS, jnp.nan)
    ys, _ = unroll(cell, params, garbage, mask=MASK)
    inner, _ = unroll(CELLS["rnn"](D, D), params, XS, mask=MASK)
    np.testing.assert_allclose(ys, jnp.where(MASK[..., None], XS + inner, 0.0), atol=1e-6)
    with pytest.raises(UserError, match="4 features and outputs 5"):
        unroll(*made(residual(CELLS["rnn"](D, 5))), XS)


def test_layer_norm_normalises_every_output():
    cell, params = made(layer_norm(CELLS["lstm"](D, 16)))
    params["own"] = {"gain": params["own"]["gain"] * 2.0, "b": params["own"]["b"] + 0.5}
    ys, _ = unroll(cell, params, XS)
    inner = np.asarray(unroll(CELLS["lstm"](D, 16), params["cell"], XS)[0], np.float64)
    spread = np.sqrt(inner.var(-1, keepdims=True) + 1e-5)
    wanted = 2.0 * (inner - inner.mean(-1, keepdims=True)) / spread + 0.5
    np.testing.assert_allclose(ys, wanted, atol=1e-4)


def test_a_stack_steps_as_it_unrolls():
    cell, params = made(stack(residual(CELLS["lstm"](D, D)), layer_norm(CELLS["gru"](D, 3))))
    ys, final = unroll(cell, params, XS)
    carry = cell.start(params, (B,))
    for t in range(T):
        carry, y = cell.step(params, carry, XS[t])
        np.testing.assert_allclose(y, ys[t], atol=1e-5)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5), carry, final)


def test_wrong_use_of_bidirectional():
    cell, params = made(bidirectional(CELLS["rnn"](D, 3)))
    with pytest.raises(UserError, match="no single step"):
        cell.step(params, cell.start(params, (B,)), XS[0])
    with pytest.raises(UserError, match="reverse=True"):
        unroll(cell, params, XS, reverse=True)
