"""Recurrences over grids against a double loop over positions in float64 NumPy."""

import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads
from parameters import random_params

from seqmodels.cells.lstm import lstm
from seqmodels.cells.md_lstm import GRID_CELLS, leaky_lp, md_lstm
from seqmodels.errors import UserError
from seqmodels.grid import DIRECTIONS, init_grid, unroll_grid
from seqmodels.unroll import unroll

B, D, S = 2, 2, 3
STEPS = {  # from a corner: rows, then columns
    "right-down": (1, 1),
    "left-down": (1, -1),
    "right-up": (-1, 1),
    "left-up": (-1, -1),
}


def sigmoid(z):
    return 1.0 / (1.0 + np.exp(-z))


def graves(z, left, up):
    i, f_left, f_up, o = sigmoid(z[:4])
    c = f_left * left + f_up * up + i * np.tanh(z[4])
    return c, o * np.tanh(c)


def convex(z, left, up):
    i, f, k, o = sigmoid(z[:4])
    c = f * (k * left + (1 - k) * up) + i * np.tanh(z[4])
    return c, o * np.tanh(c)


def leaky(z, left, up):
    f, k, o, q = sigmoid(z[:4])
    previous = k * left + (1 - k) * up
    c = f * previous + (1 - f) * np.tanh(z[4])
    return c, np.tanh(o * c + q * previous)


EQUATIONS = {"md_lstm": graves, "convex_md_lstm": convex, "leaky_lp": leaky}


def double_loop(equations, p, xs, mask, direction):
    """Return the outputs of one direction, position by position."""
    down, right = STEPS[direction]
    rows, columns = mask.shape[:2]
    h, c = np.zeros((2, *mask.shape, S))
    nothing = np.zeros((B, S))
    for i in range(rows)[::down]:
        for j in range(columns)[::right]:
            above, before = i - down, j - right
            has_up, has_left = 0 <= above < rows, 0 <= before < columns
            h_left, c_left = (h[i, before], c[i, before]) if has_left else (nothing, nothing)
            h_up, c_up = (h[above, j], c[above, j]) if has_up else (nothing, nothing)
            z = xs[i, j] @ p["wx"] + h_left @ p["wh"][:S] + h_up @ p["wh"][S:] + p["b"]
            new_c, new_h = equations(np.stack(np.split(z, 5, axis=-1)), c_left, c_up)
            c[i, j] = np.where(mask[i, j, :, None], new_c, 0)
            h[i, j] = np.where(mask[i, j, :, None], new_h, 0)
    return h


def example(shape, seed=0):
    """Return inputs and a mask with holes."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(*shape, B, D)), rng.random((*shape, B)) > 0.25


def draw(cell, directions=tuple(DIRECTIONS), seed=0):
    """Return random parameters of every direction."""
    return random_params(cell._replace(init=lambda key: init_grid(cell, key, directions)), seed)


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("md_lstm", (3, 4)),
        pytest.param("md_lstm", (4, 2), marks=pytest.mark.exhaustive),
        pytest.param("convex_md_lstm", (3, 2), marks=pytest.mark.exhaustive),
        ("leaky_lp", (2, 3)),
    ],
)
def test_outputs_equal_a_double_loop_and_gradients_those_of_the_scan(name, shape):
    xs, mask = example(shape)
    with jax.enable_x64(True):
        cell = GRID_CELLS[name](D, S, param_dtype=jnp.float64)
        params = draw(cell)

        def loss(params, xs, engine):
            ys = unroll_grid(cell, params, xs, jnp.asarray(mask), engine=engine)
            return jnp.vdot(jnp.cos(jnp.arange(ys.size, dtype=ys.dtype)), ys), ys

        gradient = jax.value_and_grad(loss, (0, 1), has_aux=True)
        results = jax.jit(lambda *args: [gradient(*args, e) for e in ("auto", "scan")])
        ((_, ys), ours), (_, reference) = results(
            params, jnp.asarray(np.where(mask[..., None], xs, np.nan))
        )
    for number, direction in enumerate(DIRECTIONS):
        one = jax.tree.map(lambda a, n=number: np.asarray(a[n]), params)
        expected = double_loop(EQUATIONS[name], one, xs, mask, direction)
        np.testing.assert_allclose(ys[number], expected, atol=1e-13)
    assert not np.any(np.asarray(ours[1])[~mask])
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-12), ours, reference)


@pytest.mark.exhaustive
def test_gradients_equal_finite_differences_in_chunks_of_diagonals():
    xs, _ = example((2, 3))
    with jax.enable_x64(True):
        cell, chosen = leaky_lp(D, S, param_dtype=jnp.float64), ("left-up",)
        params = draw(cell, chosen)
        run = jax.jit(lambda p, x: unroll_grid(cell, p, x, directions=chosen, chunk=3))
        check_grads(run, (params, jnp.asarray(xs)), order=1, modes=["rev"])


def test_a_padded_picture_has_the_same_outputs_as_alone():
    """The padding holds NaN, and is on all sides of the picture in turn."""
    cell = md_lstm(D, S)
    params = draw(cell)
    xs = example((2, 3))[0].astype(np.float32)
    corners = [(0, 0), (0, 2), (3, 0), (3, 2), (1, 1)]
    padded = np.full((5, 5, len(corners), B, D), np.nan, np.float32)
    mask = np.zeros(padded.shape[:-1], bool)
    for k, (i, j) in enumerate(corners):
        padded[i : i + 2, j : j + 3, k] = xs
        mask[i : i + 2, j : j + 3, k] = True

    @jax.jit
    def run(xs, padded, mask):
        return unroll_grid(cell, params, xs), unroll_grid(cell, params, padded, mask)

    alone, together = map(np.asarray, run(xs, padded, mask))
    for k, (i, j) in enumerate(corners):
        np.testing.assert_allclose(together[:, i : i + 2, j : j + 3, k], alone, atol=1e-6)
    assert not np.any(together[:, ~mask])


def test_one_row_is_an_lstm_in_both_directions():
    cell, chosen = md_lstm(D, S), ("right-down", "left-up")
    params = draw(cell, chosen)
    xs = example((1, 6))[0].astype(np.float32)

    def columns(a):
        """Return the gates i, f_l, g, o, which are in the order of the LSTM."""
        gates = jnp.split(a, 5, axis=-1)
        return jnp.concatenate([gates[k] for k in (0, 1, 4, 3)], axis=-1)

    def one_dimensional(number, xs):
        p = jax.tree.map(lambda a: a[number], params)
        p = {"wx": columns(p["wx"]), "wh": columns(p["wh"][:S]), "b": columns(p["b"])}
        return unroll(lstm(D, S), p, xs[0], reverse=number == 1, engine="scan")[0]

    @jax.jit
    def both(xs):
        grid = unroll_grid(cell, params, xs, directions=chosen)
        return grid[:, 0], jnp.stack([one_dimensional(number, xs) for number in range(2)])

    np.testing.assert_allclose(*both(xs), atol=1e-6)


@pytest.mark.exhaustive
def test_a_population_equals_its_members():
    cell, chosen = leaky_lp(D, S), ("right-up", "left-down")
    members = [draw(cell, chosen, seed) for seed in range(2)]
    population = jax.tree.map(lambda *leaves: np.stack(leaves), *members)
    xs = jnp.asarray(example((2, 3))[0], jnp.float32)

    def loss(params):
        return jnp.sum(jnp.square(unroll_grid(cell, params, xs, directions=chosen)))

    together = jax.jit(jax.vmap(jax.grad(loss)))(population)
    gradient = jax.jit(jax.grad(loss))
    for k in range(2):
        alone = gradient(members[k])
        jax.tree.map(
            lambda a, b, k=k: np.testing.assert_allclose(a[k], b, atol=1e-5), together, alone
        )


@pytest.mark.exhaustive
def test_bfloat16_outputs_are_near_those_of_single_precision():
    xs, _ = example((3, 4))
    params = draw(md_lstm(D, S))

    @jax.jit
    def run(xs):
        types = (jnp.bfloat16, jnp.float32)
        return [unroll_grid(md_lstm(D, S, dtype=t), params, xs.astype(t)) for t in types]

    half, single = run(jnp.asarray(xs, jnp.float32))
    assert half.dtype == jnp.bfloat16
    np.testing.assert_allclose(half.astype(np.float32), single, atol=0.06)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"cell": lstm(D, S)}, "GridCell"),
        ({"xs": jnp.zeros((3, D))}, "expected .H, W"),
        ({"mask": jnp.ones((2, 3), bool)}, "mask"),
        ({"directions": ("down",)}, "choose from right-down"),
        ({"directions": ("left-up",)}, "init_grid"),
        ({"engine": "newton"}, "choose auto, fused, scan"),
        ({"xs": jnp.zeros((2, 3, B, D + 1))}, "features"),
    ],
)
def test_mistakes_have_a_clear_message(changes, message):
    cell = md_lstm(D, S)
    params = {name: jnp.zeros((4, 1)) for name in ("wx", "wh", "b")}
    arguments = {"cell": cell, "params": params, "xs": jnp.zeros((2, 3, B, D))} | changes
    with pytest.raises(UserError, match=message):
        inspect.unwrap(unroll_grid)(**arguments)  # without the checks of the annotations
