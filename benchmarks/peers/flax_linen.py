"""Flax Linen: ``nn.RNN`` over ``nn.OptimizedLSTMCell``, ``nn.GRUCell``, ``nn.SimpleCell``."""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from benchmarks.cases import Case, Inputs
from benchmarks.implementation import Implementation, Model, Unsupported, implement

CELLS = {"rnn": nn.SimpleCell, "lstm": nn.OptimizedLSTMCell, "gru": nn.GRUCell}


class Network(nn.Module):
    case: Case

    @nn.compact
    def __call__(self, xs, lengths):
        dtype = jnp.dtype(self.case.dtype)
        cell = lambda: CELLS[self.case.cell](self.case.hidden, dtype=dtype)  # noqa: E731
        for _ in range(self.case.layers):
            layer: Any = nn.RNN(cell(), time_major=True)
            if self.case.bidirectional:
                layer = nn.Bidirectional(nn.RNN(cell()), nn.RNN(cell()), time_major=True)
            xs = layer(xs, seq_lengths=lengths)
        return xs


def build(case: Case, inputs: Inputs) -> dict[str, Implementation]:
    if case.cell == "rnn" and case.dtype != "float32":
        raise Unsupported("its SimpleCell changes the dtype of the carry")
    lengths = None if inputs.lengths is None else jnp.asarray(inputs.lengths)

    def make(key: jax.Array) -> Model:
        network: Any = Network(case)
        xs = jnp.zeros((case.length, case.batch, case.hidden), case.dtype)
        params = network.init(key, xs, lengths)
        return Model(lambda params, xs: network.apply(params, xs, lengths), params)

    return implement(make, case, inputs)
