"""Blocks of a grid, and the sum of its rows: subsampling of pictures for a recurrence over them."""

import jax.numpy as jnp

from seqmodels.engines.problem import where, zeros_like
from seqmodels.errors import UserError
from seqmodels.types import Array, Bool, Float


def gather_blocks(
    xs: Float[Array, "H W *B D"], mask: Bool[Array, "H W *B"], size: tuple[int, int]
) -> tuple[Float[Array, "H1 W1 *B BD"], Bool[Array, "H1 W1 *B"]]:
    """Concatenate the features of each block of h x w positions to one; return its mask too.

        H1 = ceil(H / h)    W1 = ceil(W / w)    BD = h * w * D

    A block is valid if any of its positions is.  The features of the others are zero, so a picture
    that is padded at the bottom and at the right has the same blocks as alone.  This is the
    hierarchical subsampling of Graves and Schmidhuber (2009), "Offline handwriting recognition with
    multidimensional recurrent neural networks".
    """
    height, width = size
    if height < 1 or width < 1:
        raise UserError(f"a block of {height} x {width} positions: both must be 1 or more")
    blocks = _split(where(mask, xs, zeros_like(xs)), size)
    blocks = jnp.moveaxis(blocks, (1, 3), (-3, -2))
    blocks = blocks.reshape(*blocks.shape[:-3], height * width * xs.shape[-1])
    return blocks, jnp.any(_split(mask, size), axis=(1, 3))


def _split(a: Array, size: tuple[int, int]) -> Array:
    """Convert ``[H, W, ...]`` to ``[H1, h, W1, w, ...]``, padded with zeros or False."""
    pads = [(0, -n % k) for n, k in zip(a.shape[:2], size, strict=True)]
    padded = jnp.pad(a, pads + [(0, 0)] * (a.ndim - 2))
    rows, columns = (n // k for n, k in zip(padded.shape[:2], size, strict=True))
    return padded.reshape(rows, size[0], columns, size[1], *a.shape[2:])


def sum_rows(
    xs: Float[Array, "H W *B D"], mask: Bool[Array, "H W *B"]
) -> tuple[Float[Array, "W *B D"], Bool[Array, "W *B"]]:
    """Sum over the valid rows of each column; a column is valid if any of its positions is.

    The columns are the time steps of CTC.
    """
    return jnp.sum(where(mask, xs, zeros_like(xs)), axis=0), jnp.any(mask, axis=0)
