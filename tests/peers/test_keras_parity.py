"""Parity with Keras's layers: outputs and all gradients."""

import os

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seqmodels.cells.gru import gru
from seqmodels.cells.lstm import lstm
from seqmodels.cells.rnn import rnn
from seqmodels.interop import from_keras, to_keras
from seqmodels.unroll import unroll
from seqmodels.wrap import bidirectional

os.environ["KERAS_BACKEND"] = "jax"
import keras

pytestmark = [
    pytest.mark.peers,
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword"),
]

T, B, D, H = 6, 3, 4, 5
KINDS = {"rnn": (rnn, "SimpleRNN"), "lstm": (lstm, "LSTM"), "gru": (gru, "GRU")}


@pytest.fixture(autouse=True)
def implicit_promotion():
    """Allow the implicit promotion that Keras relies on."""
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        yield


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("both", [False, True])
def test_parity(kind, both):
    make, name = KINDS[kind]
    theirs = getattr(keras.layers, name)(
        H, return_sequences=True, bias_initializer=keras.initializers.RandomNormal()
    )
    theirs = keras.layers.Bidirectional(theirs) if both else theirs
    theirs.build((B, T, D))
    cell = bidirectional(make(D, H)) if both else make(D, H)
    rng = np.random.default_rng(0)
    xs = jnp.asarray(rng.normal(size=(B, T, D)), jnp.float32)
    weight = jnp.asarray(rng.normal(size=(B, T, 2 * H if both else H)), jnp.float32)
    mask = jnp.arange(T)[None] < jnp.array([[6], [4], [1]])
    weight = jnp.where(mask[..., None], weight, 0.0)  # Keras repeats outputs into the padding

    def our_loss(params, xs):
        ys, _ = unroll(cell, params, xs.swapaxes(0, 1), mask=mask.T, engine="scan")
        return jnp.sum(ys.swapaxes(0, 1) * weight)

    def their_loss(variables, xs):
        seeds = [variable.value for variable in theirs.non_trainable_variables]
        ys, _ = theirs.stateless_call(variables, seeds, xs, mask=mask)
        return jnp.sum(ys * weight)

    weights = theirs.get_weights()
    params = from_keras(weights)
    for ours, expected in zip(to_keras(params), weights, strict=True):
        np.testing.assert_array_equal(ours[..., -H:], expected[..., -H:])
    value, (dparams, dxs) = jax.jit(jax.value_and_grad(our_loss, (0, 1)))(params, xs)
    variables = [variable.value for variable in theirs.trainable_variables]
    theirs_graded = jax.jit(jax.value_and_grad(their_loss, (0, 1)))
    their_value, (dvariables, their_dxs) = theirs_graded(variables, xs)

    close = {"rtol": 1e-5, "atol": 1e-5}
    np.testing.assert_allclose(value, their_value, **close)
    np.testing.assert_allclose(dxs, their_dxs, **close)
    for ours, expected in zip(to_keras(dparams), dvariables, strict=True):
        if ours.ndim == 2 and len(ours) == 2 and kind == "gru":
            ours, expected = [ours[0], ours[1, -H:]], [expected[0], expected[1, -H:]]
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, **close), ours, expected)
