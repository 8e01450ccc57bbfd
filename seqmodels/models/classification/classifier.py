"""Sequences to one answer: a cell over the sequence, a summary of its outputs, a softmax."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from seqmodels.data.ragged import Padded
from seqmodels.errors import UserError
from seqmodels.layers.mlp import mlp
from seqmodels.layers.pooling import POOLS, init_attention
from seqmodels.losses.classification import cross_entropy
from seqmodels.noise import Rate
from seqmodels.types import Array, Bool, Cell, Float, Int, Layer, Params, Task
from seqmodels.unroll import unroll
from seqmodels.wrap import output_size

Fields = Mapping[str, Any]
Metrics = dict[str, tuple[Array, Array]]


class Classifier(NamedTuple):
    """Examples in, logits of their classes out.

    ``fields`` are those of ``data.batching.Batch``: ``x`` is the sequence (``Padded`` tokens or
    features, time first, or an array ``[B, T, ...]`` where all are equally long), ``static`` the
    features ``[B, S]`` without time, if the model was built for any.

    init:  ``(key) -> params``
    apply: ``(params, fields, key=None) -> logits [B, V]``; a key turns on noise
    """

    init: Callable[[jax.Array], Params]
    apply: Callable[..., Array]


def classifier(
    cell: Cell,
    classes: int,
    *,
    embedding: Layer | None = None,
    pool: Sequence[str] = ("last",),
    hidden: Sequence[int] = (),
    static: int = 0,
    dropout: Rate = 0.0,
    step_dropout: Rate = 0.0,
    reverse: bool = False,
) -> Classifier:
    """A cell (as a rule a stack) between an embedding, if any, and a perceptron.

        y_1 ... y_T = cell(E[x_1] ... E[x_T]),    p(class) = softmax(MLP([pool(y), static]))

    pool: any of last, mean, max, attention; several stand side by side.
    hidden: units of the perceptron's hidden layers.
    static: features that come to the perceptron beside the summary of the sequence.
    dropout: share of the perceptron's inputs, and of each hidden layer, that training drops.
    step_dropout: share of the time steps whose input training sets to zero; for an embedding of
        words this is word dropout, Iyyer et al. (2015), "Deep unordered composition".
    reverse: the cell reads from the last step to the first.
    """
    if unknown := set(pool) - set(POOLS) or (not pool and {""}):
        raise UserError(
            f"--pool {' '.join(sorted(unknown))} is unknown: choose from {', '.join(POOLS)}"
        )

    def head(width: int) -> Layer:
        return mlp([width * len(pool) + static, *hidden, classes], dropout)

    def init(key: jax.Array) -> Params:
        key_e, key_c, key_p, key_h = jax.random.split(key, 4)
        params = {"cell": cell.init(key_c)}
        width = output_size(cell, params["cell"])
        if embedding is not None:
            params |= {"embedding": embedding.init(key_e)}
        if "attention" in pool:
            params |= {"attention": init_attention(key_p, width)}
        return params | {"head": head(width).init(key_h)}

    def summary(params: Params, fields: Fields, keys: Sequence[Any]) -> Float[Array, "B P"]:
        xs, mask = time_first(fields["x"])
        xs = xs if embedding is None else embedding.apply(params["embedding"], xs)
        xs = without_steps(xs, step_dropout, keys[0])
        ys, carry = unroll(cell, params["cell"], xs, mask=mask, reverse=reverse, key=keys[1])
        mask = jnp.ones(xs.shape[:2], bool) if mask is None else mask
        ys, mask = (ys[::-1], mask[::-1]) if reverse else (ys, mask)
        pooled = [POOLS[name](params.get("attention"), ys, mask, carry) for name in pool]
        return jnp.concatenate(pooled, axis=-1)

    def apply(params: Params, fields: Fields, key: jax.Array | None = None) -> Array:
        *keys, key_h = (None,) * 3 if key is None else jax.random.split(key, 3)
        x = summary(params, fields, keys)
        width = x.shape[-1] // len(pool)
        x = jnp.concatenate([x, fields["static"].astype(x.dtype)], axis=-1) if static else x
        logits = head(width).apply(params["head"], x, key=key_h)
        return logits.astype(jnp.promote_types(logits.dtype, jnp.float32))

    return Classifier(init, apply)


def without_steps(xs: Float[Array, "T B D"], rate: Rate, key: Any) -> Float[Array, "T B D"]:
    """Whole steps set to zero at this rate, where there is a key."""
    if key is None:
        return xs
    kept = jax.random.bernoulli(key, 1.0 - jnp.asarray(rate), xs.shape[:2])
    return jnp.where(kept[..., None], xs, jnp.zeros_like(xs))


def time_first(x: Any) -> tuple[Array, Bool[Array, "T B"] | None]:
    """Sequences with time first, and the mask where their lengths differ."""
    if isinstance(x, Padded):
        return jnp.asarray(x.values), jnp.asarray(x.mask)
    return jnp.moveaxis(x, 1, 0), None


def classifier_task(
    build: Callable[[dict[str, Any]], Classifier],
    measures: Callable[..., Metrics] | None = None,
) -> Task:
    """Name the class ``fields["label"]`` of each example of ``data.batching.Batch``.

    ``build(hyper)`` gives the model, so that its rates may be swept; ``hyper["smoothing"]``, if
    there is one, smooths the labels in training.  ``measures(logits, fields, weight) -> metrics``
    defaults to ``nats`` and ``accuracy``.
    """
    measures = measures or class_measures

    def loss(params: Params, hyper: dict, memory: Any, batch: Any, key: Any):
        logits = build(hyper).apply(params, batch.fields, key)
        metrics = measures(logits, batch.fields, batch.weight)
        smoothing = hyper.get("smoothing", 0.0)
        nats = cross_entropy(logits, batch.fields["label"], smoothing)
        total, count = weighted(nats, batch.weight)
        return total / jnp.maximum(count, 1.0), (memory, metrics)

    def measure(params: Params, hyper: dict, memory: Any, batch: Any):
        logits = build({}).apply(params, batch.fields)
        return memory, measures(logits, batch.fields, batch.weight)

    return Task(init=lambda key: build({}).init(key), loss=loss, measure=measure)


def class_measures(logits: Float[Array, "B V"], fields: Fields, weight: Array) -> Metrics:
    """Negative log-likelihood of the labels, and how often the likeliest class is the label."""
    label = fields["label"]
    return {
        "nats": weighted(cross_entropy(logits, label), weight),
        "accuracy": weighted(hits(logits, label), weight),
    }


def hits(scores: Float[Array, "*B V"], label: Int[Array, "*B"]) -> Float[Array, "*B"]:
    """1 where the highest score is the label's."""
    return (jnp.argmax(scores, axis=-1) == label).astype(jnp.float32)


def weighted(values: Float[Array, "B"], weight: Float[Array, "B"]) -> tuple[Array, Array]:
    """The weighted sum, and the sum of the weights."""
    return jnp.sum(values * weight), jnp.sum(weight)


def class_probabilities(
    model: Classifier, params: Params, batches: Any, normalise: Callable = jax.nn.softmax
) -> Float[np.ndarray, "N V"]:
    """Probabilities of the classes for every example of one epoch, in the order of the data."""
    apply = jax.jit(model.apply)  # compiled once for all calls with this model
    found: dict[int, np.ndarray] = {}
    for step in range(batches.steps_per_epoch):
        batch = batches(step)
        answers = jax.device_get(normalise(apply(params, batch.fields)))
        found |= {int(row): answer for row, answer in zip(batch.rows, answers, strict=True)}
    return np.stack([found[row] for row in sorted(found.keys() - {-1})])
