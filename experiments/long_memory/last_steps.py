"""Sequences whose answers are due at their last steps, one for each."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from flax import nnx

from experiments.long_memory.problems import Examples
from seqmodels.flax import layer
from seqmodels.losses.classification import cross_entropy
from seqmodels.types import Array, Cell, Float, Layer, Num, Params, Task
from seqmodels.unroll import unroll
from seqmodels.wrap import output_size

CLOSE = 0.04  # enough for a number to be right: Hochreiter and Schmidhuber (1997)


class LastSteps(NamedTuple):
    """Sequences in, answers at their last steps out.

    init:   ``(key) -> params``, in which ``params["cell"]`` is the recurrence's
    encode: ``(params, xs [T, B, D]) -> vs``, what the recurrence sees
    apply:  ``(params, xs, count) -> answers [count, B, V]``
    """

    init: Callable[[jax.Array], Params]
    encode: Callable[[Params, Array], Array]
    apply: Callable[[Params, Array, int], Array]


def last_steps(
    cell: Cell, outputs: int, encoder: tuple[int, int] | None = None, engine: str = "auto"
) -> LastSteps:
    """A recurrence, read by one linear layer.

        v_t = relu(W x_t + b), or x_t without an encoder    y = cell(v)    answer_t = U y_t + d

    encoder: the sizes of W.
    """
    code = layer(nnx.Linear, *encoder) if encoder else None

    def readout(params: Params) -> Layer:
        return layer(nnx.Linear, output_size(cell, params), outputs)

    def init(key: jax.Array) -> Params:
        key_e, key_c, key_o = jax.random.split(key, 3)
        params = {"cell": cell.init(key_c)}
        params |= {"encoder": code.init(key_e)} if code else {}
        return params | {"readout": readout(params["cell"]).init(key_o)}

    def encode(params: Params, xs: Float[Array, "T B D"]) -> Float[Array, "T B E"]:
        return jax.nn.relu(code.apply(params["encoder"], xs)) if code else xs

    def apply(params: Params, xs: Float[Array, "T B D"], count: int) -> Float[Array, "N B V"]:
        ys, _ = unroll(cell, params["cell"], encode(params, xs), engine=engine)
        return readout(params["cell"]).apply(params["readout"], ys[len(ys) - count :])

    return LastSteps(init, encode, apply)


def last_steps_task(model: LastSteps) -> Task:
    """Answer ``Examples``; ``error`` is in nats, or squared where targets are numbers."""

    def measure(params: Params, hyper: dict, memory: Any, batch: Examples):
        inputs, targets = jnp.asarray(batch.inputs), jnp.asarray(batch.targets)
        return memory, measures(model.apply(params, inputs, len(targets)), targets)

    def loss(params: Params, hyper: dict, memory: Any, batch: Examples, key: Any):
        memory, metrics = measure(params, hyper, memory, batch)
        total, count = metrics["error"]
        return total / count, (memory, metrics)

    return Task(model.init, loss, measure)


def measures(
    answers: Float[Array, "N B V"], targets: Num[Array, "N B"]
) -> dict[str, tuple[Array, Array]]:
    """The error of every answer, and how many are right."""
    if jnp.issubdtype(targets.dtype, jnp.floating):
        error = optax.losses.squared_error(answers[..., 0], targets)
        right = error < CLOSE**2
    else:
        error = cross_entropy(answers, targets)
        right = jnp.argmax(answers, axis=-1) == targets
    count = jnp.full((), error.size, error.dtype)
    return {
        "error": (jnp.sum(error), count),
        "accuracy": (jnp.sum(right, dtype=error.dtype), count),
    }
