"""A language model, and the task of predicting the next token."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from seqmodels.engines.problem import where
from seqmodels.layers.softmax import Softmax, softmax
from seqmodels.losses.classification import masked_sum
from seqmodels.models.language.readers import Reader, recurrent_reader, token_vectors
from seqmodels.noise import Rate, keep_mask
from seqmodels.types import Array, Carry, Cell, Float, Int, Key, Params, Task


class Hidden(NamedTuple):
    """What the softmax sees, and the same before its dropout."""

    shown: Float[Array, "T *B H"]
    raw: Float[Array, "T *B H"]


class LanguageModel(NamedTuple):
    """Tokens in, logits of the next token out.

    init:   ``(key) -> params``
    start:  ``(params, batch_shape) -> carry``
    step:   ``(params, carry, token) -> (carry, logits)``
    unroll: ``(params, tokens, carry, key=None) -> (logits, carry)``; a key turns on noise
    read:   ``(params, tokens, carry, key=None) -> (hidden, carry)``, the same short of the softmax
    score:  ``(params, vectors, targets, key=None) -> {"nats": [*B], ...}``, see ``Softmax``
    """

    init: Callable[[jax.Array], Params]
    start: Callable[[Params, tuple[int, ...]], Carry]
    step: Callable[[Params, Carry, Array], tuple[Carry, Array]]
    unroll: Callable[..., tuple[Array, Carry]]
    read: Callable[..., tuple[Hidden, Carry]]
    score: Callable[..., dict[str, Array]]


def language_model(cell: Cell, size: int, vocabulary: int, *, tied: bool = False) -> LanguageModel:
    """A cell (as a rule a stack) for inputs of ``size`` between an embedding and a softmax.

        h_t = cell(h_{t-1}, E[x_t]),    p(x_{t+1} | x_1 ... x_t) = softmax(W h_t + b)

    ``tied``: W is the embedding E itself, Press and Wolf (2017), arXiv:1608.05859.
    """
    # Wide enough to be heard from the first step, unless it must serve as a readout too.
    vectors = token_vectors(vocabulary, size, size**-0.5 if tied else 1.0)
    return predictor(recurrent_reader(cell, vectors, size), softmax(vocabulary, tied=tied))


def predictor(reader: Reader, output: Softmax, dropout: Rate | None = None) -> LanguageModel:
    """A reader and a softmax; ``dropout`` between them has one mask for a window."""

    def init(key: jax.Array) -> Params:
        key_e, key_c, key_r = jax.random.split(key, 3)
        params = reader.init(key_e, key_c)
        readout = output.init(key_r, params["embedding"], reader.width(params))
        return params | {"readout": readout}

    def step(
        params: Params, carry: Carry, token: Int[Array, "*B"]
    ) -> tuple[Carry, Float[Array, "*B V"]]:
        carry, vector = reader.step(params, carry, token)
        return carry, output.logits(params, vector)

    def read(
        params: Params, tokens: Int[Array, "T *B"], carry: Carry, key: Key[Array, ""] | None = None
    ) -> tuple[Hidden, Carry]:
        if dropout is None or key is None:
            raw, carry = reader.unroll(params, tokens, carry, key)
            return Hidden(raw, raw), carry
        key, key_own = jax.random.split(key)
        raw, carry = reader.unroll(params, tokens, carry, key)
        mask = keep_mask(key_own, dropout, raw.shape[1:]).astype(raw.dtype)
        return Hidden(raw * jnp.broadcast_to(mask, raw.shape), raw), carry

    def run(
        params: Params, tokens: Int[Array, "T *B"], carry: Carry, key: Key[Array, ""] | None = None
    ) -> tuple[Float[Array, "T *B V"], Carry]:
        hidden, carry = read(params, tokens, carry, key)
        return output.logits(params, hidden.shown), carry

    return LanguageModel(init, reader.start, step, run, read, output.score)


def language_model_task(
    build: Callable[[dict[str, Any]], LanguageModel],
    penalty: Callable[[Hidden], Array] | None = None,
) -> Task:
    """Predict the next token of ``data.streams.Window`` batches; the memory is the cell's carry.

    ``build(hyper)`` gives the model, so that its rates may be swept; ``penalty`` is added to the
    loss.  Metrics, means over the tokens: ``nats`` (negative log-likelihood) and ``accuracy``.
    """

    def predict(params: Params, hyper: dict, memory: Carry, window: Any, key: Any = None):
        model = build(hyper)
        hidden, carry = read_window(model, params, memory, window, key)
        # A number far from those of the keys that the reader's key splits into.
        key_s = None if key is None else jax.random.fold_in(key, 0x50F7)
        found = model.score(params, hidden.shown, window.targets, key_s)
        return hidden, carry, {name: masked_sum(v, window.mask) for name, v in found.items()}

    def loss(params: Params, hyper: dict, memory: Carry, window: Any, key: Any):
        hidden, memory, metrics = predict(params, hyper, memory, window, key)
        total, count = metrics["nats"]
        mean = total / count
        return (mean + penalty(hidden) if penalty else mean), (memory, metrics)

    def measure(params: Params, hyper: dict, memory: Carry, window: Any):
        return predict(params, hyper, memory, window)[1:]

    return Task(
        init=lambda key: build({}).init(key),
        loss=loss,
        measure=measure,
        memory=lambda params, window: build({}).start(params, window.inputs.shape[1:]),
    )


def read_window(
    model: LanguageModel, params: Params, memory: Carry, window: Any, key: Any = None
) -> tuple[Hidden, Carry]:
    """A window of ``data.streams.Window`` read from where the last one stopped."""
    fresh = model.start(params, window.inputs.shape[1:])
    # A stream begins anew at the first step of a window only, so the reader needs no resets.
    carry = where(window.resets[0], fresh, memory)
    return model.read(params, window.inputs, carry, key)


def activation_penalty(hidden: Hidden, size: float, change: float) -> Float[Array, ""]:
    """AR and TAR, for outputs that are small and change slowly; h' after dropout, h before.

        size mean(h'^2) + change mean((h_{t+1} - h_t)^2)

    Merity, McCann and Socher (2017), arXiv:1708.01009.
    """
    steps = hidden.raw[1:] - hidden.raw[:-1]
    return size * jnp.mean(jnp.square(hidden.shown)) + change * jnp.mean(jnp.square(steps))


def uniform_parameters(model: LanguageModel, bound: float) -> LanguageModel:
    """The model with all of its parameters, biases too, drawn from U(-bound, bound)."""

    def init(key: jax.Array) -> Params:
        leaves, tree = jax.tree.flatten(jax.eval_shape(model.init, key))
        keys = jax.random.split(key, len(leaves))
        drawn = [
            jax.random.uniform(k, leaf.shape, leaf.dtype, -bound, bound)
            for k, leaf in zip(keys, leaves, strict=True)
        ]
        return jax.tree.unflatten(tree, drawn)

    return model._replace(init=init)
