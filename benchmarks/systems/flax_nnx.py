"""Flax NNX: ``nnx.RNN`` between ``nnx.Embed`` and ``nnx.Linear``, ``nnx.Optimizer``, ``nnx.jit``.

The step is an ``nnx.cached_partial``, as Flax's performance guide recommends.
"""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax import nnx

from benchmarks.systems import SYMBOLS, System, sequences

CELLS = {"rnn": nnx.SimpleCell, "lstm": nnx.OptimizedLSTMCell, "gru": nnx.GRUCell}
CHARACTER = 64


class Characters(nnx.Module):
    """Character model: embedding, recurrent layers, readout."""

    def __init__(self, system: System, rngs: nnx.Rngs):
        sizes = [CHARACTER] + [system.hidden] * system.layers
        cells = [CELLS[system.cell](a, b, rngs=rngs) for a, b in pairwise(sizes)]
        self.embedding = nnx.Embed(SYMBOLS["char"], CHARACTER, rngs=rngs)
        self.layers = nnx.List([nnx.RNN(cell, time_major=True, rngs=False) for cell in cells])
        self.readout = nnx.Linear(system.hidden, SYMBOLS["char"], rngs=rngs)

    def start(self, batch: int) -> list[Any]:
        return [
            layer.cell.initialize_carry((batch, CHARACTER), rngs=nnx.Rngs(0))
            for layer in self.layers
        ]

    def __call__(self, tokens: jax.Array, carries: list[Any]) -> tuple[jax.Array, list[Any]]:
        xs, ends = self.embedding(tokens), []
        for layer, carry in zip(self.layers, carries, strict=True):
            end, xs = layer(xs, initial_carry=carry, return_carry=True)
            ends.append(end)
        return self.readout(xs), ends


@nnx.jit
def step(model: Characters, optimizer: nnx.Optimizer, carries: list[Any], window: jax.Array):
    """Return the loss and the carries after one update."""

    def loss(model: Characters):
        logits, ends = model(window[:-1], carries)
        nats = optax.softmax_cross_entropy_with_integer_labels(logits, window[1:])
        return jnp.mean(nats), ends

    (value, ends), gradients = nnx.value_and_grad(loss, has_aux=True)(model)
    optimizer.update(model, gradients)
    return value, ends


def char(system: System) -> Callable[[], Any]:
    """Train on windows of text with carried state, without dropout."""
    model = Characters(system, nnx.Rngs(0))
    rule = optax.chain(optax.clip_by_global_norm(1.0), optax.adamw(1e-3, weight_decay=0.0))
    advance = nnx.cached_partial(step, model, nnx.Optimizer(model, rule, wrt=nnx.Param))
    windows, carries = jnp.asarray(sequences(system, 0, extra=1).tokens), model.start(system.batch)

    def call() -> None:
        nonlocal carries
        for window in windows:
            value, carries = advance(carries, window)
        jax.block_until_ready(value)

    return call


MAKERS = {"char": char}
