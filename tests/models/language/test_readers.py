"""The readers without a recurrence against sums over the words that numpy writes out."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seqmodels.models.language.readers import (
    bag_reader,
    token_vectors,
    unshared_reader,
    window_reader,
)

V, E, H, N, T, B = 7, 4, 5, 3, 6, 2
TOKENS = np.random.default_rng(0).integers(0, V, (T, B)).astype(np.int32)
READERS = {
    "window": window_reader(V, E, H, N),
    "bag": bag_reader(V, E, H, N),
    "bag of one-hot words": bag_reader(V, 0, H, N),
    "unshared": unshared_reader(V, H, N),
}


def expected(name, params, t, b):
    """The vector after word t of stream b."""
    p = jax.tree.map(np.float64, params["cell"])
    seen = TOKENS[max(t - N + 1, 0) : t + 1, b]
    if name == "unshared":  # the newest word is at the last place
        places = np.arange(N - len(seen), N)
        return np.tanh(p["embedding"].reshape(N, V, H)[places, seen].sum(axis=0))
    table = np.float64(params["embedding"]["embedding"]) if params["embedding"] else np.eye(V)
    vectors = table[seen]
    if name == "window":
        vectors = np.concatenate([np.zeros((N - len(seen), E)), vectors]).reshape(-1)
    else:
        vectors = vectors.mean(axis=0)
    return np.tanh(vectors @ p["kernel"] + p["bias"])


@pytest.mark.parametrize("name", READERS)
def test_equation_pieces_and_single_steps(name):
    reader = READERS[name]

    @jax.jit
    def run(tokens):
        params = reader.init(*jax.random.split(jax.random.key(1)))
        start = reader.start(params, (B,))
        whole, last = reader.unroll(params, tokens, start)
        first, carry = reader.unroll(params, tokens[:2], start)
        second, end = reader.unroll(params, tokens[2:], carry)
        after, one = reader.step(params, carry, tokens[2])
        return params, whole, jnp.concatenate([first, second]), (last, end), (after, one)

    params, whole, pieces, (last, end), (after, one) = run(TOKENS)
    found = [[expected(name, params, t, b) for b in range(B)] for t in range(T)]
    np.testing.assert_allclose(whole, found, atol=1e-6)
    np.testing.assert_allclose(pieces, whole, atol=1e-6)
    np.testing.assert_allclose(one, whole[2], atol=1e-6)
    np.testing.assert_array_equal(after, TOKENS[1:3].T)
    np.testing.assert_array_equal(last, TOKENS[-2:].T)
    np.testing.assert_array_equal(end, last)
    assert reader.width(params) == H


def test_a_one_hot_vector_picks_a_row():
    vectors = token_vectors(V, 0)
    weights = np.arange(V * H, dtype=np.float32).reshape(V, H)
    picked = vectors.apply(vectors.init(jax.random.key(0)), TOKENS) @ weights
    np.testing.assert_array_equal(picked, weights[TOKENS])
