"""Attention against the equations of the papers, in float64 NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from parameters import random_normal, random_params

from seqmodels.errors import UserError
from seqmodels.layers.attention import ATTENTIONS, AttentionSource, attend

B, Q, S, H, A = 3, 2, 5, 4, 6
LENGTHS = np.array([5, 2, 0])
MASK = jnp.asarray(np.arange(S) < LENGTHS[:, None])
MEMORY = random_normal(B, S, H, seed=0)
QUERY = random_normal(B, Q, H, seed=1)


def scores_of(kind, p, q, m, length):
    """Return the scores of one query in float64."""
    q, m = np.asarray(q, np.float64), np.asarray(m, np.float64)
    p = {name: np.asarray(value, np.float64) for name, value in p.items()}
    if kind == "dot":
        return m @ q
    if kind == "scaled_dot":
        return (m @ p["wm"]) @ (q @ p["wq"]) / np.sqrt(A)
    if kind in ("additive", "concat"):
        return np.tanh(q @ p["wq"] + m @ p["wm"] + p.get("b", 0.0)) @ p["v"]
    scores = (m @ p["wm"]) @ q
    if kind == "local":
        center = (length - 1) / (1 + np.exp(-np.tanh(q @ p["wp"]) @ p["vp"]))
        distance = np.arange(S) - center
        inside = np.abs(distance) <= 5
        scores = np.where(inside, scores - distance**2 / (2 * 2.5**2), -np.inf)
    return scores


@pytest.fixture(scope="module", params=ATTENTIONS)
def run(request):
    """Return the kind of attention, its parameters, and one compiled program for both tests."""
    attention = ATTENTIONS[request.param](H, H, A)

    @jax.jit
    def run(params, memory):
        def total(params, memory):
            source = AttentionSource(memory, attention.keys(params, memory), MASK)
            output = attend(attention, params, source, QUERY)
            return jnp.sum(jnp.square(output.context)), output

        return jax.grad(total, argnums=(0, 1), has_aux=True)(params, memory)

    return request.param, random_params(attention, scale=0.5), run


def test_weights_follow_the_papers_are_zero_on_padding_and_sum_to_one(run):
    kind, params, run = run
    _, (context, weights) = run(params, MEMORY)
    assert weights.shape == (B, Q, S)
    for row, query in np.ndindex(B, Q):
        length = LENGTHS[row]
        scores = scores_of(kind, params, QUERY[row, query], MEMORY[row], length)[:length]
        shares = np.exp(scores - scores.max(initial=-np.inf))
        shares = np.append(shares / shares.sum(), np.zeros(S - length))
        np.testing.assert_allclose(weights[row, query], shares, atol=1e-6)
        np.testing.assert_allclose(context[row, query], shares @ MEMORY[row], atol=1e-5)
    np.testing.assert_array_equal(weights[~np.broadcast_to(MASK[:, None], weights.shape)], 0.0)
    np.testing.assert_allclose(weights[:2].sum(axis=-1), 1.0, rtol=1e-6)


def test_padding_changes_neither_values_nor_gradients(run):
    _, params, run = run
    garbage = jnp.where(MASK[..., None], MEMORY, 1e3)
    (first, _), (second, _) = run(params, MEMORY), run(params, garbage)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5), first, second)
    assert (second[1][~MASK] == 0).all()
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(first))


def test_a_single_query_needs_no_query_axis():
    attention = ATTENTIONS["additive"](H, H, A)

    @jax.jit
    def run(params):
        source = AttentionSource(MEMORY, attention.keys(params, MEMORY), MASK)
        many = attend(attention, params, source, QUERY, bias=jnp.ones((B, Q, S)))
        one = attend(attention, params, source, QUERY[:, 1])
        first = jax.tree.map(lambda a: a[0], source)
        return many, one, attend(attention, params, first, QUERY[0, 1])

    many, one, unbatched = run(random_params(attention))
    np.testing.assert_allclose(one.weights, many.weights[:, 1], atol=1e-6)
    np.testing.assert_allclose(unbatched.context, one.context[0], atol=1e-6)


def test_dot_attention_needs_equal_sizes():
    with pytest.raises(UserError, match="4 units and the encoder 5, but they must be equal"):
        ATTENTIONS["dot"](4, 5, A)
