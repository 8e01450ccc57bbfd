import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seqmodels.layers.attention import ATTENTIONS, Source, attend

B, Q, S, H, A = 3, 2, 5, 4, 6
LENGTHS = np.array([5, 2, 0])
MASK = jnp.asarray(np.arange(S) < LENGTHS[:, None])
MEMORY = jax.random.normal(jax.random.key(0), (B, S, H))
QUERY = jax.random.normal(jax.random.key(1), (B, Q, H))


def expected(kind, p, q, m, length):
    """Scores of one query, in float64, from the papers' equations."""
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
        place = (length - 1) / (1 + np.exp(-np.tanh(q @ p["wp"]) @ p["vp"]))
        away = np.arange(S) - place
        scores = np.where(np.abs(away) <= 5, scores - away**2 / (2 * 2.5**2), -np.inf)
    return scores


@pytest.fixture(scope="module", params=ATTENTIONS)
def looked(request):
    attention = ATTENTIONS[request.param](H, H, A)
    params = attention.init(jax.random.key(2))
    params = jax.tree.map(lambda leaf: leaf + 0.1, params)  # biases too

    @jax.jit
    def look(params, memory, query):
        return attend(
            attention, params, Source(memory, attention.keys(params, memory), MASK), query
        )

    return request.param, params, look


def test_weights_are_the_papers_zero_on_padding_and_sum_to_one(looked):
    kind, params, look = looked
    context, weights = look(params, MEMORY, QUERY)
    assert weights.shape == (B, Q, S)
    for row, query in np.ndindex(B, Q):
        length = LENGTHS[row]
        scores = expected(kind, params, QUERY[row, query], MEMORY[row], length)[:length]
        shares = np.exp(scores - scores.max(initial=-np.inf))
        shares = np.append(shares / shares.sum(), np.zeros(S - length))
        np.testing.assert_allclose(weights[row, query], shares, atol=1e-6)
        np.testing.assert_allclose(context[row, query], shares @ MEMORY[row], atol=1e-5)
    np.testing.assert_array_equal(weights[~np.broadcast_to(MASK[:, None], weights.shape)], 0.0)
    np.testing.assert_allclose(weights[:2].sum(axis=-1), 1.0, rtol=1e-6)


def test_padding_changes_neither_value_nor_gradient(looked):
    _, params, look = looked

    def total(params, memory):
        return jnp.sum(jnp.square(look(params, memory, QUERY).context))

    grow = jax.jit(jax.grad(total, argnums=(0, 1)))
    other = jnp.where(MASK[..., None], MEMORY, 1e3)
    first, second = grow(params, MEMORY), grow(params, other)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5), first, second)
    assert (second[1][~MASK] == 0).all()
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(first))


def test_one_query_needs_no_axis_of_its_own():
    attention = ATTENTIONS["additive"](H, H, A)
    params = attention.init(jax.random.key(2))
    source = Source(MEMORY, attention.keys(params, MEMORY), MASK)
    many = attend(attention, params, source, QUERY, bias=jnp.ones((B, Q, S)))
    one = attend(attention, params, source, QUERY[:, 1])
    np.testing.assert_allclose(one.weights, many.weights[:, 1], atol=1e-6)
    alone = attend(attention, params, jax.tree.map(lambda a: a[0], source), QUERY[0, 1])
    np.testing.assert_allclose(alone.context, one.context[0], atol=1e-6)
