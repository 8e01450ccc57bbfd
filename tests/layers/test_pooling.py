import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seqmodels.cells.registry import CELLS
from seqmodels.layers import pooling
from seqmodels.unroll import unroll
from seqmodels.wrap import bidirectional, stack

T, B, H = 5, 4, 6


@pytest.fixture
def outputs():
    """Outputs, and a mask with gaps whose last sequence has no step at all."""
    random = np.random.default_rng(0)
    mask = random.random((T, B)) < 0.6
    mask[0, :3], mask[:, 3] = True, False
    return random.normal(size=(T, B, H)), mask


@pytest.mark.parametrize(
    ("pool", "oracle"),
    [
        (pooling.last, lambda steps: steps[-1]),
        (pooling.first, lambda steps: steps[0]),
        (pooling.mean, lambda steps: steps.mean(axis=0)),
        (pooling.maximum, lambda steps: steps.max(axis=0)),
    ],
)
def test_each_pool_sees_the_steps_of_its_sequence_alone(pool, oracle, outputs):
    ys, mask = outputs
    got = pool(jnp.asarray(ys * mask[..., None], jnp.float32), jnp.asarray(mask))
    for b in range(B):
        steps = ys[mask[:, b], b]
        expected = oracle(steps) if len(steps) else np.zeros(H)
        np.testing.assert_allclose(got[b], expected, atol=1e-6)


def test_attention_is_a_softmax_over_the_steps_of_each_sequence(outputs):
    ys, mask = outputs
    keys = jax.random.split(jax.random.key(0))
    params = pooling.init_attention(keys[0], H) | {"v": jax.random.normal(keys[1], (H,))}
    weights = pooling.attention_weights(params, jnp.asarray(ys, jnp.float32), jnp.asarray(mask))
    got = pooling.attention(params, jnp.asarray(ys, jnp.float32), jnp.asarray(mask))
    w, v = np.float64(params["w"]), np.float64(params["v"])
    for b in range(B):
        steps = ys[mask[:, b], b]
        scores = np.exp(np.tanh(steps @ w) @ v)
        np.testing.assert_allclose(weights[mask[:, b], b], scores / scores.sum(), rtol=1e-4)
        np.testing.assert_allclose(got[b], (scores / max(scores.sum(), 1e-9)) @ steps, atol=1e-5)
    assert not weights[~mask].any()


def test_attention_is_the_mean_before_it_learns(outputs):
    ys, mask = (jnp.asarray(array) for array in outputs)
    ys = ys.astype(jnp.float32)
    params = pooling.init_attention(jax.random.key(0), H)
    np.testing.assert_allclose(
        pooling.attention(params, ys, mask), pooling.mean(ys, mask), atol=1e-6
    )


@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_final_is_where_each_direction_ends(cell):
    layers = stack(CELLS["gru"](3, 4), bidirectional(CELLS[cell](4, H)))
    params = layers.init(jax.random.key(0))
    xs = jax.random.normal(jax.random.key(1), (T, B, 3))
    lengths = jnp.array([5, 1, 3, 4])
    mask = jnp.arange(T)[:, None] < lengths[None]
    ys, carry = unroll(layers, params, xs, mask=mask)
    ends = [jax.tree.leaves(way)[0] for way in carry[-1]]
    np.testing.assert_allclose(
        pooling.final(ys, mask, carry), jnp.concatenate(ends, axis=-1), atol=1e-6
    )
