"""Round trips of weights; values are compared with PyTorch and Keras in tests/peers."""

import jax
import numpy as np
import pytest
from parameters import random_params

from seqmodels.cells.gru import gru
from seqmodels.cells.lstm import lstm
from seqmodels.cells.rnn import rnn
from seqmodels.errors import UserError
from seqmodels.interop import from_keras, from_torch, to_flax, to_keras, to_torch
from seqmodels.wrap import bidirectional, stack

CELLS = {"rnn": rnn, "lstm": lstm, "gru": gru}


def assert_equal(a, b):
    assert jax.tree.structure(a) == jax.tree.structure(b)
    jax.tree.map(np.testing.assert_array_equal, a, b)


@pytest.mark.parametrize("make", CELLS.values(), ids=CELLS)
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("both", [False, True])
def test_torch_round_trip(make, layers, both):
    widths = [3] + [8 if both else 4] * (layers - 1)
    cells = [bidirectional(make(w, 4)) if both else make(w, 4) for w in widths]
    params = random_params(cells[0] if layers == 1 else stack(*cells))
    assert_equal(from_torch(to_torch(params)), params)


def test_torch_names_and_shapes():
    params = random_params(stack(bidirectional(lstm(3, 5, projection=2)), lstm(4, 5)))
    shapes = {name: array.shape for name, array in to_torch(params).items()}
    first = {"weight_ih": (20, 3), "weight_hh": (20, 2), "bias_ih": (20,), "bias_hh": (20,)}
    first |= {"weight_hr": (2, 5)}
    second = {"weight_ih": (20, 4), "weight_hh": (20, 5), "bias_ih": (20,), "bias_hh": (20,)}
    expected = {f"{n}_l0{d}": s for d in ("", "_reverse") for n, s in first.items()}
    assert shapes == expected | {f"{n}_l1": s for n, s in second.items()}
    assert_equal(from_torch(to_torch(params)), params)


def test_torch_biases_are_summed_where_they_are_equivalent():
    state = {
        name: np.ones(array.shape) for name, array in to_torch(random_params(gru(3, 2))).items()
    }
    params = from_torch(state)
    np.testing.assert_array_equal(params["b"], [2, 2, 2, 2, 1, 1])
    np.testing.assert_array_equal(params["bh"], [1, 1])


def test_torch_without_bias():
    state = {n: a for n, a in to_torch(random_params(lstm(3, 2))).items() if "bias" not in n}
    assert not np.any(from_torch(state)["b"])


@pytest.mark.parametrize("make", CELLS.values(), ids=CELLS)
@pytest.mark.parametrize("both", [False, True])
def test_keras_round_trip(make, both):
    params = random_params(bidirectional(make(3, 4)) if both else make(3, 4))
    assert_equal(from_keras(to_keras(params)), params)


def test_keras_gru_has_the_update_gate_first():
    params = random_params(gru(3, 2))
    kernel, _, bias = to_keras(params)
    np.testing.assert_array_equal(kernel[:, :2], params["wx"][:, 2:4])
    np.testing.assert_array_equal(bias[1], [0, 0, 0, 0, *params["bh"]])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: from_torch({"lstm.weight_ih_l0": 0}), "state dict of one layer"),
        (lambda: from_keras([np.ones((3, 6)), np.ones((2, 6)), np.ones(6)]), "reset_after"),
        (lambda: to_torch(random_params(lstm(3, 2, peepholes=True))), "cannot be exported"),
        (lambda: to_keras(random_params(lstm(3, 2, projection=1))), "projection"),
        (lambda: to_flax(random_params(lstm(3, 2, projection=1)), {}), "projection"),
    ],
)
def test_weights_without_a_counterpart_are_an_error(call, message):
    with pytest.raises(UserError, match=message):
        call()


def test_gru_before_cannot_be_exported_as_gru():
    params = random_params(gru(3, 2))
    with pytest.raises(UserError, match="3 gates"):
        to_torch({name: params[name] for name in ("wx", "wh", "b")})
