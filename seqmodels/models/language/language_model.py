"""Language models, and the task of predicting the next token."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from seqmodels.engines.problem import where
from seqmodels.layers.softmax import Softmax, softmax
from seqmodels.losses.classification import (
    cross_entropy,
    is_correct,
    masked_sum,
    mixture_log_probabilities,
)
from seqmodels.models.language.context_encoders import (
    ContextEncoder,
    recurrent_encoder,
    token_embedding,
)
from seqmodels.noise import Rate, dropout_mask
from seqmodels.types import Array, Carry, Cell, Float, Int, Key, Metrics, Mixture, Params, Task


class HiddenStates(NamedTuple):
    """Outputs of the encoder after and before the dropout that precedes the softmax."""

    after_dropout: Float[Array, "T *B H"]
    before_dropout: Float[Array, "T *B H"]


class LanguageModel(NamedTuple):
    """Tokens in, logits of the next token out.

    init:   ``(key) -> params``
    start:  ``(params, batch_shape) -> carry``
    step:   ``(params, carry, token) -> (carry, logits)``
    unroll: ``(params, tokens, carry, key=None) -> (logits, carry)``; a key turns on noise
    encode: ``(params, tokens, carry, key=None) -> (HiddenStates, carry)``; ``unroll`` without the
            softmax
    score:  ``(params, hidden, targets, key=None) -> {"nats": [*B], ...}``; see ``Softmax``
    """

    init: Callable[[jax.Array], Params]
    start: Callable[[Params, tuple[int, ...]], Carry]
    step: Callable[[Params, Carry, Array], tuple[Carry, Array]]
    unroll: Callable[..., tuple[Array, Carry]]
    encode: Callable[..., tuple[HiddenStates, Carry]]
    score: Callable[..., dict[str, Array]]


def recurrent_language_model(
    cell: Cell, size: int, vocabulary: int, *, tied: bool = False
) -> LanguageModel:
    """Return a language model with a recurrent encoder.

        h_t = cell(h_{t-1}, E[x_t]),    p(x_{t+1} | x_1 ... x_t) = softmax(W h_t + b)

    cell: usually a stack of layers, with inputs of ``size``
    tied: W is the embedding E; Press and Wolf (2017), arXiv:1608.05859
    """
    # Unit variance lets the inputs matter from the first step. A tied embedding is also the
    # readout, whose logits would then be too large.
    embedding = token_embedding(vocabulary, size, size**-0.5 if tied else 1.0)
    return language_model(recurrent_encoder(cell, embedding, size), softmax(vocabulary, tied=tied))


def language_model(
    encoder: ContextEncoder, output: Softmax, dropout: Rate | None = None
) -> LanguageModel:
    """Return a language model from an encoder and a softmax.

    dropout: rate of the dropout between the two, with one mask per window
    """

    def init(key: jax.Array) -> Params:
        embedding_key, cell_key, readout_key = jax.random.split(key, 3)
        params = encoder.init(embedding_key, cell_key)
        readout = output.init(readout_key, params["embedding"], encoder.width(params))
        return params | {"readout": readout}

    def step(
        params: Params, carry: Carry, token: Int[Array, "*B"]
    ) -> tuple[Carry, Float[Array, "*B V"]]:
        carry, hidden = encoder.step(params, carry, token)
        return carry, output.logits(params, hidden)

    def encode(
        params: Params, tokens: Int[Array, "T *B"], carry: Carry, key: Key[Array, ""] | None = None
    ) -> tuple[HiddenStates, Carry]:
        if dropout is None or key is None:
            hidden, carry = encoder.unroll(params, tokens, carry, key)
            return HiddenStates(hidden, hidden), carry
        key, dropout_key = jax.random.split(key)
        hidden, carry = encoder.unroll(params, tokens, carry, key)
        mask = dropout_mask(dropout_key, dropout, hidden.shape[1:]).astype(hidden.dtype)
        return HiddenStates(hidden * jnp.broadcast_to(mask, hidden.shape), hidden), carry

    def run(
        params: Params, tokens: Int[Array, "T *B"], carry: Carry, key: Key[Array, ""] | None = None
    ) -> tuple[Float[Array, "T *B V"], Carry]:
        hidden, carry = encode(params, tokens, carry, key)
        return output.logits(params, hidden.after_dropout), carry

    return LanguageModel(init, encoder.start, step, run, encode, output.score)


def language_model_task(
    build: Callable[[dict[str, Any]], LanguageModel],
    penalty: Callable[[HiddenStates], Array] | None = None,
) -> Task:
    """Return the task of predicting the next token of ``data.streams.Window`` batches.

    The memory is the carry of the model. Metrics are means over the tokens: ``nats`` (negative
    log-likelihood) and ``accuracy``.

    build:   ``(rates) -> model``
    penalty: added to the loss
    """

    def predict(params: Params, rates: dict, memory: Carry, window: Any, key: Any = None):
        model = build(rates)
        hidden, carry = encode_window(model, params, memory, window, key)
        # Far from the small integers by which other keys are derived from this one.
        score_key = None if key is None else jax.random.fold_in(key, 0x50F7)
        scores = model.score(params, hidden.after_dropout, window.targets, score_key)
        return hidden, carry, {name: masked_sum(x, window.mask) for name, x in scores.items()}

    def loss(params: Params, rates: dict, memory: Carry, window: Any, key: Any):
        hidden, memory, metrics = predict(params, rates, memory, window, key)
        nats = metrics["nats"].sum / metrics["nats"].weight
        return (nats + penalty(hidden) if penalty else nats), (memory, metrics)

    def measure(params: Params, rates: dict, memory: Carry, window: Any):
        _, memory, metrics = predict(params, rates, memory, window)
        return memory, metrics

    return Task(
        init=lambda key: build({}).init(key),
        loss=loss,
        measure=measure,
        mixture=language_model_mixture(build),
        memory=lambda params, window: build({}).start(params, window.inputs.shape[1:]),
    )


def language_model_mixture(build: Callable[[dict[str, Any]], LanguageModel]) -> Mixture:
    """Return the mixture of the next-token distributions of several models."""

    def predict(params: Params, rates: dict, memory: Carry, window: Any):
        model = build({})
        carry = window_carry(model, params, memory, window)
        logits, carry = model.unroll(params, window.inputs, carry)
        return carry, logits

    def measure(logits: Float[Array, "M T B V"], window: Any) -> Metrics:
        nats = mixture_log_probabilities(logits)
        return {
            "nats": masked_sum(cross_entropy(nats, window.targets), window.mask),
            "accuracy": masked_sum(is_correct(nats, window.targets), window.mask),
        }

    return Mixture(predict, measure)


def perplexity(means: dict[str, Any]) -> dict[str, Any]:
    """Express the cross-entropy as perplexity, ``exp(nats)``."""
    return {"perplexity": np.exp(means["nats"])}


def encode_window(
    model: LanguageModel, params: Params, memory: Carry, window: Any, key: Any = None
) -> tuple[HiddenStates, Carry]:
    """Encode a ``data.streams.Window``, starting from the carry of the previous window."""
    carry = window_carry(model, params, memory, window)
    return model.encode(params, window.inputs, carry, key)


def window_carry(model: LanguageModel, params: Params, memory: Carry, window: Any) -> Carry:
    """Return the carry of the previous window, reset in the streams that begin with this one."""
    # A stream resets only at the first step of a window, so the encoder needs no resets.
    return where(window.resets[0], model.start(params, window.inputs.shape[1:]), memory)


def activation_penalty(hidden: HiddenStates, size: float, change: float) -> Float[Array, ""]:
    """Return the activation penalty (AR) and the temporal activation penalty (TAR).

        size mean(m_t^2) + change mean((h_{t+1} - h_t)^2)

    Here h are the hidden states before dropout and m those after it. Merity, McCann and Socher
    (2017), arXiv:1708.01009.
    """
    steps = hidden.before_dropout[1:] - hidden.before_dropout[:-1]
    squares = jnp.mean(jnp.square(hidden.after_dropout))
    return size * squares + change * jnp.mean(jnp.square(steps))


def with_uniform_init(model: LanguageModel, bound: float) -> LanguageModel:
    """Initialize all parameters of a model, including biases, from U(-bound, bound)."""

    def init(key: jax.Array) -> Params:
        leaves, tree = jax.tree.flatten(jax.eval_shape(model.init, key))
        keys = jax.random.split(key, len(leaves))
        values = [
            jax.random.uniform(k, leaf.shape, leaf.dtype, -bound, bound)
            for k, leaf in zip(keys, leaves, strict=True)
        ]
        return jax.tree.unflatten(tree, values)

    return model._replace(init=init)
