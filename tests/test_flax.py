"""Flax layers as pure functions, cells as Flax modules, and parity with Flax's own cells."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen, nnx

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
def test_a_layer_is_its_module(make, xs):
    module, *args = make()
    made = layer(module, *args)
    params = made.init(KEY)
    reference = module(*args, rngs=nnx.Rngs(KEY))
    assert_close(params, nnx.to_pure_dict(nnx.state(reference, nnx.Param)), 0)
    assert_close(made.apply(params, xs), reference(xs), 1e-6)


def test_a_population_is_initialised_at_once():
    made = layer(nnx.Linear, 4, 2)
    keys, xs = jax.random.split(KEY, 3), inputs(5, 4)
    params = jax.jit(jax.vmap(made.init))(keys)
    ys = jax.jit(jax.vmap(made.apply, (0, None)))(params, xs)
    for k, y in zip(keys, ys, strict=True):
        assert_close(y, made.apply(made.init(k), xs), 1e-6)


def test_gradients_reach_every_parameter():
    made, xs = layer(nnx.Linear, 4, 2), inputs(5, 4)
    grads = jax.jit(jax.grad(lambda p: made.apply(p, xs).sum()))(made.init(KEY))
    assert_close(grads["bias"], jnp.full(2, 5.0), 1e-6)
    assert_close(grads["kernel"], jnp.repeat(xs.sum(0)[:, None], 2, axis=1))


def test_dropout_needs_a_key_and_every_layer_of_it_has_its_own():
    def module(rngs):
        drops = (nnx.Dropout(0.5, rngs=rngs), nnx.Dropout(0.5, rngs=rngs))
        return nnx.Sequential(nnx.Linear(4, 4, rngs=rngs), *drops)

    made, xs = layer(module), jnp.ones((100, 4))
    params = made.init(KEY)
    quiet, noisy = made.apply(params, xs), made.apply(params, xs, key=KEY)
    assert_close(quiet, made.apply(params, xs), 0)
    assert_close(noisy, jax.jit(made.apply)(params, xs, key=KEY))
    assert abs(np.mean(np.asarray(noisy) == 0) - 0.75) < 0.1  # one shared mask would give 0.5
    assert np.any(noisy != made.apply(params, xs, key=jax.random.key(1)))
    assert list(params["layers"]) == ["0"]


def test_dropout_under_vmap_of_keys():
    made, xs = layer(nnx.Dropout, 0.5), jnp.ones((50,))
    ys = jax.vmap(lambda key: made.apply({}, xs, key=key))(jax.random.split(KEY, 2))
    assert np.any(ys[0] != ys[1])


def test_statistics_are_constants():
    made, xs = layer(nnx.BatchNorm, 4), inputs(5, 4)
    params = made.init(KEY) | {"mean": jnp.full(4, 2.0), "var": jnp.full(4, 4.0)}
    for key in (None, KEY):
        wanted = (xs - 2.0) / np.sqrt(4.0 + 1e-5)
        assert_close(made.apply(params, xs, key=key), wanted)
    grads = jax.grad(lambda p: made.apply(p, xs, key=KEY).sum())(params)
    assert not np.any(grads["mean"])
    assert not np.any(grads["var"])
    assert np.all(grads["bias"] == 5.0)


# Cells as modules


@pytest.mark.parametrize("make", [lstm, gru, lambda d, h: stack(bidirectional(lstm(d, h)))])
def test_a_cell_is_a_module(make):
    cell, xs = make(D, H), inputs(T, B, D)
    module = Recurrent(cell, rngs=nnx.Rngs(KEY))
    params = nnx.as_pure(module.params)

    def our_loss(params):
        return unroll(cell, params, xs, engine="scan")[0].sum()

    wanted = jax.jit(jax.value_and_grad(our_loss))(params)
    value, grads = nnx.jit(nnx.value_and_grad(lambda m: m(xs, engine="scan")[0].sum()))(module)
    assert_close((value, jax.tree.leaves(grads)), (wanted[0], jax.tree.leaves(wanted[1])))


def test_a_module_takes_masks_and_splits_and_merges():
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


def flax_cells():
    rngs = nnx.Rngs(0)
    random = {"bias_init": nnx.initializers.normal()}
    yield lstm, nnx.LSTMCell(D, H, rngs=rngs, **random)
    yield lstm, nnx.OptimizedLSTMCell(D, H, rngs=rngs, **random)
    yield gru, nnx.GRUCell(D, H, rngs=rngs, **random)
    yield rnn, nnx.SimpleCell(D, H, rngs=rngs, **random)


@pytest.mark.parametrize("which", range(4), ids=["lstm", "optimized_lstm", "gru", "simple"])
def test_nnx_parity(which):
    make, theirs = list(flax_cells())[which]
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
    wanted = from_flax(dtree)
    assert_close((ours[0], dparams, ours[1][1]), (value, wanted, dxs))


def linen_cells():
    random = {"bias_init": linen.initializers.normal()}
    return {
        "lstm": (lstm, linen.LSTMCell(H, **random)),
        "optimized_lstm": (lstm, linen.OptimizedLSTMCell(H, **random)),
        "gru": (gru, linen.GRUCell(H, **random)),
        "simple": (rnn, linen.SimpleCell(H, **random)),
    }


@pytest.mark.parametrize("name", linen_cells())
@pytest.mark.parametrize("reverse", [False, True])
def test_linen_parity_with_lengths(name, reverse):
    make, theirs = linen_cells()[name]
    lengths, xs = jnp.array([6, 3, 1]), inputs(B, T, D)
    mask = jnp.arange(T)[:, None] < lengths[None]
    weight = jnp.where(mask.T[..., None], inputs(B, T, H), 0.0)
    model = linen.RNN(theirs, reverse=reverse, keep_order=True)
    tree = model.init(KEY, xs)["params"]["cell"]
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


def test_a_bias_without_a_place_is_refused():
    cell = nnx.GRUCell(D, H, rngs=nnx.Rngs(0))
    tree = nnx.to_pure_dict(nnx.state(cell, nnx.Param))
    params = gru(D, H).init(KEY)
    to_flax(params, tree)
    with pytest.raises(UserError, match="no place"):
        to_flax(params | {"bh": jnp.ones(H)}, tree)
    with pytest.raises(UserError, match="shape"):
        to_flax(gru(D, H + 1).init(KEY), tree)
