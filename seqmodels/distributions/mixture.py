"""Mixture of components of one family."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from seqmodels.distributions.distribution import (
    Distribution,
    Levels,
    align_levels,
    as_float32,
    bisect,
    draw_index,
    split_params,
)
from seqmodels.errors import UserError
from seqmodels.losses.mixture import mixture_nats
from seqmodels.types import Array, Float


class _MixtureParams(NamedTuple):
    """The logits of the components, and the parameters of each."""

    logits: Float[Array, "*B K"]
    inner: Float[Array, "*B K Q"]


def mixture(component: Distribution, components: int) -> Distribution:
    """Return the mixture ``p(y) = sum_k softmax(logits)_k p_k(y)``; Bishop (1994).

    The network outputs are the K logits, then the parameters of each component.  A temperature
    applies to the weights and within each component, as in Ha and Eck (2017), arXiv:1704.03477; at
    0 the draw is the mode of the most likely component.
    """
    if components < 1:
        raise UserError(f"a mixture needs at least one component, not {components}")
    if not component.is_likelihood:
        raise UserError("a mixture needs components with a likelihood")

    def nats(params: Float[Array, "*B P"], y: Any) -> Float[Array, "*B"]:
        logits, inner = _split(params, components)
        return mixture_nats(logits, jnp.moveaxis(_each(component.nats, inner, y), 0, -1))

    def draw(key: Any, params: Float[Array, "*B P"], temperature: float | Array = 1.0) -> Any:
        logits, inner = _split(params, components)
        key_index, key_component = jax.random.split(key)
        index = draw_index(key_index, logits, temperature)[..., None, None]
        chosen = jnp.take_along_axis(inner, index, axis=-2)[..., 0, :]
        return component.draw(key_component, chosen, temperature)

    def mean(params: Float[Array, "*B P"]) -> Array:
        logits, inner = _split(params, components)
        return _weigh(logits, _each(component.mean, inner))

    def cdf(params: Float[Array, "*B P"], y: Array) -> Array:
        logits, inner = _split(params, components)
        return _weigh(logits, _each(component.cdf, inner, y))

    def quantile(params: Float[Array, "*B P"], levels: Levels) -> Array:
        """Return quantiles by bisection of the CDF between those of the components."""
        _, inner = _split(params, components)
        each = _each(component.quantile, inner, jnp.asarray(levels))
        cdf_of_levels = jax.vmap(cdf, in_axes=(None, -1), out_axes=-1)
        target = jnp.broadcast_to(align_levels(levels, each[0, ..., 0]), each.shape[1:])
        low, high = jnp.min(each, axis=0), jnp.max(each, axis=0)
        return bisect(lambda y: cdf_of_levels(params, y), target, low, high)

    size = components * (1 + component.size)
    invertible = component.quantile and component.cdf
    others = (component.mean and mean, invertible and quantile, component.cdf and cdf)
    return Distribution(size, nats, draw, *others)


def _split(params: Float[Array, "*B P"], components: int) -> _MixtureParams:
    params = as_float32(params)
    inner = split_params(params[..., components:], components)
    return _MixtureParams(params[..., :components], inner)


def _weigh(logits: Float[Array, "*B K"], values: Array) -> Array:
    """Return the mean over components of values ``[K, *B, ...]``."""
    weights = jnp.moveaxis(jax.nn.softmax(logits, axis=-1), -1, 0)
    weights = jnp.expand_dims(weights, range(weights.ndim, values.ndim))
    return jnp.sum(jnp.broadcast_to(weights, values.shape) * values, axis=0)


def _each(function: Any, inner: Float[Array, "*B K Q"], *arguments: Any) -> Array:
    """Return the values of a function for each component, ``[K, *B, ...]``."""
    return jax.vmap(function, in_axes=(-2, *(None for _ in arguments)))(inner, *arguments)
