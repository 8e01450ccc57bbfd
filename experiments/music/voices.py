"""Distribution of the voices of a frame, each given those before it, and the context."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from seqmodels.cells.arithmetic import affine
from seqmodels.cells.initializers import glorot
from seqmodels.distributions.distribution import Distribution, as_float32, draw_index
from seqmodels.losses.classification import cross_entropy
from seqmodels.types import Array, Float, Int, Params


def init_voices(key: Any, features: int, voices: int, symbols: int, hidden: int) -> Params:
    """Return the weights of ``voices``.

    features: size of the context; symbols: pitches of a voice, and silence
    """

    def one(key: Any) -> Params:
        keys = jax.random.split(key, 4)
        return {
            "wh": glorot(keys[0], (features, hidden)),
            "we": glorot(keys[1], (voices, symbols, hidden)),
            "b": jnp.zeros(hidden),
            "v": glorot(keys[2], (hidden, symbols)),
            "wc": glorot(keys[3], (features, symbols)),
            "c": jnp.zeros(symbols),
        }

    return {str(voice): one(k) for voice, k in enumerate(jax.random.split(key, voices))}


def voices(weights: Params) -> Distribution:
    """Return the distribution of integers ``y [*B, N]``, one per voice.

        p(y_n | y_<n, h) = softmax(c_n + h wc_n + tanh(b_n + h wh_n + sum_{m<n} we_nm[y_m]) v_n)

    ``params`` is the context h.  A temperature divides the logits of each voice.  At 0, each voice
    is the most likely one given those before it.
    """
    features = weights["0"]["wc"].shape[0]

    def nats(params: Float[Array, "*B F"], y: Int[Array, "*B N"]) -> Float[Array, "*B"]:
        return jnp.sum(voice_nats(weights, params, y), axis=-1)

    return Distribution(features, nats, partial(_draw, weights))


def voice_nats(
    weights: Params, params: Float[Array, "*B F"], y: Int[Array, "*B N"]
) -> Float[Array, "*B N"]:
    """Return the nats of each voice, given those before it."""
    context = as_float32(params)
    each = [
        cross_entropy(_logits(weights[str(n)], context, y[..., :n]), y[..., n])
        for n in range(y.shape[-1])
    ]
    return jnp.stack(each, axis=-1)


def _draw(
    weights: Params,
    key: Any,
    params: Float[Array, "*B F"],
    temperature: float | Array = 1.0,
) -> Int[Array, "*B N"]:
    context = as_float32(params)
    drawn = jnp.zeros((*context.shape[:-1], 0), jnp.int32)
    for n, key_n in enumerate(jax.random.split(key, len(weights))):
        logits = _logits(weights[str(n)], context, drawn)
        pitch = draw_index(key_n, logits, temperature).astype(jnp.int32)
        drawn = jnp.concatenate([drawn, pitch[..., None]], axis=-1)
    return drawn


def _logits(
    weights: Params, context: Float[Array, "*B F"], before: Int[Array, "*B M"]
) -> Float[Array, "*B S"]:
    """Return the logits of the voice after those ``before``."""
    state = affine(context, weights["wh"], weights["b"])
    for voice in range(before.shape[-1]):
        state = state + weights["we"][voice][before[..., voice]]
    bias = affine(context, weights["wc"], weights["c"])
    return bias + jnp.tanh(state) @ weights["v"]
