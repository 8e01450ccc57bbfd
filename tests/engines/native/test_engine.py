"""The compiled LSTM, GRU and RNN against the scan engine."""

import shutil
from functools import partial
from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import zoo

from seqmodels.cells.learned_start import learned_start
from seqmodels.cells.registry import CELLS
from seqmodels.engines import auto
from seqmodels.engines.fused import Fused
from seqmodels.engines.native import build
from seqmodels.engines.native.engine import Native
from seqmodels.noise import weight_drop, zoneout
from seqmodels.unroll import make_problem, unroll
from seqmodels.wrap import bidirectional, stack

pytestmark = pytest.mark.xdist_group("native")  # one worker compiles the kernels

CELL_NAMES = ("lstm", "gru", "rnn", "irnn")
each_cell = zoo.cases("name", CELL_NAMES, ["gru"])


def weighted_sum(ys, carry):
    """Return a number that depends on every output and on the final carry."""
    flat = jnp.concatenate(
        [leaf.ravel().astype(jnp.float32) for leaf in jax.tree.leaves((ys, carry))]
    )
    return jnp.vdot(jnp.cos(jnp.arange(flat.size, dtype=flat.dtype)), flat)


def arguments(cell, sizes):
    """Return parameters, inputs, a carry, a mask and resets.

    They come from numpy, because JAX would compile a program for each shape.
    """
    batch, length, features = sizes
    random = np.random.default_rng(0)

    def draw(a, scale):
        return jnp.asarray(scale * random.standard_normal(a.shape), a.dtype)

    params = jax.eval_shape(cell.init, jax.random.key(0))
    # The weights are small enough that the dynamics do not amplify rounding errors.
    params = jax.tree.map(lambda a: draw(a, 0.7 * a.shape[0] ** -0.5), params)
    carry = jax.eval_shape(partial(cell.start, batch_shape=(batch,)), params)
    carry = jax.tree.map(lambda a: draw(a, 0.3), carry)
    xs = draw(jax.ShapeDtypeStruct((length, batch, features), jnp.float32), 1.0)
    mask, resets = random.random((2, length, batch)) < np.array([0.7, 0.3])[:, None, None]
    return params, xs, carry, jnp.asarray(mask), jnp.asarray(resets)


def results(cell, params, xs, carry, mask, resets, engine):
    """Return outputs, the final carry, and the gradients of parameters, inputs and carry."""

    def loss(params, xs, carry):
        ys, last = unroll(cell, params, xs, carry, mask=mask, resets=resets, engine=engine)
        return weighted_sum(ys, last), (ys, last)

    return jax.jit(jax.value_and_grad(loss, (0, 1, 2), has_aux=True))(params, xs, carry)


def assert_close(a, b, tolerance=2e-5):
    def compare(x, y):
        x, y = np.asarray(x), np.asarray(y)
        scale = max(1.0, np.abs(y).max(initial=0.0))
        np.testing.assert_allclose(x / scale, y / scale, rtol=tolerance, atol=tolerance)

    jax.tree.map(compare, a, b)


SIZES = {  # batch, length, features, units
    "units fill no vector": (3, 7, 5, 5),
    "one row": (1, 9, 11, 20),
    "row blocks of all sizes": (9, 13, 3, 33),
    "rows in parallel": (17, 64, 7, 70),
    "units in parallel": (2, 40, 6, 300),
    "several chunks": (64, 37, 9, 128),
}
FAST = [
    ("gru", "units fill no vector", True),
    ("lstm", "units in parallel", True),
    ("gru", "rows in parallel", False),
    ("rnn", "row blocks of all sizes", True),
]


@zoo.cases("name, size, masked", product(CELL_NAMES, SIZES, (False, True)), FAST)
def test_results_and_gradients_are_those_of_the_scan(compiled, name, size, masked):
    batch, length, features, hidden = SIZES[size]
    cell = CELLS[name](features, hidden)
    params, xs, carry, mask, resets = arguments(cell, (batch, length, features))
    options = (mask, resets) if masked else (None, None)
    assert_close(*(results(cell, params, xs, carry, *options, e) for e in ("native", "scan")))


SMALL_SIZES = ("units fill no vector", "one row", "row blocks of all sizes")


@zoo.cases("name, size", product(CELL_NAMES, SMALL_SIZES), [("lstm", "row blocks of all sizes")])
def test_bfloat16_with_a_state_in_float32(compiled, name, size):
    batch, length, features, hidden = SIZES[size]
    cell = CELLS[name](features, hidden, dtype=jnp.bfloat16)
    inputs = arguments(cell, (batch, length, features))
    native, scan = (results(cell, *inputs, engine) for engine in ("native", "scan"))
    assert [a.dtype for a in jax.tree.leaves(native)] == [a.dtype for a in jax.tree.leaves(scan)]
    as_float = partial(jax.tree.map, lambda a: a.astype(jnp.float32))
    assert_close(as_float(native), as_float(scan), 0.02)  # sums in another order round differently


WRAPPED = {
    "learned start": lambda: learned_start(CELLS["lstm"](4, 8)),
    "dropped weights": lambda: weight_drop(CELLS["lstm"](4, 8), 0.3),
    "stack": lambda: stack(CELLS["lstm"](4, 8), CELLS["gru"](8, 5)),
    "both directions": lambda: bidirectional(CELLS["gru"](4, 8)),
}


@zoo.cases("name", WRAPPED, ["learned start"])
def test_wrapped_cells_are_those_of_the_scan(compiled, name):
    cell = WRAPPED[name]()
    inputs = arguments(cell, (9, 6, 4))
    assert_close(*(results(cell, *inputs, engine) for engine in ("native", "scan")))


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", CELL_NAMES)
def test_any_batch_shape_reverse_and_rematerialised(compiled, name):
    cell = CELLS[name](4, 8)
    params, xs, *_ = arguments(cell, (6, 6, 4))
    xs = xs.reshape(6, 2, 3, 4)
    for options in ({}, {"reverse": True}, {"chunk": 4}):

        def loss(p, engine, options=options):
            return weighted_sum(*unroll(cell, p, xs, engine=engine, **options))

        run = jax.jit(jax.value_and_grad(loss), static_argnums=1)
        assert_close(run(params, "native"), run(params, "scan"))


@each_cell
def test_an_empty_batch_has_a_gradient(compiled, name):
    cell = CELLS[name](4, 8)
    inputs = arguments(cell, (0, 6, 4))
    assert_close(*(results(cell, *inputs, engine) for engine in ("native", "scan")))


@zoo.cases("name", ["lstm", "gru", "rnn"], [])
def test_extreme_inputs_saturate_as_they_do_in_the_scan(compiled, name):
    cell = CELLS[name](4, 8)
    params, xs, *rest = arguments(cell, (9, 6, 4))
    native, scan = (results(cell, params, 1e6 * xs, *rest, e) for e in ("native", "scan"))
    assert_close(native[0], scan[0])
    assert np.abs(native[0][1][0]).max() <= 1.0


def test_nan_stays_in_its_row(compiled):
    cell = CELLS["lstm"](4, 8)
    params, xs, carry, _, _ = arguments(cell, (9, 6, 4))
    broken = xs.at[2, 5, 0].set(jnp.nan)
    run = jax.jit(lambda p, x, c, e: unroll(cell, p, x, c, engine=e)[0], static_argnums=3)
    native, scan = (run(params, broken, carry, engine) for engine in ("native", "scan"))
    np.testing.assert_array_equal(np.isnan(native), np.isnan(scan))
    assert_close(*(jnp.delete(a, 5, axis=1) for a in (native, scan)))


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", CELL_NAMES)
def test_members_of_a_population_equal_separate_runs(compiled, name):
    cell = CELLS[name](4, 8)
    params, xs, carry, mask, resets = arguments(cell, (9, 6, 4))
    members = jax.tree.map(lambda a: jnp.stack([a, 0.5 * a]), params)
    run = partial(results, cell, engine="native")
    for axes, first in (((0, None, None, None, None), members), ((None, 1, 0, None, None), params)):
        inputs = (first, xs if axes[1] is None else jnp.stack([xs, -xs], 1), carry, mask, resets)
        if axes[2] == 0:
            carries = jax.tree.map(lambda a: jnp.stack([a, a]), carry)
            inputs = (*inputs[:2], carries, *inputs[3:])
        many = jax.vmap(run, axes)(*inputs)
        for k in (0, 1):
            one = [
                a if axis is None else jax.tree.map(lambda a, k=k, x=axis: jnp.take(a, k, x), a)
                for a, axis in zip(inputs, axes, strict=True)
            ]
            assert_close(jax.tree.map(lambda a, k=k: a[k], many), results(cell, *one, "scan"))


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", CELL_NAMES)
def test_second_derivatives_are_those_of_the_scan(compiled, name):
    cell = CELLS[name](4, 5)
    params, xs, carry, mask, resets = arguments(cell, (3, 4, 4))

    def slope(params, engine):
        loss = lambda p: weighted_sum(  # noqa: E731
            *unroll(cell, p, xs, carry, mask=mask, resets=resets, engine=engine)
        )
        return sum(jnp.sum(jnp.sin(g)) for g in jax.tree.leaves(jax.grad(loss)(params)))

    derivatives = (jax.jit(jax.grad(partial(slope, engine=e)))(params) for e in ("native", "scan"))
    assert_close(*derivatives)


@zoo.cases("name, states", [("lstm", 9.5), ("gru", 7.5)], [("lstm", 9.5)])
def test_a_gradient_is_two_calls_and_three_matmuls(compiled, name, states):
    cell = CELLS[name](256, 256)
    params = jax.eval_shape(cell.init, jax.random.key(0))
    xs = jax.ShapeDtypeStruct((128, 64, 256), jnp.float32)
    loss = lambda p, x: jnp.sum(jnp.square(unroll(cell, p, x, engine="native")[0]))  # noqa: E731
    program = jax.jit(jax.grad(loss, (0, 1))).lower(params, xs).compile()
    text = program.as_text()
    assert text.count('custom_call_target="seqmodels_') == 2
    assert text.count(" dot(") == 3  # dx, dW, dU
    assert program.memory_analysis().temp_size_in_bytes <= states * 4 * 128 * 64 * 256


def problem(cell, **options):
    params = jax.eval_shape(cell.init, jax.random.key(0))
    arguments = {"mask": None, "resets": None, "key": None, "clip": None} | options
    return make_problem(cell, params, jnp.zeros((5, 9, 4)), cell.start(params, (9,)), **arguments)


def test_auto_uses_it_on_one_device_if_it_is_compiled(monkeypatch):
    plain = problem(CELLS["lstm"](4, 8))
    monkeypatch.setattr(jax, "device_count", lambda: 1)
    monkeypatch.setattr("seqmodels.engines.native.engine.library", lambda: None)
    assert isinstance(auto(plain), Fused)
    monkeypatch.setattr("seqmodels.engines.native.engine.library", object)
    assert isinstance(auto(plain), Native)
    assert isinstance(auto(problem(CELLS["lstm"](4, 8), clip=1.0)), Fused)
    assert isinstance(auto(problem(CELLS["rnn"](4, 8, dtype=jnp.bfloat16))), Native)
    others = [CELLS["lstm"](4, 8, peepholes=True), zoneout(plain.cell, 0.2)]
    others += [CELLS["gru"](4, 8, dtype=jnp.float16), CELLS["rnn"](4, 8, activation=jnp.sin)]
    assert all(isinstance(auto(problem(cell)), Fused) for cell in others)
    monkeypatch.setattr(jax, "device_count", lambda: 8)
    assert isinstance(auto(plain), Fused)


@pytest.mark.exhaustive
def test_kernels_that_are_compiled_again_do_not_replace_those_in_use(
    compiled, tmp_path, monkeypatch
):
    cell = CELLS["lstm"](4, 8)
    inputs = arguments(cell, (3, 6, 4))
    scan, path = results(cell, *inputs, "scan"), build.library_path()
    assert_close(results(cell, *inputs, "native"), scan)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    build.library_path().parent.mkdir(parents=True)
    shutil.copy(path, build.library_path())
    build.library.cache_clear()
    assert_close(results(cell, *inputs, "native"), scan)
