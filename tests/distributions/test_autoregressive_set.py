"""Autoregressive sets: sweeps over their weights, and the maximum size."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special

from seqmodels.distributions.autoregressive_set import autoregressive_set, init_autoregressive_set
from seqmodels.errors import UserError


def numpy_nats(weights, h, y):
    """Return the nats of one set by the equations, item by item."""
    w = {name: np.asarray(a, float) for name, a in weights.items()}
    size = len(y)
    s, last, nats = w["b"] + h @ w["wh"], -1, 0.0
    for item in [*np.flatnonzero(y), size]:
        logits = (w["c"] + h @ w["wc"] + np.tanh(s) @ w["v"])[last + 1 :]
        nats -= scipy.special.log_softmax(logits)[item - last - 1]
        if item < size:
            s, last = s + w["wi"][item], item
    return nats


def test_nats_follow_the_equations_and_weights_can_be_swept():
    keys = jax.random.split(jax.random.key(0), 2)
    weights = jax.vmap(lambda key: init_autoregressive_set(key, 3, 5, 4))(keys)
    weights = jax.tree.map(
        lambda a: a + 0.1 * jnp.broadcast_to(jnp.arange(a.shape[-1], dtype=a.dtype), a.shape),
        weights,
    )
    context = jax.random.normal(jax.random.key(1), (7, 3))
    y = jax.random.bernoulli(jax.random.key(2), 0.4, (7, 5))
    swept = jax.jit(jax.vmap(lambda weights: autoregressive_set(weights).nats(context, y)))
    for member, nats in enumerate(swept(weights)):
        one = jax.tree.map(lambda a, member=member: a[member], weights)
        exact = [
            numpy_nats(one, np.asarray(h), np.asarray(s)) for h, s in zip(context, y, strict=True)
        ]
        np.testing.assert_allclose(nats, exact, rtol=1e-5)


def test_an_untrained_set_without_weights_chooses_uniformly():
    """With weights of zero, the next item is uniform over the later items and the end."""
    weights = init_autoregressive_set(jax.random.key(0), 3, 4, 2)
    weights = jax.tree.map(jnp.zeros_like, weights)
    y = jnp.array([[0, 0, 0, 0], [0, 1, 0, 1], [1, 1, 1, 0]])
    nats = jax.jit(autoregressive_set(weights, most=2).nats)(jnp.ones((3, 3)), y)
    # {}: the end of 5. {1, 3}: one of 5, one of {2, 3, end}, then the end, which is forced.
    np.testing.assert_allclose(nats, [np.log(5), np.log(5) + np.log(3), np.inf], rtol=1e-6)
    with pytest.raises(UserError, match="between 1 and the number of items 4"):
        autoregressive_set(weights, most=5)
