"""Parity with PyTorch's layers: outputs, final states and all gradients."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

from seqmodels.cells.gru import gru
from seqmodels.cells.lstm import lstm
from seqmodels.cells.rnn import rnn
from seqmodels.interop import from_torch, to_torch
from seqmodels.unroll import unroll
from seqmodels.wrap import bidirectional, stack

pytestmark = [
    pytest.mark.peers,
    pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN"),
]

T, B, D, H = 6, 3, 4, 5
LENGTHS = [6, 4, 1]
KINDS = {
    "tanh": (rnn, torch.nn.RNN, {}, {}),
    "relu": (rnn, torch.nn.RNN, {"activation": jax.nn.relu}, {"nonlinearity": "relu"}),
    "lstm": (lstm, torch.nn.LSTM, {}, {}),
    "projected": (lstm, torch.nn.LSTM, {"projection": 2}, {"proj_size": 2}),
    "gru": (gru, torch.nn.GRU, {}, {}),
}


def make_both(kind, layers, both):
    """Return our cell, PyTorch's layer, and the output size."""
    make, module, options, their_options = KINDS[kind]
    width = options.get("projection", H) * (2 if both else 1)
    cells = [make(D if k == 0 else width, H, **options) for k in range(layers)]
    cells = [bidirectional(cell) if both else cell for cell in cells]
    torch.manual_seed(0)
    theirs = module(D, H, num_layers=layers, bidirectional=both, **their_options)
    return cells[0] if layers == 1 else stack(*cells), theirs, width


def their_run(theirs, xs, weight, packed):
    """Return outputs, final states, and the gradients of ``sum(outputs * weight)``."""
    xs = torch.tensor(xs, requires_grad=True)
    sequence = torch.nn.utils.rnn.pack_padded_sequence(xs, LENGTHS) if packed else xs
    ys, last = theirs(sequence)
    if packed:
        ys, _ = torch.nn.utils.rnn.pad_packed_sequence(ys)
    (ys * torch.tensor(weight)).sum().backward()
    grads = {name: p.grad.numpy() for name, p in theirs.named_parameters()}
    last = last if isinstance(last, tuple) else (last,)
    return ys.detach().numpy(), [state.detach().numpy() for state in last], grads, xs.grad.numpy()


def by_layer(carry):
    """Convert our carry to PyTorch's states, each [layers * directions, B, ...]."""
    flat = jax.tree.leaves(carry, is_leaf=lambda c: not isinstance(c, tuple) or hasattr(c, "c"))
    rows = [tuple(c) if isinstance(c, tuple) else (c,) for c in flat]
    return [np.stack(states) for states in zip(*rows, strict=True)]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("layers", "both"), [(1, False), (2, True)])
@pytest.mark.parametrize("packed", [False, True])
def test_parity(kind, layers, both, packed):
    cell, theirs, width = make_both(kind, layers, both)
    rng = np.random.default_rng(0)
    xs = rng.normal(size=(T, B, D)).astype(np.float32)
    weight = rng.normal(size=(T, B, width)).astype(np.float32)
    mask = jnp.arange(T)[:, None] < jnp.array([LENGTHS]) if packed else None

    def loss(params, xs):
        ys, carry = unroll(cell, params, xs, mask=mask, engine="scan")
        return jnp.sum(ys * weight), (ys, carry)

    params = from_torch({name: p.detach().numpy() for name, p in theirs.named_parameters()})
    run = jax.jit(jax.value_and_grad(loss, (0, 1), has_aux=True))
    (_, (ys, carry)), (dparams, dxs) = run(params, jnp.asarray(xs))
    their_ys, their_last, their_grads, their_dxs = their_run(theirs, xs, weight, packed)

    close = {"rtol": 1e-5, "atol": 1e-5}
    np.testing.assert_allclose(ys, their_ys, **close)
    np.testing.assert_allclose(dxs, their_dxs, **close)
    for ours, expected in zip(by_layer(carry), their_last, strict=True):
        np.testing.assert_allclose(ours, expected, **close)
    ours = to_torch(dparams)
    for name, expected in their_grads.items():
        if "bias_hh" in name and kind != "gru":
            continue  # ours is the sum of both biases
        rows = slice(2 * H, None) if "bias_hh" in name else slice(None)
        np.testing.assert_allclose(ours[name][rows], expected[rows], err_msg=name, **close)


@pytest.mark.parametrize("kind", KINDS)
def test_pytorch_loads_exported_weights(kind):
    cell, theirs, _ = make_both(kind, 2, True)
    params = cell.init(jax.random.key(0))
    theirs.load_state_dict({n: torch.tensor(w) for n, w in to_torch(params).items()}, strict=True)
    xs = np.random.default_rng(0).normal(size=(T, B, D)).astype(np.float32)
    ys, _ = jax.jit(lambda p, x: unroll(cell, p, x, engine="scan"))(params, jnp.asarray(xs))
    with torch.no_grad():
        np.testing.assert_allclose(ys, theirs(torch.tensor(xs))[0].numpy(), rtol=1e-5, atol=1e-5)
