"""A recurrent language model, and the task of predicting the next token."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import nnx

from seqmodels.engines.problem import where
from seqmodels.errors import UserError
from seqmodels.flax import layer
from seqmodels.losses import cross_entropy, masked_sum
from seqmodels.types import Array, Bool, Carry, Cell, Float, Int, Key, Params, Task
from seqmodels.unroll import unroll
from seqmodels.wrap import output_size


class LanguageModel(NamedTuple):
    """Tokens in, logits of the next token out.

    init:   ``(key) -> params``
    start:  ``(params, batch_shape) -> carry``
    step:   ``(params, carry, token) -> (carry, logits)``
    unroll: ``(params, tokens, carry, key=None) -> (logits, carry)``; a key turns on noise
    """

    init: Callable[[jax.Array], Params]
    start: Callable[[Params, tuple[int, ...]], Carry]
    step: Callable[[Params, Carry, Array], tuple[Carry, Array]]
    unroll: Callable[..., tuple[Array, Carry]]


def language_model(cell: Cell, size: int, vocabulary: int, *, tied: bool = False) -> LanguageModel:
    """A cell (as a rule a stack) for inputs of ``size`` between an embedding and a softmax.

        h_t = cell(h_{t-1}, E[x_t]),    p(x_{t+1} | x_1 ... x_t) = softmax(W h_t + b)

    ``tied``: W is the embedding E itself, Press and Wolf (2017), arXiv:1608.05859.
    """
    # Wide enough to be heard from the first step, unless it must serve as a readout too.
    spread = jax.nn.initializers.normal(size**-0.5 if tied else 1.0)
    embedding = layer(nnx.Embed, vocabulary, size, embedding_init=spread)

    def init(key: jax.Array) -> Params:
        key_e, key_c, key_r = jax.random.split(key, 3)
        params = {"embedding": embedding.init(key_e), "cell": cell.init(key_c)}
        width = output_size(cell, params["cell"], size)
        if not tied:
            return params | {"readout": layer(nnx.Linear, width, vocabulary).init(key_r)}
        if width != size:
            raise UserError(
                f"tied embeddings: the cell puts out {width} features, the embedding has {size}; "
                "make them equal"
            )
        return params | {"readout": {"bias": jnp.zeros((vocabulary,))}}

    def start(params: Params, batch_shape: tuple[int, ...]) -> Carry:
        return cell.start(params["cell"], batch_shape)

    def readout(params: Params, hidden: Float[Array, "*B H"]) -> Float[Array, "*B V"]:
        kernel = params["embedding"]["embedding"].T if tied else params["readout"]["kernel"]
        logits = jnp.matmul(hidden, kernel.astype(hidden.dtype), preferred_element_type=jnp.float32)
        return logits + jnp.broadcast_to(params["readout"]["bias"], logits.shape)

    def step(
        params: Params, carry: Carry, token: Int[Array, "*B"]
    ) -> tuple[Carry, Float[Array, "*B V"]]:
        carry, hidden = cell.step(
            params["cell"], carry, embedding.apply(params["embedding"], token)
        )
        return carry, readout(params, hidden)

    def run(
        params: Params, tokens: Int[Array, "T *B"], carry: Carry, key: Key[Array, ""] | None = None
    ) -> tuple[Float[Array, "T *B V"], Carry]:
        vectors = embedding.apply(params["embedding"], tokens)
        hidden, carry = unroll(cell, params["cell"], vectors, carry, key=key)
        return readout(params, hidden), carry

    return LanguageModel(init, start, step, run)


def language_model_task(build: Callable[[dict[str, Any]], LanguageModel]) -> Task:
    """Predict the next token of ``data.streams.Window`` batches; the memory is the cell's carry.

    ``build(hyper)`` gives the model, so that its rates may be swept.  Metrics, means over the
    tokens: ``nats`` (negative log-likelihood) and ``accuracy``.
    """

    def predict(params: Params, hyper: dict, memory: Carry, window: Any, key: Any = None):
        model = build(hyper)
        fresh = model.start(params, window.inputs.shape[1:])
        # A stream begins anew at the first step of a window only, so the unroll needs no resets.
        carry = where(window.resets[0], fresh, memory)
        logits, carry = model.unroll(params, window.inputs, carry, key)
        return carry, measures(logits, window.targets, window.mask)

    def loss(params: Params, hyper: dict, memory: Carry, window: Any, key: Any):
        memory, metrics = predict(params, hyper, memory, window, key)
        total, count = metrics["nats"]
        return total / count, (memory, metrics)

    return Task(
        init=lambda key: build({}).init(key),
        loss=loss,
        measure=predict,
        memory=lambda params, window: build({}).start(params, window.inputs.shape[1:]),
    )


def measures(
    logits: Float[Array, "*B V"], targets: Int[Array, "*B"], mask: Bool[Array, "*B"]
) -> dict[str, Any]:
    """Totals and counts of what the task measures."""
    nats = cross_entropy(logits, targets)
    hits = (jnp.argmax(logits, axis=-1) == targets).astype(jnp.float32)
    return {
        "nats": masked_sum(nats, mask),
        "accuracy": masked_sum(hits, mask),
    }
