"""NADE against its equations."""

import jax
import numpy as np

from seqmodels.distributions.nade import init_nade, nade


def sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))


def test_nats_follow_the_equations_and_weights_can_be_swept():
    weights = jax.vmap(lambda key: init_nade(key, 3, 5, 4))(jax.random.split(jax.random.key(0), 2))
    weights |= {"b": weights["b"] + 0.3, "c": weights["c"] - 0.4}
    context = jax.random.normal(jax.random.key(1), (7, 3))
    y = jax.random.bernoulli(jax.random.key(2), 0.4, (7, 5))
    swept = jax.jit(jax.vmap(lambda weights: nade(weights).nats(context, y)))
    h, bits = np.asarray(context, float), np.asarray(y, float)
    for member, nats in enumerate(swept(weights)):
        w = {name: np.asarray(a[member], float) for name, a in weights.items()}
        exact = 0.0
        for i in range(5):
            s = sigmoid(w["b"] + h @ w["wh"] + bits[:, :i] @ w["wi"][:i])
            p = sigmoid(w["c"][i] + h @ w["wc"][:, i] + s @ w["v"][i])
            exact = exact - np.log(np.where(y[:, i], p, 1.0 - p))
        np.testing.assert_allclose(nats, exact, rtol=1e-5)
