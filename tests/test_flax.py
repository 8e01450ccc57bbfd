"""Flax layers as pure functions, cells as Flax modules, and parity with Flax's own cells."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen, nnx
from parameters import random_params

from seqmodels.cells.gru import gru
from seqmodels.cells.lstm import lstm
from seqmodels.cells.rnn import rnn
from seqmodels.errors import UserError
from seqmodels.flax import Recurrent, layer
from seqmodels.interop import from_flax, to_flax
from seqmodels.unroll import unroll
from seqmodels.wrap import bidirectional, stack

B, T, D, H = 3, 6, 4, 5
KEY = jax.random.key(0)


def inputs(*shape):
    return jnp.asarray(np.random.default_rng(0).normal(size=shape), jnp.float32)


def assert_close(a, b, tolerance=1e-5):
    def close(x, y):
        np.testing.assert_allclose(x, y, rtol=tolerance, atol=tolerance)

    assert jax.tree.structure(a) == jax.tree.structure(b)
    jax.tree.map(close, a, b)


def graded(loss):
    return jax.jit(jax.value_and_grad(loss, (0, 1)))


def fast_first(*names):
    """Mark all cells but the first two as exhaustive."""
    return [*names[:2], *(pytest.param(name, marks=pytest.mark.exhaustive) for name in names[2:])]


# Layers


@pytest.mark.parametrize(
    ("make", "xs"),
    [
        (lambda: (nnx.Linear, 4, 7), inputs(2, 4)),
        (lambda: (nnx.Embed, 9, 4), jnp.array([[1, 8], [0, 2]])),
        (lambda: (nnx.Conv, 3, 4, (3, 3)), inputs(2, 6, 6, 3)),
        (lambda: (nnx.LayerNorm, 4), inputs(2, 4)),
    ],
    ids=["linear", "embed", "conv", "layer_norm"],
)
def test_a_layer_equals_its_module(make, xs):
    module, *args = make()
    made = layer(module, *args)

    @jax.jit
    def run(key):
        params, reference = made.init(key), module(*args, rngs=nnx.Rngs(key))
        expected = nnx.to_pure_dict(nnx.state(reference, nnx.Param)), reference(xs)
        return (params, made.apply(params, xs)), expected

    (params, ys), expected = run(KEY)
    assert_close(params, expected[0], 0)
    assert_close(ys, expected[1], 1e-6)


def test_a_population_is_initialised_under_vmap():
    made = layer(nnx.Linear, 4, 2)
    keys, xs = jax.random.split(KEY, 3), inputs(5, 4)
    params = jax.jit(jax.vmap(made.init))(keys)
    ys = jax.jit(jax.vmap(made.apply, (0, None)))(params, xs)
    one = jax.jit(lambda key: made.apply(made.init(key), xs))
    for k, y in zip(keys, ys, strict=True):
        assert_close(y, one(k), 1e-6)


def test_gradients_reach_every_parameter():
    made, xs = layer(nnx.Linear, 4, 2), inputs(5, 4)
    grads = jax.jit(jax.grad(lambda p: made.apply(p, xs).sum()))(random_params(made))
    assert_close(grads["bias"], jnp.full(2, 5.0), 1e-6)
    assert_close(grads["kernel"], jnp.repeat(xs.sum(0)[:, None], 2, axis=1))


def test_dropout_needs_a_key_and_each_dropout_layer_has_a_different_mask():
    def module(rngs):
        drops = (nnx.Dropout(0.5, rngs=rngs), nnx.Dropout(0.5, rngs=rngs))
        return nnx.Sequential(nnx.Linear(4, 4, rngs=rngs), *drops)

    made, xs = layer(module), jnp.ones((100, 4))
    params, apply = random_params(made), jax.jit(made.apply)
    assert list(params["layers"]) == ["0"]
    dense = params["layers"]["0"]
    quiet, noisy = apply(params, xs), apply(params, xs, key=KEY)
    assert_close(quiet, np.asarray(xs) @ dense["kernel"] + dense["bias"][None])
    assert_close(noisy, made.apply(params, xs, key=KEY))
    assert abs(np.mean(np.asarray(noisy) == 0) - 0.75) < 0.1  # one shared mask would give 0.5
    assert np.any(noisy != apply(params, xs, key=jax.random.key(1)))


def test_dropout_under_vmap_of_keys():
    made, xs = layer(nnx.Dropout, 0.5), jnp.ones((50,))
    ys = jax.jit(jax.vmap(lambda key: made.apply({}, xs, key=key)))(jax.random.split(KEY, 2))
    assert np.any(ys[0] != ys[1])


def test_the_statistics_of_batch_norm_are_constants():
    made, xs = layer(nnx.BatchNorm, 4), inputs(5, 4)
    initial = jax.jit(made.init)(KEY)
    params = initial | {"mean": jnp.full(4, 2.0), "var": jnp.full(4, 4.0)}

    @jax.jit
    def run(params):
        grads = jax.grad(lambda p: made.apply(p, xs, key=KEY).sum())(params)
        return [made.apply(params, xs, key=key) for key in (None, KEY)], grads

    outputs, grads = run(params)
    for ys in outputs:
        assert_close(ys, (xs - 2.0) / np.sqrt(4.0 + 1e-5))
    assert not np.any(grads["mean"])
    assert not np.any(grads["var"])
    assert np.all(grads["bias"] == 5.0)


# Cells as modules


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lstm, marks=pytest.mark.exhaustive),
        pytest.param(gru, marks=pytest.mark.exhaustive),
        lambda d, h: stack(bidirectional(lstm(d, h))),
    ],
)
def test_a_module_gives_the_values_and_gradients_of_its_cell(make):
    cell, xs = make(D, H), inputs(T, B, D)
    module = Recurrent(cell, rngs=nnx.Rngs(KEY))
    params = nnx.as_pure(module.params)

    def our_loss(params):
        return unroll(cell, params, xs, engine="scan")[0].sum()

    expected = jax.jit(jax.value_and_grad(our_loss))(params)
    value, grads = nnx.jit(nnx.value_and_grad(lambda m: m(xs, engine="scan")[0].sum()))(module)
    assert_close((value, jax.tree.leaves(grads)), (expected[0], jax.tree.leaves(expected[1])))


def test_a_module_takes_masks_and_can_be_split_and_merged():
    class Tagger(nnx.Module):
        def __init__(self, rngs):
            self.read = Recurrent(gru(D, H), rngs=rngs)
            self.out = nnx.Linear(H, 2, rngs=rngs)

        def __call__(self, xs, mask):
            return self.out(self.read(xs, mask=mask)[0])

    xs, mask = inputs(T, B, D), jnp.arange(T)[:, None] < jnp.array([[6, 2, 0]])
    model = nnx.merge(*nnx.split(Tagger(nnx.Rngs(0))))
    assert_close(nnx.jit(model)(xs, mask)[3:, 1], jnp.broadcast_to(model.out.bias[...], (3, 2)), 0)


# Parity with Flax's cells


NNX_CELLS = {
    "lstm": (lstm, nnx.LSTMCell),
    "optimized_lstm": (lstm, nnx.OptimizedLSTMCell),
    "gru": (gru, nnx.GRUCell),
    "simple": (rnn, nnx.SimpleCell),
}


@pytest.mark.parametrize("name", fast_first("optimized_lstm", "gru", "lstm", "simple"))
def test_nnx_parity(name):
    make, module = NNX_CELLS[name]
    theirs = module(D, H, rngs=nnx.Rngs(0), bias_init=nnx.initializers.normal())
    graph, tree = nnx.split(theirs, nnx.Param)
    tree = nnx.to_pure_dict(tree)
    cell, xs, weight = make(D, H), inputs(T, B, D), inputs(T, B, H)
    params = from_flax(tree)
    assert_close(to_flax(params, tree), tree, 0)

    def our_loss(params, xs):
        return (unroll(cell, params, xs, engine="scan")[0] * weight).sum()

    def their_loss(tree, xs):
        rnn = nnx.RNN(nnx.merge(graph, tree), time_major=True, rngs=False)
        return (rnn(xs, rngs=nnx.Rngs(0)) * weight).sum()

    ours = graded(our_loss)(params, xs)
    value, (dtree, dxs) = graded(their_loss)(tree, xs)
    dparams = ours[1][0] | ({"bh": jnp.zeros(H)} if make is gru else {})
    assert_close((ours[0], dparams, ours[1][1]), (value, from_flax(dtree), dxs))


def linen_cells():
    random = {"bias_init": linen.initializers.normal()}
    return {
        "lstm": (lstm, linen.LSTMCell(H, **random)),
        "optimized_lstm": (lstm, linen.OptimizedLSTMCell(H, **random)),
        "gru": (gru, linen.GRUCell(H, **random)),
        "simple": (rnn, linen.SimpleCell(H, **random)),
    }


@pytest.mark.parametrize("name", fast_first("lstm", "gru", "optimized_lstm", "simple"))
@pytest.mark.parametrize("reverse", [True, pytest.param(False, marks=pytest.mark.exhaustive)])
def test_linen_parity_with_lengths(name, reverse):
    make, theirs = linen_cells()[name]
    lengths, xs = jnp.array([6, 3, 1]), inputs(B, T, D)
    mask = jnp.arange(T)[:, None] < lengths[None]
    weight = jnp.where(mask.T[..., None], inputs(B, T, H), 0.0)
    model = linen.RNN(theirs, reverse=reverse, keep_order=True)
    tree = jax.jit(model.init)(KEY, xs)["params"]["cell"]
    params = from_flax(tree)
    assert_close(to_flax(params, tree), tree, 0)

    def our_loss(params, xs):
        options = {"mask": mask, "reverse": reverse, "engine": "scan"}
        ys, _ = unroll(make(D, H), params, xs.swapaxes(0, 1), **options)
        return (ys.swapaxes(0, 1) * weight).sum()

    def their_loss(tree, xs):
        ys = model.apply({"params": {"cell": tree}}, xs, seq_lengths=lengths)
        return (ys * weight).sum()

    value, (dparams, dxs) = graded(our_loss)(params, xs)
    their_value, (dtree, their_dxs) = graded(their_loss)(tree, xs)
    assert_close((value, to_flax(dparams, tree), dxs), (their_value, dtree, their_dxs))


def test_params_that_do_not_fit_the_flax_cell_are_an_error():
    cell = nnx.GRUCell(D, H, rngs=nnx.Rngs(0))
    tree = nnx.to_pure_dict(nnx.state(cell, nnx.Param))
    params = random_params(gru(D, H)) | {"bh": jnp.zeros(H)}
    to_flax(params, tree)
    with pytest.raises(UserError, match="of the Flax cell has none"):
        to_flax(params | {"bh": jnp.ones(H)}, tree)
    with pytest.raises(UserError, match="shape"):
        to_flax(random_params(gru(D, H + 1)) | {"bh": jnp.zeros(H + 1)}, tree)
