import jax
import jax.numpy as jnp
import numpy as np
import pytest
from parameters import random_params

from seqmodels.cells.md_lstm import leaky_lp
from seqmodels.errors import UserError
from seqmodels.grid import unroll_grid
from seqmodels.models.grid_encoder import GridLevel, grid_encoder

LEVELS = (GridLevel((2, 1), 0, 2), GridLevel((1, 2), 3, 4))


DIRECTIONS = ("right-down", "left-up")


@pytest.fixture(scope="module")
def results():
    """Encode two pictures, the second one smaller, together, alone and with dropout."""
    encoder = grid_encoder(1, LEVELS, directions=DIRECTIONS, dropout=0.5)
    params = random_params(encoder)
    pictures = np.random.default_rng(0).normal(size=(2, 5, 7, 1)).astype(np.float32)
    mask = np.ones((2, 5, 7), bool)
    mask[1, 3:] = mask[1, :, 4:] = False
    pictures[~mask] = np.nan

    @jax.jit
    def run(params, pictures, mask):
        loss = lambda p: jnp.sum(jnp.square(encoder.apply(p, pictures, mask).outputs))  # noqa: E731
        return {
            "both": encoder.apply(params, pictures, mask),
            "alone": encoder.apply(params, pictures[1:, :3, :4]).outputs,
            "dropped": encoder.apply(params, pictures, mask, jax.random.key(1)).outputs,
            "gradients": jax.grad(loss)(params),
        }

    return {"params": params, "picture": pictures[0]} | run(params, pictures, mask)


def test_a_smaller_picture_in_a_batch_is_encoded_as_alone(results):
    ys, mask, carry = results["both"]
    assert ys.shape == (4, 2, 8)
    assert carry == ()
    np.testing.assert_array_equal(mask.sum(0), [4, 2])
    np.testing.assert_allclose(ys[:2, 1:], results["alone"], atol=1e-5)
    assert not np.any(ys[2:, 1])
    leaves = jax.tree.leaves(results["gradients"])
    assert all(np.all(np.isfinite(g)) and np.any(g) for g in leaves)
    assert not np.allclose(ys, results["dropped"])


@pytest.mark.exhaustive
def test_levels_are_blocks_tanh_recurrence_and_the_sum_of_rows(results):
    first, second = results["params"]
    kernel, bias = (np.asarray(second["feed"][name]) for name in ("kernel", "bias"))

    def recur(hidden, params, xs):
        cell = leaky_lp(xs.shape[-1], hidden)
        ys = unroll_grid(cell, params, jnp.asarray(xs), directions=DIRECTIONS, engine="scan")
        return np.concatenate(ys, axis=-1)

    picture = np.pad(results["picture"], [(0, 1), (0, 0), (0, 0)])
    ys = recur(2, first["grid"], np.concatenate([picture[::2], picture[1::2]], axis=-1))
    ys = np.pad(ys, [(0, 0), (0, 1), (0, 0)])
    pairs = np.concatenate([ys[:, ::2], ys[:, 1::2]], axis=-1)
    expected = recur(4, second["grid"], np.tanh(pairs @ kernel + bias)).sum(0)
    np.testing.assert_allclose(results["both"].outputs[:, 0], expected, atol=1e-5)


def test_an_encoder_needs_a_level():
    with pytest.raises(UserError, match="at least one level"):
        grid_encoder(1, ())
