"""Language models that learn from the text they are tested on: a cache, and dynamic evaluation.

Both are tasks whose ``measure`` scores each word before anything is learned from it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import product
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from seqmodels.engines.problem import where
from seqmodels.losses.classification import masked_sum
from seqmodels.models.language.language_model import LanguageModel, read_window
from seqmodels.train.fit import Evaluator
from seqmodels.types import Array, Bool, Carry, Float, Int, Params, Task


class Cache(NamedTuple):
    """The last N vectors of a stream, and the word that followed each; -1: none yet."""

    vectors: Float[Array, "B N H"]
    words: Int[Array, "B N"]


class Cached(NamedTuple):
    carry: Carry
    cache: Cache


def cached_task(task: Task, model: LanguageModel, size: int) -> Task:
    """The task with a continuous cache over the last ``size`` words.

        p(w) = (1 - l) p_model(w) + l p_cache(w)
        p_cache(w) ~ sum_{i < t} [x_{i+1} = w] exp(theta h_t . h_i)

    ``hyper["cache_weight"]`` is l, ``hyper["cache_focus"]`` theta.  Grave, Joulin and Usunier
    (2017), arXiv:1612.04426.
    """

    def memory(params: Params, window: Any) -> Cached:
        carry, batch = task.memory(params, window), window.inputs.shape[1:]
        hidden, _ = jax.eval_shape(model.read, params, window.inputs, carry)
        vectors = jnp.zeros((*batch, size, hidden.raw.shape[-1]), hidden.raw.dtype)
        return Cached(carry, Cache(vectors, jnp.full((*batch, size), -1, jnp.int32)))

    def measure(params: Params, hyper: dict, memory: Cached, window: Any):
        hidden, carry = read_window(model, params, memory.carry, window)
        nats = model.score(params, hidden.shown, window.targets)["nats"]
        empty = Cache(jnp.zeros_like(memory.cache.vectors), jnp.full_like(memory.cache.words, -1))
        cache = extended(where(window.resets[0], empty, memory.cache), hidden.shown, window)
        log_cache = cache_log_probability(cache, size, hyper["cache_focus"])
        nats = mixed(nats, log_cache, hyper["cache_weight"])
        kept = jax.tree.map(lambda a: a[:, len(window.inputs) :], cache)
        return Cached(carry, kept), {"nats": masked_sum(nats, window.mask)}

    def loss(params: Params, hyper: dict, memory: Cached, window: Any, key: Any):
        value, (_, metrics) = task.loss(params, hyper, memory.carry, window, key)
        return value, (memory, metrics)

    return Task(task.init, loss, measure, memory)


def extended(cache: Cache, vectors: Float[Array, "T B H"], window: Any) -> Cache:
    """The cache and what a window adds to it, ``[B, N + T]``."""
    words = jnp.where(window.mask, window.targets, -1)
    return Cache(
        jnp.concatenate([cache.vectors, jnp.moveaxis(vectors, 0, 1)], axis=1),
        jnp.concatenate([cache.words, words.T.astype(jnp.int32)], axis=1),
    )


def cache_log_probability(cache: Cache, size: int, focus: Float[Array, ""]) -> Float[Array, "T B"]:
    """Log-probability of each of the window's words by the ``size`` before it; nan: none before."""
    length = cache.words.shape[1] - size
    vectors, words = cache.vectors[:, size:], cache.words[:, size:]
    z = focus * jnp.einsum("bth,bsh->tbs", vectors, cache.vectors)
    place = jnp.arange(size + length)[None] - jnp.arange(length)[:, None]
    recent = jnp.broadcast_to(((place >= 0) & (place < size))[:, None], z.shape)
    known = recent & jnp.broadcast_to((cache.words >= 0)[None], z.shape)
    same = jnp.broadcast_to(cache.words[None], z.shape) == jnp.broadcast_to(
        words.T[..., None], z.shape
    )
    return log_sum(z, known & same) - log_sum(z, known)


def log_sum(z: Float[Array, "*B S"], mask: Bool[Array, "*B S"]) -> Float[Array, "*B"]:
    """``log sum exp`` of those under the mask, -inf where there are none."""
    return jax.nn.logsumexp(jnp.where(mask, z, -jnp.inf), axis=-1)


def mixed(
    nats: Float[Array, "T B"], log_cache: Float[Array, "T B"], weight: Float[Array, ""]
) -> Float[Array, "T B"]:
    """``-log((1 - l) exp(-nats) + l p_cache)``; an empty cache counts for nothing."""
    both = -jnp.logaddexp(jnp.log1p(-weight) - nats, jnp.log(weight) + log_cache)
    return jnp.where(jnp.isnan(log_cache), nats, both)


class Adapted(NamedTuple):
    memory: Any
    params: Params


def dynamic_task(task: Task, squares: Params) -> Task:
    """The task with a gradient step after every window it is measured on.

        p <- p - rate g / (r + e) + decay (r / mean r) (p_0 - p),    r = sqrt(E g^2) of training

    ``hyper["dynamic_rate"]``, ``hyper["dynamic_decay"]``; ``squares``: see ``gradient_squares``.
    Krause, Kahembwe, Murray and Renals (2018), arXiv:1709.07432.
    """
    roots = jax.tree.map(jnp.sqrt, squares)
    leaves = jax.tree.leaves(roots)
    mean = sum(jnp.sum(leaf) for leaf in leaves) / sum(leaf.size for leaf in leaves)

    def learn(params: Params, now: Params, gradient: Params, hyper: dict) -> Params:
        def update(first: Array, p: Array, g: Array, r: Array) -> Array:
            back = jnp.minimum(hyper["dynamic_decay"] * r / mean, 1.0)
            return p - hyper["dynamic_rate"] * g / (r + 2e-5) + back * (first - p)

        return jax.tree.map(update, params, now, gradient, roots)

    def measure(params: Params, hyper: dict, memory: Adapted, window: Any):
        gradient = jax.grad(task.loss, has_aux=True)
        slope, _ = gradient(memory.params, hyper, memory.memory, window, None)
        inner, metrics = task.measure(memory.params, hyper, memory.memory, window)
        return Adapted(inner, learn(params, memory.params, slope, hyper)), metrics

    def memory(params: Params, window: Any) -> Adapted:
        return Adapted(task.memory(params, window), jax.tree.map(jnp.copy, params))

    return task._replace(measure=measure, memory=memory)


def gradient_squares(
    task: Task, params: Params, hyper: dict, batches: Callable[[int], Any], count: int
) -> Params:
    """The mean square of the gradient over some training batches, element by element."""

    @jax.jit
    def add(total: Params, memory: Any, batch: Any) -> tuple[Params, Any]:
        slope, (memory, _) = jax.grad(task.loss, has_aux=True)(params, hyper, memory, batch, None)
        return jax.tree.map(lambda t, g: t + jnp.square(g) / count, total, slope), memory

    total, memory = jax.tree.map(jnp.zeros_like, params), task.memory(params, batches(0))
    for number in range(count):
        total, memory = add(total, memory, batches(number))
    return total


class Tried(NamedTuple):
    """A way to adapt, at the values that were best on dev."""

    name: str
    values: dict[str, float]
    nats: list[float]  # of each text


def adaptations(
    task: Task, model: LanguageModel, squares: Params, size: int
) -> dict[str, tuple[Task, tuple[str, ...]]]:
    """Ways to adapt, and the numbers that each brings."""
    cache = ("cache_weight", "cache_focus")
    dynamic = ("dynamic_rate", "dynamic_decay")
    cached = cached_task(task, model, size)
    return {
        "as it is": (task, ()),
        "cache": (cached, cache),
        "dynamic": (dynamic_task(task, squares), dynamic),
        "both": (dynamic_task(cached, squares), ()),
    }


def try_out(
    ways: Mapping[str, tuple[Task, tuple[str, ...]]],
    params: Params,
    grid: Mapping[str, tuple[float, ...]],
    texts: Sequence[Any],
) -> Iterator[Tried]:
    """Each way at its best values on the first text, and from there on the others."""
    chosen: dict[str, float] = {}
    for name, (task, numbers) in ways.items():
        measure = Evaluator(task)

        def nats(values: dict[str, float], text: Any, measure: Evaluator = measure) -> float:
            hyper = {key: jnp.float32(value) for key, value in values.items()}
            return float(measure(params, hyper, text)["nats"])

        points = product(*(grid[number] for number in numbers))
        tried = [chosen | dict(zip(numbers, point, strict=True)) for point in points]
        first, chosen = min(((nats(v, texts[0]), v) for v in tried), key=lambda pair: pair[0])
        found = [first, *(nats(chosen, text) for text in texts[1:])]
        yield Tried(name, {number: chosen[number] for number in numbers}, found)
