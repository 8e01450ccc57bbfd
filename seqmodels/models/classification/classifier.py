"""Sequence classifier: a cell over the sequence, a summary of its outputs, a softmax."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from seqmodels.errors import UserError
from seqmodels.layers.mlp import mlp
from seqmodels.layers.pooling import POOLS, init_pool_attention
from seqmodels.models.encoder import encoder
from seqmodels.noise import Rate
from seqmodels.types import Array, Cell, Float, Layer, Params
from seqmodels.wrap_io import output_size

Fields = Mapping[str, Any]


class Classifier(NamedTuple):
    """Examples in, logits of their classes out.

    ``fields`` are those of ``data.batching.Batch``. ``x`` is the sequence: ``Padded`` tokens or
    features, time first, or an array ``[B, T, ...]`` if all have the same length. ``static`` are
    features ``[B, S]`` without a time axis, if the model takes any.

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
    """Return a classifier: embedding, cell (usually a stack), pooling, perceptron.

        y_1 ... y_T = cell(E[x_1] ... E[x_T]),    p(class) = softmax(MLP([pool(y), static]))

    pool:         any of last, mean, max, attention; several are concatenated
    hidden:       units of the perceptron's hidden layers
    static:       number of static features, concatenated with the summary of the sequence
    dropout:      dropout rate on the perceptron's inputs and hidden layers
    step_dropout: see ``encoder``
    reverse:      read from the last step to the first
    """
    _check_pool(pool)
    encode = encoder(cell, embedding, step_dropout=step_dropout, reverse=reverse)

    def head(width: int) -> Layer:
        return mlp([width * len(pool) + static, *hidden, classes], dropout)

    def init(key: jax.Array) -> Params:
        key_e, key_c, key_p, key_h = jax.random.split(key, 4)
        params = encode.init(key_e, key_c)
        width = output_size(cell, params["cell"])
        if "attention" in pool:
            params |= {"attention": init_pool_attention(key_p, width)}
        return params | {"head": head(width).init(key_h)}

    def summary(params: Params, fields: Fields, keys: Sequence[Any]) -> Float[Array, "B P"]:
        ys, mask, carry = encode.apply(params, fields["x"], *keys)
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


def _check_pool(pool: Sequence[str]) -> None:
    choices = f"choose from {', '.join(POOLS)}"
    if not pool:
        raise UserError(f"--pool is empty; {choices}")
    if unknown := sorted(set(pool) - set(POOLS)):
        raise UserError(f"--pool {' '.join(unknown)} is unknown; {choices}")


def class_probabilities(
    model: Classifier, params: Params, batches: Any, normalise: Callable = jax.nn.softmax
) -> Float[np.ndarray, "N V"]:
    """Return the class probabilities of every example of an epoch, in the order of the data."""
    apply = jax.jit(model.apply)
    rows: dict[int, np.ndarray] = {}
    for step in range(batches.steps_per_epoch):
        batch = batches(step)
        probabilities = jax.device_get(normalise(apply(params, batch.fields)))
        rows |= {int(row): p for row, p in zip(batch.rows, probabilities, strict=True)}
    return np.stack([rows[row] for row in sorted(rows.keys() - {-1})])
