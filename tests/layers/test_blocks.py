import jax.numpy as jnp
import numpy as np
import pytest

from seqmodels.errors import UserError
from seqmodels.layers.blocks import gather_blocks, sum_rows


def test_blocks_hold_their_positions_row_by_row():
    """3 x 5 positions in blocks of 2 x 2; the last row and column of blocks are padded."""
    xs = np.arange(3 * 5 * 2 * 2, dtype=np.float32).reshape(3, 5, 2, 2)
    mask = np.ones((3, 5, 2), bool)
    mask[:, 3:, 1] = False
    blocks, valid = gather_blocks(jnp.asarray(xs), jnp.asarray(mask), (2, 2))
    padded = np.zeros((4, 6, 2, 2), np.float32)
    padded[:3, :5] = np.where(mask[..., None], xs, 0)
    for i in range(2):
        for j in range(3):
            parts = [padded[2 * i + a, 2 * j + b] for a in range(2) for b in range(2)]
            np.testing.assert_array_equal(blocks[i, j], np.concatenate(parts, axis=-1))
    np.testing.assert_array_equal(valid[..., 0], np.ones((2, 3), bool))
    np.testing.assert_array_equal(valid[..., 1], [[True, True, False]] * 2)
    with pytest.raises(UserError, match="1 or more"):
        gather_blocks(jnp.asarray(xs), jnp.asarray(mask), (0, 2))


def test_rows_are_summed_where_they_are_valid():
    xs = jnp.array([[1.0, 2.0, 3.0], [10.0, jnp.nan, jnp.nan]])[..., None]
    mask = jnp.array([[True, True, False], [True, False, False]])
    ys, valid = sum_rows(xs, mask)
    np.testing.assert_array_equal(ys[:, 0], [11.0, 2.0, 0.0])
    np.testing.assert_array_equal(valid, [True, True, False])
