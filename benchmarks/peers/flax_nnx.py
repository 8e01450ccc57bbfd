"""Flax NNX: ``nnx.RNN`` as a pure function, by ``nnx.split`` and ``nnx.merge``."""

import jax
import jax.numpy as jnp
from flax import nnx

from benchmarks.cases import Case, Inputs
from benchmarks.implementation import Implementation, Model, Unsupported, implement

CELLS = {"rnn": nnx.SimpleCell, "lstm": nnx.OptimizedLSTMCell, "gru": nnx.GRUCell}


def build(case: Case, inputs: Inputs) -> dict[str, Implementation]:
    dtype, size = jnp.dtype(case.dtype), case.hidden
    if case.cell == "rnn" and dtype != jnp.float32:
        raise Unsupported("its SimpleCell changes the dtype of the carry")
    lengths = None if inputs.lengths is None else jnp.asarray(inputs.lengths)

    def layer(rngs: nnx.Rngs):
        cell = lambda: CELLS[case.cell](size, size, dtype=dtype, rngs=rngs)  # noqa: E731
        if not case.bidirectional:
            return nnx.RNN(cell(), time_major=True, rngs=False)
        pair = nnx.RNN(cell(), rngs=False), nnx.RNN(cell(), rngs=False)
        return nnx.Bidirectional(*pair, time_major=True, rngs=False)

    def make(key: jax.Array) -> Model:
        rngs = nnx.Rngs(key)
        layers = nnx.List([layer(rngs) for _ in range(case.layers)])
        definition, params = nnx.split(layers)

        def apply(params, xs):
            for one in nnx.merge(definition, params):
                xs = one(xs, seq_lengths=lengths, rngs=nnx.Rngs(0))  # zero carries
            return xs

        return Model(apply, nnx.to_pure_dict(params))

    return implement(make, case, inputs)
