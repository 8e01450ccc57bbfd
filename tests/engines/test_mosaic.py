"""The cluster's kernel against ``scan``: interpreted, as Mosaic GPU's IR, and on a device."""

import jax
import jax.numpy as jnp
import pytest
from sequences import D, T, arguments, arguments_of_zeros, close, graded, members_are_alone

from seqmodels.cells.registry import CELLS
from seqmodels.engines import choose, mosaic
from seqmodels.engines.mosaic import Mosaic, shares
from seqmodels.engines.problem import Problem
from seqmodels.errors import UserError
from seqmodels.unroll import unroll

H = 64
CASES = {
    "rnn": (CELLS["rnn"](D, H), (2, 9), {}),  # two clusters of one, the last not full
    "lstm": (CELLS["lstm"](D, 2 * H), (3,), {}),  # eight parties
    "gru": (CELLS["gru"](D, H), (), {"clip_gradient": 0.3}),
    "slstm": (CELLS["slstm"](D, 2 * H, heads=2), (3,), {}),
}


@pytest.fixture
def interpreted():
    """Makes engines that Pallas' GPU interpreter runs; it looks for races, and none is found."""
    params = pytest.importorskip("jax._src.pallas.mosaic_gpu.interpret.params")
    interpreter = pytest.importorskip("jax._src.pallas.mosaic_gpu.interpret.interpret_pallas_call")
    yield lambda **kw: Mosaic(interpret=params.InterpretGPUParams(detect_races=True), **kw)
    assert not interpreter.get_races().races_found


@pytest.mark.parametrize("name", CASES)
def test_values_and_gradients_are_those_of_scan(interpreted, name):
    cell, batch, options = CASES[name]
    inputs = arguments(cell, batch)
    engine = interpreted(blocks=4)
    found, wanted = (jax.jit(graded(cell, e, **options))(*inputs) for e in (engine, "scan"))
    close(found, wanted)


def test_bfloat16_weights_with_a_state_in_float32(interpreted):
    cell = CELLS["rnn"](D, H, dtype=jnp.bfloat16)
    inputs = arguments(cell, (3,))
    found, wanted = (jax.jit(graded(cell, e))(*inputs) for e in (interpreted(), "fused"))
    assert found[1][0].dtype == jnp.bfloat16
    assert {a.dtype for a in jax.tree.leaves(found[1][1])} == {jnp.dtype("float32")}
    close(found, wanted, 0.02)  # cotangents are rounded to 8 bits of mantissa before their matmul


@pytest.mark.parametrize("held", [0, 1])
def test_weights_that_do_not_fit_are_held_in_registers_and_streamed(interpreted, monkeypatch, held):
    """Of a party's four chunks, [64, 64] each, one stays; the others take turns in two places."""
    monkeypatch.setattr(shares, "REGISTERS", (255 - 3 * 64 - 32 * held, 3))
    engine = interpreted(blocks=2, memory=(160 - 16 * held) * 1024)
    cell = CELLS["rnn"](D, 4 * H)
    params, xs, carry, mask, resets = arguments(cell, (2,))
    run = lambda engine: unroll(  # noqa: E731
        cell, params, xs, carry, mask=mask, resets=resets, engine=engine
    )
    close(run(engine), run("scan"))


def test_vmap_over_parameters_equals_a_loop(interpreted):
    cell, batch, _ = CASES["rnn"]
    members_are_alone(cell, batch, interpreted())


@pytest.fixture
def hopper(monkeypatch):
    monkeypatch.setattr(mosaic, "on_hopper", lambda: True)


LOWERED = {
    "gru": (CELLS["gru"](D, 2 * H, dtype=jnp.bfloat16), (2, 9)),
    "slstm": (CELLS["slstm"](D, 2 * H, heads=2, dtype=jnp.bfloat16), (3,)),
    "lstm": (CELLS["lstm"](D, 768, dtype=jnp.bfloat16), (16,)),  # as published marks
}


@pytest.mark.parametrize("name", LOWERED)
def test_each_pass_is_one_mosaic_kernel_and_no_loop_is_left(hopper, name):
    """Lowering to Mosaic GPU's IR needs no device; layouts, copies and barriers are checked."""
    cell, batch = LOWERED[name]
    shapes = jax.eval_shape(lambda: arguments_of_zeros(cell, batch))
    traced = jax.jit(graded(cell, "mosaic")).trace(*shapes)
    text = traced.lower(lowering_platforms=("cuda",)).as_text()
    assert text.count("custom_call @mosaic_gpu") == 2
    assert "stablehlo.while" not in text


BF16 = {"dtype": jnp.bfloat16}


@pytest.mark.parametrize(
    ("cell", "engine", "message"),
    [
        (CELLS["lstm"](D, 96, **BF16), "mosaic", "hidden sizes that are multiples of 64"),
        (CELLS["lstm"](D, H), "mosaic", "needs a cell with dtype=jnp.bfloat16"),
        (CELLS["lstm"](D, H, **BF16), Mosaic(rows=8), "needs rows=16, 32 or 64"),
        (CELLS["lstm"](D, 17 * H, **BF16), "mosaic", "that 16 blocks of 4 warpgroups can share"),
        (CELLS["rnn"](D, 4096, **BF16), "mosaic", "it needs more than 229376 bytes of shared"),
        (CELLS["lstm"](D, H, layer_norm=True, **BF16), "mosaic", "the operation reduce_sum"),
        (CELLS["lstm"](D, H, projection=H, **BF16), "mosaic", "needs one matmul with a constant"),
        (CELLS["min_gru"](D, H), "mosaic", "needs a structured cell"),
    ],
)
def test_refused_cells(hopper, cell, engine, message):
    params = jax.eval_shape(cell.init, jax.random.key(0))
    run = lambda p: unroll(cell, p, jnp.zeros((T, 3, D)), engine=engine)  # noqa: E731
    with pytest.raises(UserError, match=message):
        jax.eval_shape(run, params)


def refused_off_hopper(message):
    cell = CELLS["lstm"](D, H, **BF16)
    params = jax.eval_shape(cell.init, jax.random.key(0))
    run = lambda p: unroll(cell, p, jnp.zeros((T, 3, D)), engine="mosaic")  # noqa: E731
    with pytest.raises(UserError, match=message):
        jax.eval_shape(run, params)


@pytest.mark.skipif(mosaic.on_hopper(), reason="this is a Hopper")
def test_refused_off_hopper_in_one_line():
    refused_off_hopper("needs an NVIDIA device of compute capability 9.0, not cpu; use engine=")


def test_refused_where_mosaic_gpu_has_changed(hopper, monkeypatch):
    monkeypatch.setattr(mosaic, "NEEDED", "kernel something_new")
    refused_off_hopper("does not know Mosaic GPU as it is in JAX 0")


@pytest.mark.skipif(not mosaic.on_hopper(), reason="needs an NVIDIA device like the H100")
@pytest.mark.parametrize("name", LOWERED)
def test_on_the_device(name):
    cell, batch = LOWERED[name]
    inputs = arguments(cell, batch)
    found, wanted = (jax.jit(graded(cell, e))(*inputs) for e in ("mosaic", "fused"))
    close(found, wanted, 0.05)  # 8 bits of mantissa, and sums of hundreds of products


LARGE = (3 * 132 * 16,)


@pytest.mark.parametrize(
    ("cell", "batch", "wanted"),
    [
        (CELLS["gru"](D, 2 * H, **BF16), (3,), "Mosaic"),
        (CELLS["gru"](D, 2 * H, **BF16), LARGE, "Fused"),
        (CELLS["lstm"](D, 12 * H, **BF16), (16,), "Mosaic"),
        (CELLS["lstm"](D, 16 * H, **BF16), (16,), "Fused"),
        (CELLS["gru"](D, 2 * H), (3,), "Fused"),
        (CELLS["lstm"](D, H, layer_norm=True, **BF16), (3,), "Fused"),
        (CELLS["min_gru"](D, H, **BF16), (3,), "Scan"),
    ],
)
def test_auto_on_a_hopper(hopper, monkeypatch, cell, batch, wanted):
    monkeypatch.setattr(mosaic, "room", lambda: 132)
    params = jax.eval_shape(cell.init, jax.random.key(0))

    def chosen(params):
        problem = Problem(cell, params, jnp.zeros((T, *batch, D)), cell.start(params, batch))
        found.append(type(choose("auto", problem)).__name__)

    found = []
    jax.eval_shape(chosen, params)
    assert found == [wanted]
