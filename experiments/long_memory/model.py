"""The model: a recurrence whose last outputs are read by a linear layer."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from flax import nnx

from experiments.long_memory.memory_problems import Examples
from seqmodels.flax import layer
from seqmodels.losses.classification import (
    cross_entropy,
    is_correct,
    masked_sum,
    mixture_log_probabilities,
)
from seqmodels.types import Array, Cell, Float, Layer, Metrics, Mixture, Num, Params, Task
from seqmodels.unroll import unroll
from seqmodels.wrap_io import output_size

CORRECT_WITHIN = 0.04  # largest error of a correct number: Hochreiter and Schmidhuber (1997)


class AnswerModel(NamedTuple):
    """Sequences in, answers at their last steps out.

    init:   ``(key) -> params``; ``params["cell"]`` are those of the recurrence
    encode: ``(params, xs [T, B, D]) -> vs``, the inputs of the recurrence
    apply:  ``(params, xs, count) -> answers [count, B, V]``
    cell:   the recurrence
    """

    init: Callable[[jax.Array], Params]
    encode: Callable[[Params, Array], Array]
    apply: Callable[[Params, Array, int], Array]
    cell: Cell


def answer_model(
    cell: Cell, outputs: int, encoder: tuple[int, int] | None = None, engine: str = "auto"
) -> AnswerModel:
    """Return a recurrence that a linear layer reads.

        v_t = relu(W x_t + b), or x_t without an encoder;    y = cell(v);    answer_t = U y_t + d

    encoder: the sizes of W
    """
    dense = layer(nnx.Linear, *encoder) if encoder else None

    def readout(params: Params) -> Layer:
        return layer(nnx.Linear, output_size(cell, params), outputs)

    def init(key: jax.Array) -> Params:
        key_e, key_c, key_o = jax.random.split(key, 3)
        params = {"cell": cell.init(key_c)}
        params |= {"encoder": dense.init(key_e)} if dense else {}
        return params | {"readout": readout(params["cell"]).init(key_o)}

    def encode(params: Params, xs: Float[Array, "T B D"]) -> Float[Array, "T B E"]:
        return jax.nn.relu(dense.apply(params["encoder"], xs)) if dense else xs

    def apply(params: Params, xs: Float[Array, "T B D"], count: int) -> Float[Array, "N B V"]:
        ys, _ = unroll(cell, params["cell"], encode(params, xs), engine=engine)
        return readout(params["cell"]).apply(params["readout"], ys[len(ys) - count :])

    return AnswerModel(init, encode, apply, cell)


def answer_task(model: AnswerModel) -> Task:
    """Return the task of answering ``Examples``.

    ``error`` is a negative log-likelihood in nats, or squared if the targets are numbers.
    """

    def predict(params: Params, rates: dict, memory: Any, batch: Examples):
        return memory, model.apply(params, jnp.asarray(batch.inputs), len(batch.targets))

    def measure(params: Params, rates: dict, memory: Any, batch: Examples):
        memory, answers = predict(params, rates, memory, batch)
        return memory, answer_metrics(answers, jnp.asarray(batch.targets))

    def measure_mixture(answers: Float[Array, "M N B V"], batch: Examples) -> Metrics:
        targets = jnp.asarray(batch.targets)
        if jnp.issubdtype(targets.dtype, jnp.floating):
            return answer_metrics(jnp.mean(answers, axis=0), targets)
        return answer_metrics(mixture_log_probabilities(answers), targets)

    def loss(params: Params, rates: dict, memory: Any, batch: Examples, key: Any):
        memory, metrics = measure(params, rates, memory, batch)
        return metrics["error"].mean, (memory, metrics)

    return Task(model.init, loss, measure, mixture=Mixture(predict, measure_mixture))


def answer_metrics(answers: Float[Array, "N B V"], targets: Num[Array, "N B"]) -> Metrics:
    """Return the error of the answers, and how many are correct."""
    if jnp.issubdtype(targets.dtype, jnp.floating):
        error = optax.losses.squared_error(answers[..., 0], targets)
        correct = (error < CORRECT_WITHIN**2).astype(error.dtype)
    else:
        error, correct = cross_entropy(answers, targets), is_correct(answers, targets)
    return {"error": masked_sum(error), "accuracy": masked_sum(correct)}
