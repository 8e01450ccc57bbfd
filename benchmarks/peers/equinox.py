"""Equinox: ``lax.scan`` over a cell, ``vmap`` over the batch, as in its RNN example."""

import equinox as eqx
import jax
import jax.numpy as jnp

from benchmarks.cases import Case, Inputs
from benchmarks.implementation import Implementation, Model, Unsupported, implement

CELLS = {"lstm": eqx.nn.LSTMCell, "gru": eqx.nn.GRUCell}


def build(case: Case, inputs: Inputs) -> dict[str, Implementation]:
    if case.cell not in CELLS:
        raise Unsupported(f"no {case.cell}")
    if case.masked:
        raise Unsupported("no lengths")
    size, dtype = case.hidden, jnp.dtype(case.dtype)
    zero = jnp.zeros((size,), dtype)
    start = (zero, zero) if case.cell == "lstm" else zero

    def direction(cell, xs, reverse):
        def step(state, x):
            state = cell(x, state)
            return state, state[0] if case.cell == "lstm" else state

        return jax.lax.scan(step, start, xs, reverse=reverse)[1]

    def sequence(layers, xs):
        for cells in layers:
            outs = [direction(cell, xs, reverse=n == 1) for n, cell in enumerate(cells)]
            xs = jnp.concatenate(outs, axis=-1)
        return xs

    def make(key: jax.Array) -> Model:
        keys = jax.random.split(key, (case.layers, 2 if case.bidirectional else 1))
        layers = [[CELLS[case.cell](size, size, dtype=dtype, key=k) for k in row] for row in keys]
        params, static = eqx.partition(layers, eqx.is_array)

        def apply(params, xs):
            whole = eqx.combine(params, static)
            return jax.vmap(lambda x: sequence(whole, x), 1, 1)(xs)

        return Model(apply, params)

    return implement(make, case, inputs)
