"""NADE: sets as autoregressive bits, conditional on a context."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Shaped

from seqmodels.cells.arithmetic import affine
from seqmodels.cells.initializers import glorot
from seqmodels.distributions.bernoulli import draw_bit
from seqmodels.distributions.distribution import Distribution, as_float32
from seqmodels.types import Array, Float, Params, PyTree


def init_nade(key: Any, features: int, size: int, hidden: int) -> Params:
    """Return the weights of ``nade``.

    features: size of the context; size: number of items; hidden: number of hidden units
    """
    keys = jax.random.split(key, 4)
    return {
        "wh": glorot(keys[0], (features, hidden)),
        "wi": glorot(keys[1], (size, hidden)),
        "b": jnp.zeros(hidden),
        "v": glorot(keys[2], (size, hidden)),
        "wc": glorot(keys[3], (features, size)),
        "c": jnp.zeros(size),
    }


def nade(weights: Params) -> Distribution:
    """Return the distribution of ``y [*B, K]`` of 0 and 1, one item after another.

        p(y_i = 1 | y_<i, h) = sigmoid(c_i + (h wc)_i + v_i . s_i)
        s_i = sigmoid(b + h wh + sum_{j<i} wi_j y_j)

    Larochelle and Murray (2011), "The neural autoregressive distribution estimator".  The biases
    depend on the context h as in the RNN-NADE of Boulanger-Lewandowski et al. (2012),
    arXiv:1206.6392.  ``params`` is the context.  A temperature divides each logit.  At 0, each item
    is the more likely one given those before it, which need not be the mode of the set.
    """
    features, size = weights["wc"].shape

    def scan(choose: Callable, params: Float[Array, "*B F"], choices: PyTree) -> Any:
        """Return what ``choose(logit, choice) -> (y, out)`` gives for each item, ``[*B, K]``."""
        context = as_float32(params)
        bias = affine(context, weights["wc"], weights["c"])

        def step(a: Float[Array, "*B H"], item: Any) -> tuple[Array, Array]:
            wi, v, bias, choice = item
            y, out = choose(bias + jax.nn.sigmoid(a) @ v, choice)
            return a + y[..., None] * jnp.broadcast_to(wi, a.shape), out

        start = affine(context, weights["wh"], weights["b"])
        items = (weights["wi"], weights["v"], jnp.moveaxis(bias, -1, 0), choices)
        return jnp.moveaxis(jax.lax.scan(step, start, items)[1], 0, -1)

    def nats(params: Float[Array, "*B F"], y: Shaped[Array, "*B K"]) -> Float[Array, "*B"]:
        def observe(logit: Array, y: Array) -> tuple[Array, Array]:
            return y, optax.sigmoid_binary_cross_entropy(logit, y)

        bits = jnp.moveaxis(y.astype(as_float32(params).dtype), -1, 0)
        return jnp.sum(scan(observe, params, bits), axis=-1)

    def draw(
        key: Any, params: Float[Array, "*B F"], temperature: float | Array = 1.0
    ) -> Float[Array, "*B K"]:
        def toss(logit: Array, key: Any) -> tuple[Array, Array]:
            y = draw_bit(key, logit, temperature)
            return y, y

        return scan(toss, params, jax.random.split(key, size))

    return Distribution(features, nats, draw)
