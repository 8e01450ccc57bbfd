import jax
import jax.numpy as jnp
import numpy as np
import pytest
from parameters import random_normal

from seqmodels.layers.softmax import draw_zipf, softmax

V, H = 9, 4
HIDDEN = random_normal(5, 2, H)
TARGETS = jnp.asarray(np.random.default_rng(5).integers(V, size=(5, 2)), jnp.int32)


def test_draws_follow_zipfs_law():
    tokens = jax.jit(lambda key: draw_zipf(key, 40_000, V))(jax.random.key(0))
    shares = np.bincount(tokens, minlength=V) / len(tokens)
    rank = np.arange(V)
    np.testing.assert_allclose(shares, np.log((rank + 2) / (rank + 1)) / np.log(V + 1), atol=0.01)


@pytest.mark.parametrize("tied", [pytest.param(False, marks=pytest.mark.exhaustive), True])
def test_many_samples_approximate_the_whole_sum_and_its_gradient(tied):
    output = softmax(V, tied=tied, samples=20_000)
    embedding = {"embedding": random_normal(V, H, seed=2)}
    readout = output.init(jax.random.key(2), embedding, H)
    readout["bias"] = jnp.linspace(-1.0, 1.0, V)

    @jax.jit
    def both(readout, key):
        params = {"embedding": embedding, "readout": readout}

        def mean(hidden, key):
            return jnp.mean(output.score(params, hidden, TARGETS, key)["nats"])

        whole, sampled = (jax.value_and_grad(mean)(HIDDEN, k) for k in (None, key))
        return whole, sampled, output.logits(params, HIDDEN)

    (whole, slope), (sampled, near), logits = both(readout, jax.random.key(4))
    kernel = embedding["embedding"].T if tied else readout["kernel"]
    z = np.float64(HIDDEN) @ np.float64(kernel) + np.float64(readout["bias"])
    np.testing.assert_allclose(logits, z, atol=1e-5)
    nats = (
        np.log(np.exp(z).sum(-1))
        - np.take_along_axis(z, np.asarray(TARGETS)[..., None], -1)[..., 0]
    )
    np.testing.assert_allclose(whole, nats.mean(), rtol=1e-5)
    np.testing.assert_allclose(sampled, nats.mean(), rtol=0.02)
    np.testing.assert_allclose(near, slope, atol=0.01)
