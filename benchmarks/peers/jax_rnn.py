"""``jax.experimental.rnn``, JAX's binding of cuDNN's LSTM; batch first, in TF32."""

import jax
import jax.numpy as jnp
from jax.experimental import rnn

from benchmarks.cases import Case, Inputs
from benchmarks.implementation import Implementation, Model, Unsupported, implement


def build(case: Case, inputs: Inputs) -> dict[str, Implementation]:
    if jax.default_backend() != "gpu":
        raise Unsupported("no GPU")
    if case.cell != "lstm" or case.dtype != "float32":
        raise Unsupported("only LSTM in float32")
    if case.members > 1:
        raise Unsupported("no batching rule")
    size, both = case.hidden, case.bidirectional
    full = jnp.full(case.batch, case.length, jnp.int32)
    lengths = full if inputs.lengths is None else jnp.asarray(inputs.lengths)
    zeros = jnp.zeros((case.layers * (2 if both else 1), case.batch, size))

    def make(key: jax.Array) -> Model:
        params = rnn.init_lstm_weight(key, size, size, case.layers, both)
        shape = size, size, case.layers, 0.0, both
        return Model(
            lambda params, xs: rnn.lstm(xs, zeros, zeros, params, lengths, *shape)[0],
            params,
            batch_first=True,
        )

    return implement(make, case, inputs)
