"""Haiku: ``hk.dynamic_unroll``, and ``hk.DeepRNN`` for layers; no lengths, not bidirectional."""

from typing import Any

import haiku as hk
import jax
import jax.numpy as jnp

from benchmarks.cases import Case, Inputs
from benchmarks.implementation import Implementation, Model, Unsupported, implement

CELLS = {"rnn": hk.VanillaRNN, "lstm": hk.LSTM, "gru": hk.GRU}


def build(case: Case, inputs: Inputs) -> dict[str, Implementation]:
    if case.masked:
        raise Unsupported("no lengths")
    if case.bidirectional:
        raise Unsupported("no bidirectional")
    dtype = jnp.dtype(case.dtype)

    def run(xs):
        cells = [CELLS[case.cell](case.hidden) for _ in range(case.layers)]
        core = cells[0] if case.layers == 1 else hk.DeepRNN(cells)
        start = jax.tree.map(lambda a: a.astype(dtype), core.initial_state(case.batch))
        return hk.dynamic_unroll(core, xs, start)[0]

    def make(key: jax.Array) -> Model:
        network: Any = hk.without_apply_rng(hk.transform(run))
        params = network.init(key, jnp.zeros((case.length, case.batch, case.hidden), dtype))
        return Model(network.apply, jax.tree.map(lambda a: a.astype(dtype), params))

    return implement(make, case, inputs)
