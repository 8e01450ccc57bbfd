"""The compiled LSTM, GRU and RNN against the scan engine, and what their builder says."""

import os
import shutil
import subprocess
import sys
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seqmodels.cells.registry import CELLS
from seqmodels.cells.start import learned_start
from seqmodels.engines import auto
from seqmodels.engines.fused import Fused
from seqmodels.engines.native import build
from seqmodels.engines.native.engine import Native
from seqmodels.errors import UserError
from seqmodels.noise import weight_drop, zoneout
from seqmodels.unroll import make_problem, unroll
from seqmodels.wrap import bidirectional, stack

needs_compiler = pytest.mark.skipif(
    shutil.which(os.environ.get("CXX", "c++")) is None, reason="no C++ compiler (c++, or $CXX)"
)
pytestmark = pytest.mark.xdist_group("native")  # one worker compiles the kernels


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    """The kernels of these tests lie in a directory of their own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "native"))
    build.library.cache_clear()
    yield
    build.library.cache_clear()


def command(*arguments, **environment):
    return subprocess.run(
        [sys.executable, "-m", "seqmodels.engines.native", *arguments],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def compiled():
    """The kernels, compiled once, by the command."""
    if not build.library_path().exists():
        made = command()
        assert made.returncode == 0, made.stderr
        assert made.stdout == f"compiled {build.library_path()}\n"
        build.library.cache_clear()


def weighted(ys, carry):
    """A number that depends on every output and on the final carry."""
    flat = jnp.concatenate(
        [leaf.ravel().astype(jnp.float32) for leaf in jax.tree.leaves((ys, carry))]
    )
    return jnp.vdot(jnp.cos(jnp.arange(flat.size, dtype=flat.dtype)), flat)


def case(cell, sizes):
    """Parameters, inputs, a carry, a mask, and resets.

    By numpy: JAX would compile a program for each shape.
    """
    batch, length, features = sizes
    random = np.random.default_rng(0)

    def draw(a, scale):
        return jnp.asarray(scale * random.standard_normal(a.shape), a.dtype)

    params = jax.eval_shape(cell.init, jax.random.key(0))
    # weights of a size at which there is no chaos, in which rounding errors would grow
    params = jax.tree.map(lambda a: draw(a, 0.7 * a.shape[0] ** -0.5), params)
    carry = jax.eval_shape(partial(cell.start, batch_shape=(batch,)), params)
    carry = jax.tree.map(lambda a: draw(a, 0.3), carry)
    xs = draw(jax.ShapeDtypeStruct((length, batch, features), jnp.float32), 1.0)
    mask, resets = random.random((2, length, batch)) < np.array([0.7, 0.3])[:, None, None]
    return params, xs, carry, jnp.asarray(mask), jnp.asarray(resets)


def results(cell, params, xs, carry, mask, resets, engine):
    """Outputs, the last carry, and the gradients of everything that has one."""

    def loss(params, xs, carry):
        ys, last = unroll(cell, params, xs, carry, mask=mask, resets=resets, engine=engine)
        return weighted(ys, last), (ys, last)

    return jax.jit(jax.value_and_grad(loss, (0, 1, 2), has_aux=True))(params, xs, carry)


def close(a, b, tolerance=2e-5):
    def near(x, y):
        x, y = np.asarray(x), np.asarray(y)
        scale = max(1.0, np.abs(y).max(initial=0.0))
        np.testing.assert_allclose(x / scale, y / scale, rtol=tolerance, atol=tolerance)

    jax.tree.map(near, a, b)


SIZES = {
    "units fill no vector": (3, 7, 5, 5),
    "one row": (1, 9, 11, 20),
    "rows in blocks of all sizes": (9, 13, 3, 33),
    "rows shared out": (17, 64, 7, 70),
    "units shared out": (2, 40, 6, 300),
    "several chunks": (64, 37, 9, 128),
}


each_cell = pytest.mark.parametrize("name", ["lstm", "gru", "rnn", "irnn"])


@needs_compiler
@pytest.mark.parametrize(("masked", "reset"), [(False, False), (True, True)])
@pytest.mark.parametrize("size", SIZES)
@each_cell
def test_results_and_gradients_are_those_of_the_scan(compiled, name, size, masked, reset):
    batch, length, features, hidden = SIZES[size]
    cell = CELLS[name](features, hidden)
    params, xs, carry, mask, resets = case(cell, (batch, length, features))
    given = params, xs, carry, mask if masked else None, resets if reset else None
    close(*(results(cell, *given, engine) for engine in ("native", "scan")))


@needs_compiler
@pytest.mark.parametrize("size", ["units fill no vector", "one row", "rows in blocks of all sizes"])
@each_cell
def test_bfloat16_with_a_state_in_float32(compiled, name, size):
    batch, length, features, hidden = SIZES[size]
    cell = CELLS[name](features, hidden, dtype=jnp.bfloat16)
    given = case(cell, (batch, length, features))
    found, wanted = (results(cell, *given, engine) for engine in ("native", "scan"))
    assert [a.dtype for a in jax.tree.leaves(found)] == [a.dtype for a in jax.tree.leaves(wanted)]
    as_float = partial(jax.tree.map, lambda a: a.astype(jnp.float32))
    close(as_float(found), as_float(wanted), 0.02)  # sums in another order round another way


WRAPPED = {
    "learned start": lambda: learned_start(CELLS["lstm"](4, 8)),
    "dropped weights": lambda: weight_drop(CELLS["lstm"](4, 8), 0.3),
    "stack": lambda: stack(CELLS["lstm"](4, 8), CELLS["gru"](8, 5)),
    "both directions": lambda: bidirectional(CELLS["gru"](4, 8)),
}


@needs_compiler
@pytest.mark.parametrize("name", WRAPPED)
def test_wrapped_cells_are_those_of_the_scan(compiled, name):
    cell = WRAPPED[name]()
    given = case(cell, (9, 6, 4))
    close(*(results(cell, *given, engine) for engine in ("native", "scan")))


@needs_compiler
@each_cell
def test_any_batch_shape_reverse_and_rematerialised(compiled, name):
    cell = CELLS[name](4, 8)
    params, xs, *_ = case(cell, (6, 6, 4))
    xs = xs.reshape(6, 2, 3, 4)
    for options in ({}, {"reverse": True}, {"chunk": 4}):
        loss = lambda p, e, o=options: weighted(*unroll(cell, p, xs, engine=e, **o))  # noqa: E731
        run = jax.jit(jax.value_and_grad(loss), static_argnums=1)
        close(run(params, "native"), run(params, "scan"))


@needs_compiler
@each_cell
def test_an_empty_batch_has_a_gradient(compiled, name):
    cell = CELLS[name](4, 8)
    params, xs, carry, mask, resets = case(cell, (0, 6, 4))
    close(*(results(cell, params, xs, carry, mask, resets, e) for e in ("native", "scan")))


@needs_compiler
@pytest.mark.parametrize("name", ["lstm", "gru", "rnn"])
def test_extreme_inputs_saturate_as_they_do_in_the_scan(compiled, name):
    cell = CELLS[name](4, 8)
    params, xs, *rest = case(cell, (9, 6, 4))
    outs = [results(cell, params, 1e6 * xs, *rest, engine) for engine in ("native", "scan")]
    close(outs[0][0], outs[1][0])
    assert np.abs(outs[0][0][1][0]).max() <= 1.0


@needs_compiler
def test_not_a_number_stays_in_its_row(compiled):
    cell = CELLS["lstm"](4, 8)
    params, xs, carry, _, _ = case(cell, (9, 6, 4))
    broken = xs.at[2, 5, 0].set(jnp.nan)
    ys, _ = unroll(cell, params, broken, carry, engine="native")
    wanted, _ = unroll(cell, params, broken, carry, engine="scan")
    np.testing.assert_array_equal(np.isnan(ys), np.isnan(wanted))
    close(*(jnp.delete(a, 5, axis=1) for a in (ys, wanted)))


@needs_compiler
@each_cell
def test_members_of_a_population_are_each_their_own(compiled, name):
    cell = CELLS[name](4, 8)
    params, xs, carry, mask, resets = case(cell, (9, 6, 4))
    members = jax.tree.map(lambda a: jnp.stack([a, 0.5 * a]), params)
    run = partial(results, cell, engine="native")
    for axes, first in (((0, None, None, None, None), members), ((None, 1, 0, None, None), params)):
        given = (first, xs if axes[1] is None else jnp.stack([xs, -xs], 1), carry, mask, resets)
        if axes[2] == 0:
            given = (*given[:2], jax.tree.map(lambda a: jnp.stack([a, a]), carry), *given[3:])
        many = jax.vmap(run, axes)(*given)
        for k in (0, 1):
            one = [
                a if axis is None else jax.tree.map(lambda a, k=k, x=axis: jnp.take(a, k, x), a)
                for a, axis in zip(given, axes, strict=True)
            ]
            close(jax.tree.map(lambda a, k=k: a[k], many), results(cell, *one, "scan"))


@needs_compiler
@each_cell
def test_second_derivatives_are_those_of_the_scan(compiled, name):
    cell = CELLS[name](4, 5)
    params, xs, carry, mask, resets = case(cell, (3, 4, 4))

    def slope(params, engine):
        loss = lambda p: weighted(  # noqa: E731
            *unroll(cell, p, xs, carry, mask=mask, resets=resets, engine=engine)
        )
        return sum(jnp.sum(jnp.sin(g)) for g in jax.tree.leaves(jax.grad(loss)(params)))

    close(*(jax.jit(jax.grad(partial(slope, engine=e)))(params) for e in ("native", "scan")))


@needs_compiler
@pytest.mark.parametrize(("name", "states"), [("lstm", 9.5), ("gru", 7.5)])
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
    params = cell.init(jax.random.key(0))
    arguments = {"mask": None, "resets": None, "key": None, "clip": None} | options
    return make_problem(cell, params, jnp.zeros((5, 9, 4)), cell.start(params, (9,)), **arguments)


def test_auto_takes_it_on_one_device_where_it_was_compiled(monkeypatch):
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


def test_one_line_says_how_to_compile_it(monkeypatch):
    monkeypatch.setattr("seqmodels.engines.native.engine.library", lambda: None)
    cell = CELLS["lstm"](4, 8)
    with pytest.raises(
        UserError, match=r"needs its kernels compiled: python -m seqmodels\.engines\.native"
    ):
        unroll(cell, cell.init(jax.random.key(0)), jnp.zeros((5, 9, 4)), engine="native")


@needs_compiler
def test_command_compiles_and_removes(compiled, tmp_path):
    path, home = build.library_path(), {"XDG_CACHE_HOME": str(tmp_path)}
    assert path.exists()  # by the command
    (tmp_path / "seqmodels" / "native").mkdir(parents=True)
    path = shutil.copy(path, tmp_path / "seqmodels" / "native")
    assert command("--remove", **home).stdout == f"removed {path}\n"
    assert not os.path.exists(path)
    assert command("--remove", **home).stdout == "nothing was compiled\n"


def test_a_missing_or_failing_compiler_is_told_in_one_line(tmp_path):
    for compiler, message in (("no-such-c++", "no C++ compiler"), ("false", "cannot compile")):
        failed = command(CXX=compiler, XDG_CACHE_HOME=str(tmp_path))
        assert failed.returncode == 2
        assert message in failed.stderr
        assert len(failed.stderr.splitlines()) == 1
    assert not list(tmp_path.rglob("*.so"))
    (tmp_path / "file").touch()
    failed = command(XDG_CACHE_HOME=str(tmp_path / "file"))
    assert failed.returncode == 2
    assert "name another place by XDG_CACHE_HOME=" in failed.stderr


def test_a_broken_library_is_told_in_one_line(tmp_path):
    (tmp_path / "broken.so").write_text("not a library")
    with pytest.raises(UserError, match=r"compile it again, python -m seqmodels\.engines\.native"):
        build.load(tmp_path / "broken.so")


@needs_compiler
def test_kernels_compiled_again_give_way_to_those_in_use(compiled, tmp_path, monkeypatch):
    cell = CELLS["lstm"](4, 8)
    given = case(cell, (3, 6, 4))
    wanted, path = results(cell, *given, "scan"), build.library_path()
    close(results(cell, *given, "native"), wanted)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    build.library_path().parent.mkdir(parents=True)
    shutil.copy(path, build.library_path())
    build.library.cache_clear()
    close(results(cell, *given, "native"), wanted)
