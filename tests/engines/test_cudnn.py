"""cuDNN's engine off NVIDIA: packing against JAX's own unpacking, and all else on a stand-in.

The stand-in has the equations of ``jax.experimental.rnn.lstm_ref`` and, like cuDNN's call, neither
a batching rule nor a derivative.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.experimental import rnn
from jax.extend.core import Primitive
from jax.interpreters import mlir

from seqmodels.cells.lstm import lstm
from seqmodels.cells.start import learned_start
from seqmodels.engines import cudnn
from seqmodels.engines.problem import Problem
from seqmodels.errors import UserError
from seqmodels.unroll import unroll
from seqmodels.wrap import bidirectional, stack

T, B, D, H = 4, 3, 4, 2
CELL = lstm(D, H)
KEYS = jax.random.split(jax.random.key(0), 4)


def opaque(name, function):
    """A primitive that XLA can run, but JAX cannot look into."""
    primitive = Primitive(name)
    primitive.multiple_results = True
    primitive.def_impl(jax.jit(function))
    primitive.def_abstract_eval(
        lambda *avals: [
            jax.core.ShapedArray(a.shape, a.dtype) for a in jax.eval_shape(function, *avals)
        ]
    )
    mlir.register_lowering(primitive, mlir.lower_fun(function, multiple_results=True))
    return primitive


def reference(x, h, c, weights, lengths):
    hidden = h.shape[-1]
    shape = (x.shape[-1], hidden, 1, False)
    parts = rnn.unpack_lstm_weights(weights, *shape)
    return rnn.lstm_ref(x, h, c, *parts, lengths, x.shape[-1], hidden, 1, 0.0, False)


def reference_pullback(x, h, c, weights, lengths, dy, dh, dc):
    run = lambda *primals: reference(*primals, lengths)  # noqa: E731
    return jax.vjp(run, x, h, c, weights)[1]((dy, dh, dc))


FORWARD = opaque("stand_in_forward", reference)
BACKWARD = opaque("stand_in_backward", reference_pullback)


def stand_in_forward(x, h, c, weights, lengths, *options):
    assert options == (D, H, 1, 0.0, False, None)
    out = tuple(FORWARD.bind(x, h, c, weights, lengths))
    return out, (x, h, c, weights, lengths, out[0], jnp.zeros(7))


def stand_in_backward(*arguments):
    *_, (x, h, c, weights, lengths, _, reserve), outer = arguments
    assert reserve.shape == (7,)
    return (*BACKWARD.bind(x, h, c, weights, lengths, *outer), jnp.zeros_like(lengths))


@pytest.fixture
def nvidia(monkeypatch):
    monkeypatch.setattr(cudnn, "on_nvidia", lambda: True)
    monkeypatch.setattr(rnn, "lstm_fwd", stand_in_forward)
    monkeypatch.setattr(rnn, "lstm_bwd", stand_in_backward)


def normal(shape, seed):
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape), jnp.float32)


def weights_of(cell=CELL):
    shapes = jax.eval_shape(cell.init, KEYS[0])
    leaves, tree = jax.tree.flatten(shapes)
    return tree.unflatten([normal(a.shape, seed) for seed, a in enumerate(leaves)])


def loss(cell, engine, params, xs, carry, mask=None):
    ys, last = unroll(cell, params, xs, carry, mask=mask, engine=engine)
    return sum(jnp.sum(jnp.sin(3.0 * leaf)) for leaf in (ys, *jax.tree.leaves(last)))


def graded(cell, engine):
    return jax.value_and_grad(partial(loss, cell, engine), (0, 1, 2))


def carry_of(cell, *batch):
    shapes = jax.eval_shape(lambda: cell.start(weights_of(cell), batch))
    return jax.tree.map(lambda a: 0.3 * jnp.ones(a.shape, a.dtype), shapes)


def assert_close(a, b):
    close = partial(np.testing.assert_allclose, rtol=1e-5, atol=1e-5)
    jax.tree.map(close, a, b)


def test_packing_is_what_jax_unpacks():
    params = weights_of()
    wx, wh, bx, bh = rnn.unpack_lstm_weights(cudnn.pack(params), D, H, 1, False)
    np.testing.assert_array_equal(wx[0], params["wx"].T)
    np.testing.assert_array_equal(wh[0], params["wh"].T)
    np.testing.assert_array_equal(bx[0] + bh[0], params["b"])
    assert rnn.get_num_params_in_lstm(D, H, 1, False) == cudnn.pack(params).size


def test_weights_come_back_from_what_the_cell_prepares():
    params = weights_of()
    found = cudnn.weights_of(Problem(CELL, params, None, None))
    jax.tree.map(np.testing.assert_array_equal, found, params)


@pytest.mark.parametrize(
    ("cell", "masked"), [(CELL, False), (stack(bidirectional(CELL)), True)], ids=["one", "masked"]
)
def test_values_and_gradients_are_those_of_scan(nvidia, cell, masked):
    gaps = jnp.array([[1, 0, 1, 0], [0, 0, 0, 0], [0, 1, 1, 1]], bool).T
    inputs = weights_of(cell), normal((T, B, D), 9), carry_of(cell, B), gaps if masked else None
    assert_close(jax.jit(graded(cell, "cudnn"))(*inputs), jax.jit(graded(cell, "scan"))(*inputs))


def equations(jaxpr):
    """All of a jaxpr's, those of its inner ones too, each with where its inputs come from."""
    makers = {id(v): eqn.primitive.name for eqn in jaxpr.eqns for v in eqn.outvars}
    for eqn in jaxpr.eqns:
        yield eqn.primitive.name, {makers.get(id(v)) for v in eqn.invars}
        for inner in jax.tree.leaves(
            list(eqn.params.values()), is_leaf=lambda p: hasattr(p, "jaxpr")
        ):
            inner = getattr(inner, "jaxpr", inner)
            yield from equations(inner) if hasattr(inner, "eqns") else ()


def test_cudnn_is_given_all_arrays_as_they_are_written(nvidia):
    """It reads memory in the order of an array's axes, of which XLA knows nothing."""
    inputs = weights_of(), normal((T, B, D), 9), carry_of(CELL, B)
    jaxpr = jax.make_jaxpr(graded(CELL, "cudnn"))(*inputs).jaxpr
    found = {name: makers for name, makers in equations(jaxpr) if name.startswith("stand_in")}
    wanted = {"layout_constraint"}
    assert found == {"stand_in_forward": wanted, "stand_in_backward": wanted}


@pytest.mark.parametrize("batch", [(), (2, 3)])
def test_any_batch_axes(nvidia, batch):
    inputs = weights_of(), normal((T, *batch, D), 9), carry_of(CELL, *batch)
    assert_close(jax.jit(graded(CELL, "cudnn"))(*inputs), jax.jit(graded(CELL, "scan"))(*inputs))


def test_a_learned_start(nvidia):
    cell = learned_start(CELL)
    params, xs = weights_of(cell), normal((T, B, D), 9)
    run = lambda engine: jax.jit(  # noqa: E731
        jax.grad(lambda p: jnp.sum(jnp.square(unroll(cell, p, xs, engine=engine)[0])))
    )
    assert_close(run("cudnn")(params), run("scan")(params))


def test_vmap_falls_back(nvidia):
    params = jax.tree.map(lambda a: jnp.stack([a, 0.5 * a]), weights_of())
    xs, carry = normal((T, B, D), 9), carry_of(CELL, B)
    mask = jnp.arange(T)[:, None] < jnp.array([[1, 4, 3]])

    def population(engine):
        of_each = jax.vmap(graded(CELL, engine), (0, None, None, None))
        losses = jax.vmap(partial(loss, CELL, engine), (0, None, None, None))
        of_all = jax.grad(lambda *inputs: jnp.sum(losses(*inputs)))
        return jax.jit(lambda *inputs: (of_each(*inputs), of_all(*inputs)))

    inputs = params, xs, carry, mask
    assert_close(population("cudnn")(*inputs), population("scan")(*inputs))


def test_vmap_of_vmap(nvidia):
    params = jax.tree.map(lambda a: jnp.stack([a, 0.5 * a]), weights_of())
    xs = normal((2, T, B, D), 9)

    def outputs(engine):
        one = lambda p, x: unroll(CELL, p, x, engine=engine)[0]  # noqa: E731
        return jax.jit(jax.vmap(jax.vmap(one, (None, 0)), (0, None)))(params, xs)

    assert_close(outputs("cudnn"), outputs("scan"))


def test_rematerialised_in_chunks(nvidia):
    params, xs = weights_of(), normal((T, B, D), 9)
    run = lambda **options: jax.jit(  # noqa: E731
        jax.grad(lambda p: jnp.sum(jnp.square(unroll(CELL, p, xs, **options)[0])))
    )
    assert_close(run(engine="cudnn", chunk=2)(params), run(engine="scan")(params))


@pytest.mark.parametrize(
    ("cell", "options", "message"),
    [
        (lstm(D, H, peepholes=True), {}, "no peepholes"),
        (lstm(D, H, layer_norm=True), {}, "no peepholes"),
        (lstm(D, H, dtype=jnp.bfloat16), {}, "matmuls in float32"),
        (CELL, {"resets": jnp.zeros((T, B), bool)}, "resets"),
        (CELL, {"clip_gradient": 1.0}, "clip_gradient"),
    ],
)
def test_refused_options(nvidia, cell, options, message):
    with pytest.raises(UserError, match=message):
        unroll(cell, weights_of(cell), normal((T, B, D), 9), engine="cudnn", **options)


def test_refused_dtype_of_params(nvidia):
    params = jax.tree.map(lambda a: a.astype(jnp.bfloat16), weights_of())
    with pytest.raises(UserError, match="float32"):
        unroll(CELL, params, normal((T, B, D), 9), engine="cudnn")


@pytest.mark.skipif(cudnn.on_nvidia(), reason="this is NVIDIA")
def test_refused_off_nvidia_in_one_line():
    with pytest.raises(UserError, match="needs an NVIDIA device, not cpu; use engine='auto'"):
        unroll(CELL, weights_of(), normal((T, B, D), 9), engine="cudnn")


@pytest.mark.skipif(not cudnn.on_nvidia(), reason="needs an NVIDIA device")
def test_on_the_device():
    mask = jnp.array([[1, 0, 1, 0], [0, 0, 0, 0], [0, 1, 1, 1]], bool).T
    inputs = weights_of(), normal((T, B, D), 9), carry_of(CELL, B), mask
    with jax.default_matmul_precision("highest"):
        assert_close(
            jax.jit(graded(CELL, "cudnn"))(*inputs), jax.jit(graded(CELL, "scan"))(*inputs)
        )
