"""Keras 3 on JAX: ``stateless_call`` of its layers, batch first as it wants it."""

import os

os.environ["KERAS_BACKEND"] = "jax"

import jax
import jax.numpy as jnp
import keras

from benchmarks.candidate import Candidate, Model, Unsupported, candidates
from benchmarks.cases import Case, Data

CELLS = {"rnn": keras.layers.SimpleRNN, "lstm": keras.layers.LSTM, "gru": keras.layers.GRU}


def build(case: Case, data: Data) -> dict[str, Candidate]:
    if case.members > 1:
        raise Unsupported("no vmap over stateless_call's variables")
    dtype = "mixed_bfloat16" if case.dtype == "bfloat16" else "float32"
    mask = None if data.lengths is None else jnp.arange(case.length) < data.lengths[:, None]

    def make(key: jax.Array) -> Model:
        xs = inputs = keras.Input((case.length, case.hidden), case.batch, dtype=case.dtype)
        valid = keras.Input((case.length,), case.batch, dtype="bool")
        for _ in range(case.layers):
            layer = CELLS[case.cell](case.hidden, return_sequences=True, dtype=dtype)
            layer = keras.layers.Bidirectional(layer, dtype=dtype) if case.bidirectional else layer
            xs = layer(xs, mask=valid if case.masked else None)
        model = keras.Model([inputs, valid] if case.masked else [inputs], xs)
        rest = [v.value for v in model.non_trainable_variables]

        def apply(params, xs):
            given = [xs, mask] if case.masked else [xs]
            return model.stateless_call(params, rest, given)[0]

        return Model(apply, [v.value for v in model.trainable_variables], batch_first=True)

    return candidates(make, case, data)
