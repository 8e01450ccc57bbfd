"""Encoders without a recurrence, compared with sums over tokens in numpy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seqmodels.models.language.context_encoders import (
    bag_encoder,
    token_embedding,
    unshared_encoder,
    window_encoder,
)

V, E, H, N, T, B = 7, 4, 5, 3, 6, 2
TOKENS = np.random.default_rng(0).integers(0, V, (T, B)).astype(np.int32)
ENCODERS = {
    "window": window_encoder(V, E, H, N),
    "bag": bag_encoder(V, E, H, N),
    "bag of one-hot vectors": bag_encoder(V, 0, H, N),
    "unshared": unshared_encoder(V, H, N),
}


def expected(name, params, t, b):
    """Return the vector after token t of sequence b."""
    p = jax.tree.map(np.float64, params["cell"])
    context = TOKENS[max(t - N + 1, 0) : t + 1, b]
    if name == "unshared":  # the newest token has the last position
        positions = np.arange(N - len(context), N)
        return np.tanh(p["embedding"].reshape(N, V, H)[positions, context].sum(axis=0))
    table = np.float64(params["embedding"]["embedding"]) if params["embedding"] else np.eye(V)
    vectors = table[context]
    if name == "window":
        vectors = np.concatenate([np.zeros((N - len(context), E)), vectors]).reshape(-1)
    else:
        vectors = vectors.mean(axis=0)
    return np.tanh(vectors @ p["kernel"] + p["bias"])


@pytest.mark.parametrize("name", ENCODERS)
def test_equation_windows_and_single_steps(name):
    encoder = ENCODERS[name]

    @jax.jit
    def run(tokens):
        params = encoder.init(*jax.random.split(jax.random.key(1)))
        start = encoder.start(params, (B,))
        whole, last = encoder.unroll(params, tokens, start)
        first, carry = encoder.unroll(params, tokens[:2], start)
        second, end = encoder.unroll(params, tokens[2:], carry)
        after, one = encoder.step(params, carry, tokens[2])
        return params, whole, jnp.concatenate([first, second]), (last, end), (after, one)

    params, whole, windows, (last, end), (after, one) = run(TOKENS)
    vectors = [[expected(name, params, t, b) for b in range(B)] for t in range(T)]
    np.testing.assert_allclose(whole, vectors, atol=1e-6)
    np.testing.assert_allclose(windows, whole, atol=1e-6)
    np.testing.assert_allclose(one, whole[2], atol=1e-6)
    np.testing.assert_array_equal(after, TOKENS[1:3].T)
    np.testing.assert_array_equal(last, TOKENS[-2:].T)
    np.testing.assert_array_equal(end, last)
    assert encoder.width(params) == H


def test_a_one_hot_vector_selects_a_row():
    embedding = token_embedding(V, 0)
    weights = np.arange(V * H, dtype=np.float32).reshape(V, H)
    rows = embedding.apply(embedding.init(jax.random.key(0)), TOKENS) @ weights
    np.testing.assert_array_equal(rows, weights[TOKENS])
