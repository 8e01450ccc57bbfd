import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seqmodels.layers.softmax import log_uniform, softmax

V, H = 9, 4
HIDDEN = jax.random.normal(jax.random.key(3), (5, 2, H))
TARGETS = jax.random.randint(jax.random.key(5), (5, 2), 0, V)


def test_words_are_drawn_by_zipfs_law():
    drawn = np.asarray(log_uniform(jax.random.key(0), 40_000, V))
    shares = np.bincount(drawn, minlength=V) / len(drawn)
    rank = np.arange(V)
    np.testing.assert_allclose(shares, np.log((rank + 2) / (rank + 1)) / np.log(V + 1), atol=0.01)


@pytest.mark.parametrize("tied", [False, True])
def test_many_samples_give_the_whole_sum_and_its_gradient(tied):
    output = softmax(V, tied=tied, samples=20_000)
    embedding = {"embedding": jax.random.normal(jax.random.key(1), (V, H))}
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
