"""Continuous cache: a language model that repeats the words that followed similar states.

Grave, Joulin and Usunier (2017), "Improving neural language models with a continuous cache",
arXiv:1612.04426.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from seqmodels.engines.problem import where
from seqmodels.losses.classification import masked_sum
from seqmodels.models.language.language_model import LanguageModel, encode_window
from seqmodels.types import Array, Bool, Carry, Float, Int, Params, Task


class Cache(NamedTuple):
    """The last N hidden states of a stream, and the word that followed each; -1 if there is none.

    The cache of a window is extended by the T steps of the window.
    """

    hidden: Float[Array, "B N H"]
    words: Int[Array, "B N"]


class CacheMemory(NamedTuple):
    """Memory of a task with a cache."""

    carry: Carry
    cache: Cache


def cache_task(task: Task, model: LanguageModel, size: int) -> Task:
    """Return the task with a continuous cache of the last ``size`` words in evaluation.

        p(w) = (1 - l) p_model(w) + l p_cache(w)
        p_cache(w) ~ sum_{i < t} [x_{i+1} = w] exp(theta h_t . h_i)

    l is ``rates["cache_weight"]`` and theta is ``rates["cache_focus"]``. Each word is scored
    before it enters the cache.
    """

    def memory(params: Params, window: Any) -> CacheMemory:
        carry, batch = task.memory(params, window), window.inputs.shape[1:]
        hidden, _ = jax.eval_shape(model.encode, params, window.inputs, carry)
        features, dtype = hidden.before_dropout.shape[-1], hidden.before_dropout.dtype
        return CacheMemory(carry, empty_cache((*batch, size), features, dtype))

    def measure(params: Params, rates: dict, memory: CacheMemory, window: Any):
        hidden, carry = encode_window(model, params, memory.carry, window)
        nats = model.score(params, hidden.after_dropout, window.targets)["nats"]
        previous = memory.cache
        empty = empty_cache(previous.words.shape, previous.hidden.shape[-1], previous.hidden.dtype)
        cache = where(window.resets[0], empty, previous)
        cache = extend_cache(cache, hidden.after_dropout, window)
        log_cache = cache_log_probability(cache, size, rates["cache_focus"])
        nats = interpolate(nats, log_cache, rates["cache_weight"])
        last = jax.tree.map(lambda a: a[:, len(window.inputs) :], cache)
        return CacheMemory(carry, last), {"nats": masked_sum(nats, window.mask)}

    def loss(params: Params, rates: dict, memory: CacheMemory, window: Any, key: Any):
        value, (_, metrics) = task.loss(params, rates, memory.carry, window, key)
        return value, (memory, metrics)

    return Task(task.init, loss, measure, memory)


def empty_cache(shape: tuple[int, ...], features: int, dtype: Any) -> Cache:
    """Return a cache of ``shape`` [B, N] without words."""
    return Cache(jnp.zeros((*shape, features), dtype), jnp.full(shape, -1, jnp.int32))


def extend_cache(cache: Cache, hidden: Float[Array, "T B H"], window: Any) -> Cache:
    """Append the hidden states and targets of a window, which gives ``[B, N + T]``."""
    words = jnp.where(window.mask, window.targets, -1)
    return Cache(
        jnp.concatenate([cache.hidden, jnp.moveaxis(hidden, 0, 1)], axis=1),
        jnp.concatenate([cache.words, words.T.astype(jnp.int32)], axis=1),
    )


def cache_log_probability(cache: Cache, size: int, focus: Float[Array, ""]) -> Float[Array, "T B"]:
    """Return the log-probability of each target of a window given the ``size`` words before it.

    It is NaN where the cache is empty.
    """
    length = cache.words.shape[1] - size
    hidden, words = cache.hidden[:, size:], cache.words[:, size:]
    z = focus * jnp.einsum("bth,bsh->tbs", hidden, cache.hidden)
    position = jnp.arange(size + length)[None] - jnp.arange(length)[:, None]
    recent = jnp.broadcast_to(((position >= 0) & (position < size))[:, None], z.shape)
    valid = recent & jnp.broadcast_to((cache.words >= 0)[None], z.shape)
    same = jnp.broadcast_to(cache.words[None], z.shape) == jnp.broadcast_to(
        words.T[..., None], z.shape
    )
    return masked_logsumexp(z, valid & same) - masked_logsumexp(z, valid)


def masked_logsumexp(z: Float[Array, "*B S"], mask: Bool[Array, "*B S"]) -> Float[Array, "*B"]:
    """Return ``log sum exp`` over the mask, -inf where the mask is empty."""
    return jax.nn.logsumexp(jnp.where(mask, z, -jnp.inf), axis=-1)


def interpolate(
    nats: Float[Array, "T B"], log_cache: Float[Array, "T B"], weight: Float[Array, ""]
) -> Float[Array, "T B"]:
    """Return ``-log((1 - l) exp(-nats) + l p_cache)``; without a cache, ``nats`` itself."""
    both = -jnp.logaddexp(jnp.log1p(-weight) - nats, jnp.log(weight) + log_cache)
    return jnp.where(jnp.isnan(log_cache), nats, both)
