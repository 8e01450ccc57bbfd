"""Wraps of inputs and outputs: stacks, both directions, residual, layer norm."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from parameters import random_normal, random_params

from seqmodels.cells.registry import CELLS
from seqmodels.errors import UserError
from seqmodels.unroll import unroll
from seqmodels.wrap import bidirectional, layer_norm, residual, stack

T, B, D = 6, 3, 4
LENGTHS = [6, 3, 1]
XS = random_normal(T, B, D)
MASK = jnp.arange(T)[:, None] < jnp.array(LENGTHS)[None]


def test_each_sequence_is_reversed_within_its_own_length():
    backward = CELLS["gru"](D, 3)
    cell = bidirectional(CELLS["lstm"](D, 5), backward)

    @jax.jit
    def run(params):
        parts = [
            unroll(backward, params["backward"], XS[:n, b][::-1]) for b, n in enumerate(LENGTHS)
        ]
        return unroll(cell, params, XS, mask=MASK), parts

    (ys, carry), parts = run(random_params(cell, scale=0.5))
    assert ys.shape == (T, B, 8)
    for b, (back, last) in enumerate(parts):
        np.testing.assert_allclose(ys[: LENGTHS[b], b, 5:], back[::-1], atol=1e-6)
        np.testing.assert_allclose(carry.backward[b], last, atol=1e-6)


def test_packed_sequences_do_not_affect_each_other_in_either_direction():
    cell = bidirectional(CELLS["gru"](D, 3))
    resets = jnp.zeros((T, B), bool).at[2].set(True)

    @jax.jit
    def run(params):
        parts = [unroll(cell, params, xs)[0] for xs in (XS[:2], XS[2:])]
        return unroll(cell, params, XS, resets=resets)[0], jnp.concatenate(parts)

    packed, separate = run(random_params(cell, scale=0.5))
    np.testing.assert_allclose(packed, separate, atol=1e-6)


def test_residual_adds_inputs_and_keeps_padding_at_zero():
    inner = CELLS["rnn"](D, D)
    garbage = jnp.where(MASK[..., None], XS, jnp.nan)

    @jax.jit
    def run(params):
        ys, _ = unroll(residual(inner), params, garbage, mask=MASK)
        return ys, unroll(inner, params, XS, mask=MASK)[0]

    ys, outputs = run(random_params(inner, scale=0.5))
    np.testing.assert_allclose(ys, jnp.where(MASK[..., None], XS + outputs, 0.0), atol=1e-6)
    wide = residual(CELLS["rnn"](D, 5))
    with pytest.raises(UserError, match="4 features and outputs 5"):
        unroll(wide, random_params(wide), XS)


def test_layer_norm_normalises_every_output():
    inner = CELLS["lstm"](D, 16)
    cell = layer_norm(inner)
    own = jax.jit(lambda key: cell.init(key)["own"])(jax.random.key(0))
    own = {"gain": own["gain"] * 2.0, "b": own["b"] + 0.5}  # 2 and 0.5

    @jax.jit
    def run(params):
        ys, _ = unroll(cell, {"cell": params, "own": own}, XS)
        return ys, unroll(inner, params, XS)[0]

    ys, outputs = run(random_params(inner, scale=0.5))
    outputs = np.asarray(outputs, np.float64)
    spread = np.sqrt(outputs.var(-1, keepdims=True) + 1e-5)
    expected = 2.0 * (outputs - outputs.mean(-1, keepdims=True)) / spread + 0.5
    np.testing.assert_allclose(ys, expected, atol=1e-4)


def test_a_stack_steps_as_it_unrolls():
    cell = stack(residual(CELLS["lstm"](D, D)), layer_norm(CELLS["gru"](D, 3)))
    params = random_params(cell, scale=0.5)
    ys, final = jax.jit(lambda p: unroll(cell, p, XS))(params)
    carry, step = cell.start(params, (B,)), jax.jit(cell.step)
    for t in range(T):
        carry, y = step(params, carry, XS[t])
        np.testing.assert_allclose(y, ys[t], atol=1e-5)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5), carry, final)


def test_a_bidirectional_cell_cannot_step_or_run_in_reverse():
    cell = bidirectional(CELLS["rnn"](D, 3))
    params = random_params(cell)
    with pytest.raises(UserError, match="cannot step"):
        cell.step(params, cell.start(params, (B,)), XS[0])
    with pytest.raises(UserError, match="reverse=True"):
        unroll(cell, params, XS, reverse=True)
