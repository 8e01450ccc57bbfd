"""Chords as ascending lists of keys, by logits of keys and of intervals.

The logits of intervals do not change if the frame and the one before it are transposed, so that
what is learned about voice leading in one key is known in all of them.
"""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from seqmodels.cells.arithmetic import affine
from seqmodels.cells.initializers import glorot
from seqmodels.data.music.rolls import KEYS
from seqmodels.distributions.distribution import Distribution, as_float32, draw_index
from seqmodels.losses.classification import cross_entropy
from seqmodels.types import Array, Bool, Float, Int, Params

SPAN = 24  # largest interval with a logit; other keys have those of keys only
WINDOW = 2 * SPAN + 1
END = KEYS


def init_interval_set(key: Any, features: int, hidden: int, most: int) -> Params:
    """Return the weights of ``interval_set``.

    features: size of the context; hidden: number of hidden units of each of the two networks
    """
    keys = jax.random.split(key, 8)
    return {
        "wh": glorot(keys[0], (features, hidden)),
        "wi": glorot(keys[1], (KEYS, hidden)),
        "b": jnp.zeros(hidden),
        "v": glorot(keys[2], (hidden, KEYS + 1)),
        "wc": glorot(keys[3], (features, KEYS + 1)),
        "c": jnp.zeros(KEYS + 1),
        "interval": {
            "wh": glorot(keys[4], (features, hidden)),
            "wi": glorot(keys[5], (2 * WINDOW, hidden)),
            "wn": jnp.zeros((most + 1, hidden)),
            "b": jnp.zeros(hidden),
            "v": glorot(keys[6], (hidden, WINDOW + 1)),
            "wn_v": jnp.zeros((most + 1, WINDOW + 1)),
        },
    }


def interval_set(weights: Params, last: int) -> Distribution:
    """Return the distribution of chords ``y [*B, 88]``, one note after another from the lowest.

        p(chord) = prod_n p(i_n | i_1 ... i_{n-1}, h),    the last i_n is the end symbol
        p(i | ...) = softmax over i > i_{n-1} of  a_i + r_{i - o}
        a = c + h wc + tanh(b + h wh + wi_{i_1} + ... + wi_{i_{n-1}}) v
        r = wn_v_n + tanh(b' + h wh' + wn_n + [frame before, notes below, around o] wi') v'

    The origin o is the n-th note of the frame before, if there is one, else the note below.
    ``params`` is the context h, whose features ``last ... last + 88`` are the frame before. A
    temperature divides the logits of each note.
    """
    features = weights["wc"].shape[0]
    return Distribution(features, partial(_nats, weights, last), partial(_draw, weights, last))


def _nats(weights: Params, last: int, params: Float[Array, "*B F"], y: Array) -> Float[Array, "*B"]:
    most = len(weights["interval"]["wn"]) - 1
    context, present = as_float32(params), y.astype(jnp.bool_)
    listed = jnp.sort(jnp.where(present, _keys(y), END), axis=-1)[..., :most]
    end = jnp.full_like(listed[..., :1], END)
    targets = jnp.concatenate([listed, end], axis=-1)
    below = jnp.cumsum(jax.nn.one_hot(listed, KEYS), axis=-2)
    below = jnp.concatenate([jnp.zeros_like(below[..., :1, :]), below], axis=-2)
    scores = _scores(weights, last, context[..., None, :], below, jnp.arange(most + 1))
    each = cross_entropy(scores, targets)
    number, size = _keys(each), jnp.sum(present, axis=-1)
    nats = jnp.sum(jnp.where(number <= size[..., None], each, 0.0), axis=-1)
    return jnp.where(size > most, jnp.inf, nats)


def _draw(
    weights: Params,
    last: int,
    key: Any,
    params: Float[Array, "*B F"],
    temperature: float | Array = 1.0,
) -> Float[Array, "*B K"]:
    most = len(weights["interval"]["wn"]) - 1
    context = as_float32(params)[..., None, :]

    def step(carry: tuple[Array, Array], xs: Any) -> tuple[tuple[Array, Array], None]:
        (below, ended), (key, number) = carry, xs
        scores = _scores(weights, last, context, below, number[None])
        item = draw_index(key, scores, temperature)
        ended = ended | (item == END)
        note = jnp.where(ended[..., None], 0.0, jax.nn.one_hot(item, KEYS))
        return (below + note, ended), None

    below = jnp.zeros((*context.shape[:-1], KEYS))
    first = (below, jnp.zeros(below.shape[:-1], jnp.bool_))
    xs = (jax.random.split(key, most), jnp.arange(most))
    return jax.lax.scan(step, first, xs)[0][0][..., 0, :]


def _scores(
    weights: Params,
    last: int,
    context: Float[Array, "*B 1 F"],
    below: Float[Array, "*B N K"],
    number: Int[Array, "N"],
) -> Float[Array, "*B N V"]:
    """Return the logits of the next note, given those below it, whose number is ``number``."""
    w, size = weights["interval"], below.shape
    bias = affine(context, weights["wc"], weights["c"])
    state = affine(context, weights["wh"], weights["b"]) + below @ weights["wi"]
    scores = bias + jnp.tanh(state) @ weights["v"]
    before = jnp.broadcast_to(context[..., last : last + KEYS], size) > 0.5
    highest = jnp.max(jnp.where(below > 0.5, _keys(below), -1), axis=-1)
    origin = _origin(before, highest, number)
    around = [_window(x, origin) for x in (before.astype(below.dtype), below)]
    state = affine(context, w["wh"], w["b"]) + jnp.concatenate(around, axis=-1) @ w["wi"]
    intervals = jnp.tanh(state + _by_number(w["wn"], number, state)) @ w["v"]
    intervals = intervals + _by_number(w["wn_v"], number, intervals)
    scores = scores + _by_key(intervals, origin)
    return jnp.where(_keys(scores) > highest[..., None], scores, jnp.finfo(scores.dtype).min)


def _by_number(table: Float[Array, "M H"], number: Int[Array, "N"], like: Array) -> Array:
    return jnp.broadcast_to(table[number], like.shape)


def _keys(x: Array) -> Int[Array, "*B K"]:
    """Return the index of each element along the last axis."""
    return jax.lax.broadcasted_iota(jnp.int32, x.shape, x.ndim - 1)


def _origin(
    before: Bool[Array, "*B N K"], highest: Int[Array, "*B N"], number: Int[Array, "N"]
) -> Int[Array, "*B N"]:
    """Return the n-th note of the frame before, else the highest note below."""
    rank = jnp.cumsum(before.astype(jnp.int32), axis=-1)
    is_origin = before & (rank == jnp.broadcast_to(number[:, None] + 1, rank.shape))
    return jnp.where(jnp.any(is_origin, -1), jnp.argmax(is_origin, -1), jnp.maximum(highest, 0))


def _window(x: Float[Array, "*B N K"], origin: Int[Array, "*B N"]) -> Float[Array, "*B N W"]:
    """Return ``x`` from ``SPAN`` keys below the origin to as many above; 0 beyond the keyboard."""
    return _slices(x, origin, SPAN, WINDOW)


def _by_key(intervals: Float[Array, "*B N W"], origin: Int[Array, "*B N"]) -> Array:
    """Return the logits of intervals as logits of keys and the end; 0 beyond the window."""
    keys = _slices(intervals[..., :WINDOW], SPAN + KEYS - origin, KEYS, KEYS)
    return jnp.concatenate([keys, intervals[..., WINDOW:]], axis=-1)


def _slices(x: Float[Array, "*B N"], begin: Int[Array, "*B"], pad: int, size: int) -> Array:
    """Return ``size`` elements of each row, from ``begin``, after padding both ends with zeros."""
    padded = jnp.pad(x, [(0, 0)] * (x.ndim - 1) + [(pad, pad)])

    def one(row: Float[Array, "M"], begin: Int[Array, ""]) -> Float[Array, "L"]:
        return jax.lax.dynamic_slice(row, (begin,), (size,))

    for _ in range(begin.ndim):
        one = jax.vmap(one)
    return one(padded, begin)
