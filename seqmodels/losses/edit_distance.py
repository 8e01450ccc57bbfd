"""Levenshtein distance of a batch, by anti-diagonals, so that a training step can compute it."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from seqmodels.types import Array, Bool, Int

FAR = 1 << 30  # more than any distance; sums of it do not overflow


class WordHashes(NamedTuple):
    """Numbers of the words of each text, from the first row on."""

    tokens: Int[Array, "W B"]
    mask: Bool[Array, "W B"]


def edit_distance(
    tokens: Int[Array, "M B"],
    mask: Bool[Array, "M B"],
    labels: Int[Array, "L B"],
    label_mask: Bool[Array, "L B"],
) -> Int[Array, "B"]:
    """Return the number of substitutions, insertions and deletions between tokens and labels.

    Both masks are True up to the length of a row and False after it.  Divided by the number of
    labels, sums over a batch are the character or word error rate.

    >>> tokens, labels = jnp.array([[1, 2, 3, 3]]).T, jnp.array([[1, 4, 3]]).T
    >>> edit_distance(tokens, tokens > 0, labels, labels > 0).tolist()
    [2]
    """
    lengths = jnp.sum(label_mask, axis=0, dtype=jnp.int32)
    total = lengths + jnp.sum(mask, axis=0, dtype=jnp.int32)

    def read(diagonal: Array) -> Array:
        return jnp.take_along_axis(diagonal, lengths[None], axis=0)[0]

    ends = _scan_diagonals(tokens, labels, read)
    return jnp.take_along_axis(ends, total[None], axis=0)[0]


def hash_words(tokens: Int[Array, "M B"], mask: Bool[Array, "M B"], separator: int) -> WordHashes:
    """Return a hash of each word, so that ``edit_distance`` counts the errors of words.

    One or several separators are between words.  Different words have equal hashes of 32 bits with
    a probability of about 2e-10.

    >>> words = hash_words(jnp.array([[1, 2, 0, 0, 1, 2]]).T, jnp.ones((6, 1), bool), separator=0)
    >>> len(set(words.tokens[words.mask].tolist())), int(words.mask.sum())
    (1, 2)
    """
    inside = mask & (tokens != separator)
    ends = inside & ~jnp.concatenate([inside[1:], jnp.zeros_like(inside[:1])])

    def step(word: Array, row: tuple[Array, Array]) -> tuple[Array, Array]:
        token, is_inside = row
        word = jnp.where(is_inside, _mix(word, token), jnp.uint32(0))
        return word, word

    hashes: Array
    _, hashes = jax.lax.scan(step, jnp.zeros(tokens.shape[1:], jnp.uint32), (tokens, inside))
    order = jnp.argsort(~ends, axis=0, stable=True)
    found = jax.lax.bitcast_convert_type(jnp.take_along_axis(hashes, order, axis=0), jnp.int32)
    return WordHashes(found, jnp.take_along_axis(ends, order, axis=0))


def _mix(word: Array, token: Array) -> Array:
    """Return the hash of a word extended by a token."""
    mixed = (word ^ (token + 1).astype(jnp.uint32)) * jnp.uint32(0x7FEB352D)
    mixed = (mixed ^ (mixed >> 15)) * jnp.uint32(0x846CA68B)
    return mixed ^ (mixed >> 16)


def edit_diagonals(
    tokens: Int[Array, "M B"], labels: Int[Array, "L B"]
) -> Int[Array, "diagonals L_plus_one B"]:
    """Return ``d[i + j, i]``, the distance of the first i labels and the first j tokens."""
    return _scan_diagonals(tokens, labels, lambda diagonal: diagonal)


def _scan_diagonals(
    tokens: Int[Array, "M B"], labels: Int[Array, "L B"], read: Callable[[Array], Array]
) -> Array:
    """Return what is read from each diagonal.

    d[n, i] = min(d[n-1, i] + 1, d[n-1, i-1] + 1, d[n-2, i-1] + (label i differs from token n - i))
    """
    count, batch = labels.shape
    far = jnp.full((count + 1, batch), FAR, jnp.int32)
    first = far.at[0].set(0)
    padded = jnp.concatenate([tokens, jnp.zeros((count, batch), tokens.dtype)])

    def step(carry: tuple[Array, Array, Array], token: Array) -> tuple:
        before, last, window = carry  # row i of the window is token n - i - 1
        window = jnp.concatenate([token[None], window[:-1]])
        differs = (window[1:] != labels).astype(jnp.int32)
        replaced = before[:-1] + differs
        moved = jnp.minimum(replaced, jnp.minimum(last[1:], last[:-1]) + 1)
        new = jnp.minimum(jnp.concatenate([last[:1] + 1, moved]), FAR)
        return (last, new, window), read(new)

    window = jnp.zeros((count + 1, batch), tokens.dtype)
    rows: Array
    _, rows = jax.lax.scan(step, (far, first, window), padded)
    return jnp.concatenate([read(first)[None], rows])
