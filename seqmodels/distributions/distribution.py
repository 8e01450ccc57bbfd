"""The type of output distributions, and what the families share.

Parameters are the raw outputs of a network, any real numbers.  Scales come from a softplus with a
floor and probabilities from log-sum-exp, so that losses and gradients are finite.  All families
compute in float32, or wider if the outputs are.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from seqmodels.cells.arithmetic import at_least_float32
from seqmodels.types import Array, Float

Levels = Sequence[float] | np.ndarray | Array


class Distribution(NamedTuple):
    """A family of distributions over y, parametrized by ``size`` network outputs.

    size:     number of network outputs; for the autoregressive families, of context features
    nats:     ``(params [*B, size], y) -> [*B]``, the negative log density or probability
    draw:     ``(key, params, temperature=1.0) -> y``
    mean:     ``(params) -> y-shaped``
    quantile: ``(params, levels [L]) -> [..., L]`` for levels strictly between 0 and 1
    cdf:      ``(params, y) -> y-shaped``
    is_likelihood: False if ``nats`` is another loss, which cannot be averaged as a density

    ``mean``, ``quantile`` and ``cdf`` are None where they do not exist or have no closed form.  For
    vectors, quantiles and CDFs are those of each dimension.

    A temperature T draws from the density to the power 1/T, normalized: logits are divided by T,
    the standard deviation of a Gaussian is multiplied by sqrt(T), and the scale of a Laplace
    distribution by T.  At T = 0 the draw is the mode.  Where that power or the mode is intractable,
    the family documents what it does instead.
    """

    size: int
    nats: Callable[[Array, Any], Array]
    draw: Callable[..., Any]
    mean: Callable[[Array], Any] | None = None
    quantile: Callable[[Array, Levels], Array] | None = None
    cdf: Callable[[Array, Any], Array] | None = None
    is_likelihood: bool = True


def as_float32(params: Array) -> Array:
    """Return network outputs in float32, or wider if they are."""
    return params.astype(at_least_float32(params.dtype))


def split_params(params: Float[Array, "*B P"], count: int) -> Float[Array, "*B N Q"]:
    """Split the last axis into ``count`` consecutive groups."""
    return params.reshape(*params.shape[:-1], count, params.shape[-1] // count)


def align_levels(levels: Levels, like: Float[Array, "*B"]) -> Float[Array, "*C L"]:
    """Return levels ``[1, ..., L]``, which broadcast against ``like[..., None]``."""
    return jnp.expand_dims(jnp.asarray(levels, like.dtype), range(like.ndim))


def draw_index(key: Any, logits: Float[Array, "*B K"], temperature: float | Array) -> Array:
    """Draw from ``softmax(logits / temperature)``; temperature 0 gives the most likely index."""
    noise = jax.random.gumbel(key, logits.shape, logits.dtype)
    return jnp.argmax(logits + temperature * noise, axis=-1)


def bisect(increasing: Callable[[Array], Array], target: Array, low: Array, high: Array) -> Array:
    """Return x in [low, high] with ``increasing(x) = target``; it has no gradient."""

    def halve(_: Any, bounds: tuple[Array, Array]) -> tuple[Array, Array]:
        low, high = bounds
        middle = low + 0.5 * (high - low)
        below = increasing(middle) < target
        return jnp.where(below, middle, low), jnp.where(below, high, middle)

    low, high = jax.lax.fori_loop(0, 40, halve, jax.lax.stop_gradient((low, high)))
    return jax.lax.stop_gradient(low + 0.5 * (high - low))
