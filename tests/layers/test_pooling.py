import jax
import jax.numpy as jnp
import numpy as np
import pytest
from parameters import random_normal, random_params

from seqmodels.cells.registry import CELLS
from seqmodels.layers import pooling
from seqmodels.unroll import unroll
from seqmodels.wrap import bidirectional, stack

T, B, H = 5, 4, 6


@pytest.fixture
def outputs():
    """Return outputs and a mask with gaps, whose last sequence is empty."""
    random = np.random.default_rng(0)
    mask = random.random((T, B)) < 0.6
    mask[0, :3], mask[:, 3] = True, False
    return random.normal(size=(T, B, H)), mask


@pytest.mark.parametrize(
    ("pool", "oracle"),
    [
        (pooling.pool_last, lambda steps: steps[-1]),
        (pooling.pool_first, lambda steps: steps[0]),
        (pooling.pool_mean, lambda steps: steps.mean(axis=0)),
        (pooling.pool_max, lambda steps: steps.max(axis=0)),
    ],
)
def test_each_pool_reads_only_the_steps_of_its_sequence(pool, oracle, outputs):
    ys, mask = outputs
    pooled = jax.jit(pool)(np.float32(ys * mask[..., None]), mask)
    for b in range(B):
        steps = ys[mask[:, b], b]
        expected = oracle(steps) if len(steps) else np.zeros(H)
        np.testing.assert_allclose(pooled[b], expected, atol=1e-6)


def test_attention_is_a_softmax_over_the_steps_of_each_sequence(outputs):
    ys, mask = outputs
    random = np.random.default_rng(1)
    w, v = random.normal(size=(H, H)), random.normal(size=H)

    @jax.jit
    def run(params, ys, mask):
        weights = pooling.pool_attention_weights(params, ys, mask)
        return weights, pooling.pool_attention(params, ys, mask)

    params = {"w": np.float32(w), "b": np.zeros(H, np.float32), "v": np.float32(v)}
    weights, pooled = run(params, np.float32(ys), mask)
    for b in range(B):
        steps = ys[mask[:, b], b]
        scores = np.exp(np.tanh(steps @ w) @ v)
        np.testing.assert_allclose(weights[mask[:, b], b], scores / scores.sum(), rtol=1e-4)
        expected = (scores / max(scores.sum(), 1e-9)) @ steps
        np.testing.assert_allclose(pooled[b], expected, atol=1e-5)
    assert not weights[~mask].any()


def test_attention_is_the_mean_at_initialisation(outputs):
    ys, mask = outputs

    @jax.jit
    def run(key, ys, mask):
        params = pooling.init_pool_attention(key, H)
        return pooling.pool_attention(params, ys, mask), pooling.pool_mean(ys, mask)

    np.testing.assert_allclose(*run(jax.random.key(0), np.float32(ys), mask), atol=1e-6)


@pytest.mark.parametrize("name", [pytest.param("gru", marks=pytest.mark.exhaustive), "lstm"])
def test_pool_final_is_the_end_of_each_direction(name):
    cell = stack(CELLS["gru"](3, 4), bidirectional(CELLS[name](4, H)))
    mask = jnp.arange(T)[:, None] < jnp.array([[5, 1, 3, 4]])

    @jax.jit
    def run(params, xs):
        ys, carry = unroll(cell, params, xs, mask=mask)
        return carry, pooling.pool_final(ys, mask, carry)

    carry, pooled = run(random_params(cell, scale=0.5), random_normal(T, B, 3))
    ends = [jax.tree.leaves(direction)[0] for direction in carry[-1]]
    np.testing.assert_allclose(pooled, jnp.concatenate(ends, axis=-1), atol=1e-6)
