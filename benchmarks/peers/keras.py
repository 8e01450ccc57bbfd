"""Keras 3 on JAX: ``stateless_call`` of its layers, batch first."""

import os

os.environ["KERAS_BACKEND"] = "jax"

import jax
import jax.numpy as jnp
import keras

from benchmarks.cases import Case, Inputs
from benchmarks.implementation import Implementation, Model, Unsupported, implement

CELLS = {"rnn": keras.layers.SimpleRNN, "lstm": keras.layers.LSTM, "gru": keras.layers.GRU}


def build(case: Case, inputs: Inputs) -> dict[str, Implementation]:
    if case.members > 1:
        raise Unsupported("no vmap over stateless_call's variables")
    dtype = "mixed_bfloat16" if case.dtype == "bfloat16" else "float32"
    mask = None if inputs.lengths is None else jnp.arange(case.length) < inputs.lengths[:, None]

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
            arguments = [xs, mask] if case.masked else [xs]
            return model.stateless_call(params, rest, arguments)[0]

        return Model(apply, [v.value for v in model.trainable_variables], batch_first=True)

    return implement(make, case, inputs)
