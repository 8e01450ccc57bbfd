"""Networks of cells, and wraps of their inputs and outputs."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from parameters import random_normal, random_params

from seqmodels.cells.registry import CELLS
from seqmodels.errors import UserError
from seqmodels.flax import layer
from seqmodels.layers.mlp import mlp
from seqmodels.noise import dropout
from seqmodels.types import Layer, Noisy
from seqmodels.unroll import unroll
from seqmodels.wrap import bidirectional, layer_norm, readout, residual, side_by_side, stack
from seqmodels.wrap_io import output_size, wrap_io

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


def test_parameters_of_a_wrap_come_from_a_key_that_the_cell_does_not_share():
    inner = CELLS["rnn"](D, 3)
    cell = wrap_io(inner, init=lambda key, cell, params: (jax.random.key_data(key), params))
    params = cell.init(jax.random.key(0))
    (key, seen), expected = params["own"], inner.init(jax.random.split(jax.random.key(0))[0])
    np.testing.assert_array_equal(key, jax.random.key_data(jax.random.split(jax.random.key(0))[1]))
    for found in (seen, params["cell"]):
        jax.tree.map(np.testing.assert_array_equal, found, expected)


HEAD = layer(nnx.Linear, 5, 3)
HEADED = {
    "gru": CELLS["gru"](D, 5),
    "min_gru": CELLS["min_gru"](D, 5),
    "gru_before": CELLS["gru_before"](D, 5),
    "stack": stack(CELLS["lstm"](D, 5), layer_norm(CELLS["lru"](5, 5))),
    "bidirectional": bidirectional(CELLS["rnn"](D, 2), CELLS["rnn"](D, 3)),
}


def pair(params, y):
    """Return a tree of outputs."""
    return {"mean": HEAD.apply(params, y), "scale": jnp.exp(HEAD.apply(params, -y))}


@pytest.mark.parametrize(
    ("name", "engine"),
    [
        ("gru", "fused"),
        pytest.param("gru", "scan", marks=pytest.mark.exhaustive),
        pytest.param("min_gru", "associative", marks=pytest.mark.exhaustive),
        pytest.param("gru_before", "scan", marks=pytest.mark.exhaustive),
        ("stack", "auto"),
        ("bidirectional", "auto"),
    ],
)
def test_a_cell_with_a_head_is_a_cell(name, engine):
    inner, head = HEADED[name], Layer(HEAD.init, pair)
    cell = readout(inner, head)
    mask = jnp.asarray(MASK)

    def loss(ys):
        return sum(jnp.sum(jnp.sin(y)) for y in jax.tree.leaves(ys))

    def with_head(params):
        ys, carry = unroll(cell, params, XS, mask=mask, engine=engine)
        return loss(ys), (ys, carry)

    def by_hand(params):
        ys, carry = unroll(inner, params["cell"], XS, mask=mask, engine=engine)
        ys = [pair(params["readout"], y) for y in ys]
        ys = jax.tree.map(lambda *a: jnp.where(mask[..., None], jnp.stack(a), 0.0), *ys)
        return loss(ys), (ys, carry)

    @jax.jit
    def run(params):
        return [jax.value_and_grad(f, has_aux=True)(params) for f in (with_head, by_hand)]

    params = random_params(cell, scale=0.5)
    found, expected = run(params)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=2e-5), found, expected)
    if name == "bidirectional":
        return
    carry, step = cell.start(params, (B,)), jax.jit(cell.step)
    ys = found[0][1][0]
    for t in range(T):
        carry, y = step(params, carry, XS[t])
        seen = jax.tree.map(lambda a, b, t=t: (a[MASK[t]], b[t][MASK[t]]), y, ys)
        for a, b in seen.values():
            np.testing.assert_allclose(a, b, atol=1e-5)


def test_a_head_combines_with_other_wraps():
    headed = readout(CELLS["lstm"](D, 5), HEAD)
    cell = stack(bidirectional(headed), dropout(CELLS["gru"](6, 2), inputs=0.5))
    assert headed.size == D
    tree = layer_norm(readout(CELLS["lstm"](D, 5), Layer(HEAD.init, pair)))
    with pytest.raises(UserError, match="whose output is one array"):
        jax.eval_shape(tree.init, jax.random.key(0))
    assert output_size(headed, jax.eval_shape(headed.init, jax.random.key(0))) == 3
    params = jax.eval_shape(cell.init, jax.random.key(0))
    run = partial(unroll, cell, reverse=False)
    ys, _ = jax.eval_shape(lambda p, k: run(p, XS, key=k), params, jax.random.key(0))
    assert ys.shape == (T, B, 2)
    back = jax.jit(
        lambda p: (unroll(headed, p, XS, reverse=True)[0], unroll(headed, p, XS[::-1])[0])
    )
    ys, flipped = back(random_params(headed))
    np.testing.assert_allclose(ys, flipped[::-1], atol=1e-6)


@pytest.mark.exhaustive
def test_a_noisy_head_steps_as_it_unrolls():
    inner = dropout(CELLS["gru"](D, 5), outputs=0.3, locked=False)
    cell = readout(inner, mlp([5, 6, 3], dropout=0.5), noisy=True)
    key = jax.random.key(4)

    @jax.jit
    def run(params):
        (noisy, noise), outputs = cell.draw(params, key, T, (B,)), []
        carry = cell.start(params, (B,))
        for t in range(T):
            noise_t = jax.tree.map(lambda a, t=t: a[t], noise)
            carry, y = cell.step(noisy, carry, Noisy(XS[t], noise_t))
            outputs.append(y)
        quiet = readout(CELLS["gru"](D, 5), mlp([5, 6, 3]))
        return jnp.stack(outputs), *(
            unroll(c, params, XS, key=k)[0] for c, k in ((cell, key), (cell, None), (quiet, None))
        )

    stepped, noisy, without_key, quiet = run(random_params(cell, scale=0.5))
    np.testing.assert_allclose(noisy, stepped, atol=1e-5)
    assert np.any(np.abs(noisy - quiet) > 0.1)
    np.testing.assert_allclose(without_key, quiet, atol=1e-6)


def test_cells_side_by_side_equal_each_alone():
    cells = (CELLS["lstm"](D, 5), CELLS["lru"](D, 3), stack(CELLS["gru_before"](D, 2)))
    cell, mask = side_by_side(*cells), jnp.asarray(MASK)

    @jax.jit
    def run(params):
        alone = [unroll(c, p, XS, mask=mask) for c, p in zip(cells, params, strict=True)]
        ys = jnp.concatenate([ys for ys, _ in alone], axis=-1)
        carry, outputs = cell.start(params, (B,)), []
        for t in range(T):
            carry, y = cell.step(params, carry, XS[t])
            outputs.append(jnp.where(mask[t][:, None], y, 0.0))
        together = unroll(cell, params, XS, mask=mask)
        return together, (ys, tuple(carry for _, carry in alone)), jnp.stack(outputs)

    together, alone, stepped = run(random_params(cell, scale=0.5))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6), together, alone)
    np.testing.assert_allclose(stepped, together[0], atol=1e-5)
    assert cell.size == D
    with pytest.raises(UserError, match=r"\[2, 4\] input features"):
        side_by_side(*cells, CELLS["rnn"](2, 2))


def test_cells_side_by_side_draw_different_noise():
    noisy = dropout(CELLS["rnn"](D, D), outputs=0.5)
    params = random_params(noisy)
    run = jax.jit(
        lambda p: unroll(side_by_side(noisy, noisy), (p, p), XS, key=jax.random.key(0))[0]
    )
    left, right = np.split(np.asarray(run(params)), 2, axis=-1)
    assert np.any((left == 0) != (right == 0))
    np.testing.assert_allclose(left[(left != 0) & (right != 0)], right[(left != 0) & (right != 0)])
