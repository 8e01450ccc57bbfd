"""Sets as ascending lists of items with an end symbol, conditional on a context."""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Shaped

from seqmodels.cells.arithmetic import affine
from seqmodels.cells.initializers import glorot
from seqmodels.distributions.distribution import Distribution, as_float32, draw_index
from seqmodels.errors import UserError
from seqmodels.losses.classification import cross_entropy
from seqmodels.types import Array, Float, Int, Params


class _Position(NamedTuple):
    """A position in a list: the item before it, and the sum of the vectors of all before it."""

    previous: Int[Array, "*B"]  # -1 at the beginning
    state: Float[Array, "*B H"]


def init_autoregressive_set(key: Any, features: int, size: int, hidden: int) -> Params:
    """Return the weights of ``autoregressive_set``.

    features: size of the context; size: number of items; hidden: number of hidden units
    """
    keys = jax.random.split(key, 4)
    return {
        "wh": glorot(keys[0], (features, hidden)),
        "wi": glorot(keys[1], (size, hidden)),
        "b": jnp.zeros(hidden),
        "v": glorot(keys[2], (hidden, size + 1)),
        "wc": glorot(keys[3], (features, size + 1)),
        "c": jnp.zeros(size + 1),
    }


def autoregressive_set(weights: Params, most: int | None = None) -> Distribution:
    """Return the distribution of sets ``y [*B, K]`` of 0 and 1, written as ascending lists.

        p(set) = prod_j p(i_j | i_1 ... i_{j-1}, h),    the last i_j is the end symbol K
        p(i | i_1 ... i_{j-1}, h) = softmax over i > i_{j-1} of c + h wc + tanh(s) v
        s = b + h wh + wi_{i_1} + ... + wi_{i_{j-1}}

    ``params`` is the context h.  The cost of ``nats`` is proportional to ``most``.  A temperature
    divides the logits at each position.  At 0, each item is the most likely one after those
    before it, which need not be the mode of the set.

    most: maximum number of items in a set, by default K; larger sets have probability zero
    """
    features, ends = weights["wc"].shape
    most = ends - 1 if most is None else most
    if not 1 <= most < ends:
        raise UserError(f"most={most} must be between 1 and the number of items {ends - 1}")
    return Distribution(features, partial(_nats, weights, most), partial(_draw, weights, most))


def _nats(
    weights: Params, most: int, params: Float[Array, "*B F"], y: Shaped[Array, "*B K"]
) -> Float[Array, "*B"]:
    """Return the sum over the positions of all lists at once."""
    context, present, size = as_float32(params), y.astype(jnp.bool_), y.shape[-1]
    item = jax.lax.broadcasted_iota(jnp.int32, y.shape, y.ndim - 1)
    listed = jnp.sort(jnp.where(present, item, size), axis=-1)[..., :most]
    end = jnp.full_like(listed[..., :1], size)
    targets = jnp.concatenate([listed, end], axis=-1)
    previous = jnp.concatenate([jnp.full_like(end, -1), listed], axis=-1)
    start = affine(context, weights["wh"], weights["b"])[..., None, :]
    embedded = _embeddings(weights)[listed]
    states = jnp.cumsum(jnp.concatenate([start, embedded], axis=-2), axis=-2)
    bias = affine(context, weights["wc"], weights["c"])[..., None, :]
    bias = jnp.broadcast_to(bias, (*targets.shape, size + 1))
    scores = _logits(weights, bias, _Position(previous, states))
    full = jnp.arange(most + 1) == most  # the last position has only the end symbol
    full = jnp.broadcast_to(full[:, None], scores.shape) & (_items(scores) < size)
    each = cross_entropy(jnp.where(full, _lowest(scores), scores), targets)
    # After the end symbol there is only the end symbol, which adds zero.
    return jnp.where(jnp.sum(present, axis=-1) > most, jnp.inf, jnp.sum(each, axis=-1))


def _draw(
    weights: Params,
    most: int,
    key: Any,
    params: Float[Array, "*B F"],
    temperature: float | Array = 1.0,
) -> Float[Array, "*B K"]:
    """Draw one item after another; after the end symbol only that is drawn."""
    context, table = as_float32(params), _embeddings(weights)
    bias = affine(context, weights["wc"], weights["c"])

    def step(position: _Position, key: Any) -> tuple[_Position, Array]:
        item = draw_index(key, _logits(weights, bias, position), temperature)
        bits = jax.nn.one_hot(item, len(table) - 1, dtype=context.dtype)
        return _Position(item, position.state + table[item]), bits

    start = affine(context, weights["wh"], weights["b"])
    first = _Position(jnp.full(context.shape[:-1], -1, jnp.int32), start)
    return jnp.sum(jax.lax.scan(step, first, jax.random.split(key, most))[1], axis=0)


def _embeddings(weights: Params) -> Float[Array, "V H"]:
    """Return the vectors of all items; that of the end symbol is zero."""
    return jnp.pad(weights["wi"], ((0, 1), (0, 0)))


def _logits(weights: Params, bias: Float[Array, "*B V"], position: _Position) -> Array:
    """Return the logits of the next item, which is later than the previous one, or the end."""
    scores = bias + jnp.tanh(position.state) @ weights["v"]
    item = _items(scores)
    allowed = (item > position.previous[..., None]) | (item == scores.shape[-1] - 1)
    return jnp.where(allowed, scores, _lowest(scores))


def _items(scores: Float[Array, "*B V"]) -> Int[Array, "*B V"]:
    return jax.lax.broadcasted_iota(jnp.int32, scores.shape, scores.ndim - 1)


def _lowest(scores: Float[Array, "*B V"]) -> Float[Array, ""]:
    """Return a finite logit of probability zero."""
    return jnp.asarray(jnp.finfo(scores.dtype).min, scores.dtype)
