"""The Mosaic kernel against ``scan``: interpreted, as Mosaic GPU's IR, and on a device."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import zoo

from seqmodels.cells.registry import CELLS
from seqmodels.engines import choose, hopper
from seqmodels.engines.mosaic import engine as mosaic
from seqmodels.engines.mosaic import matmul
from seqmodels.engines.mosaic.engine import Mosaic
from seqmodels.engines.problem import Problem
from seqmodels.errors import UserError
from seqmodels.unroll import unroll

T, D, H = 3, 2, 64
BF16 = {"dtype": jnp.bfloat16}
CASES = {
    "rnn": (CELLS["rnn"](D, H), (2, 9), {}),  # two clusters of one block, the last not full
    "lstm": (CELLS["lstm"](D, 2 * H), (3,), {}),  # eight warpgroups
    "gru": (CELLS["gru"](D, H), (), {"clip_gradient": 0.3}),
    "slstm": (CELLS["slstm"](D, 2 * H, heads=2), (3,), {}),
}
LOWERED = {
    "gru": (CELLS["gru"](D, 2 * H, **BF16), (2, 9)),
    "slstm": (CELLS["slstm"](D, 2 * H, heads=2, **BF16), (3,)),
    "lstm": (CELLS["lstm"](D, 768, **BF16), (16,)),  # a size with published times
}


@partial(jax.jit, static_argnums=0)
def perturb(make):
    """Return the arrays of ``make()``, perturbed so that none has a special value such as 0."""
    leaves, tree = jax.tree.flatten(make())
    waves = [jnp.sin(jnp.arange(1, a.size + 1, dtype=a.dtype)).reshape(a.shape) for a in leaves]
    return tree.unflatten([a + 0.1 * wave for a, wave in zip(leaves, waves, strict=True)])


def arguments(cell, batch):
    """Return parameters, inputs, carry, mask and resets."""
    params = perturb(lambda: cell.init(jax.random.key(0)))
    carry = perturb(lambda: cell.start(params, batch))
    xs = perturb(lambda: jnp.zeros((T, *batch, D)))
    random = np.random.default_rng(0).random((2, T, *batch))
    return params, xs, carry, jnp.asarray(random[0] < 0.7), jnp.asarray(random[1] < 0.3)


def argument_shapes(cell, batch):
    """Return the shapes of ``arguments``."""

    def zeros():
        params = cell.init(jax.random.key(0))
        flags = jnp.zeros((T, *batch), bool)
        return params, jnp.zeros((T, *batch, D)), cell.start(params, batch), flags, flags

    return jax.eval_shape(zeros)


def gradients(cell, engine, **options):
    """Return a function that gives gradients, outputs and final carry."""

    def loss(params, xs, carry, mask, resets):
        result = unroll(cell, params, xs, carry, mask=mask, resets=resets, engine=engine, **options)
        flat = jnp.concatenate([a.astype(jnp.float32).ravel() for a in jax.tree.leaves(result)])
        return jnp.vdot(jnp.cos(jnp.arange(flat.size, dtype=jnp.float32)), flat), result

    return jax.grad(loss, argnums=(0, 1, 2), has_aux=True)


def assert_close(a, b, tolerance=1e-5):
    as_float = lambda tree: jax.tree.map(lambda x: np.asarray(x, np.float32), tree)  # noqa: E731
    compare = partial(np.testing.assert_allclose, rtol=tolerance, atol=tolerance)
    jax.tree.map(compare, as_float(a), as_float(b))


@pytest.fixture
def interpreted():
    """Return a constructor of interpreted engines; afterwards check that there were no races."""
    params = pytest.importorskip("jax._src.pallas.mosaic_gpu.interpret.params")
    interpreter = pytest.importorskip("jax._src.pallas.mosaic_gpu.interpret.interpret_pallas_call")
    yield lambda **kw: Mosaic(interpret=params.InterpretGPUParams(detect_races=True), **kw)
    assert not interpreter.get_races().races_found


@zoo.cases("name", CASES, ["rnn"])
def test_values_and_gradients_equal_scan(interpreted, name):
    cell, batch, options = CASES[name]
    inputs = arguments(cell, batch)
    engine = interpreted(blocks=4)
    results = (jax.jit(gradients(cell, e, **options))(*inputs) for e in (engine, "scan"))
    assert_close(*results)


@pytest.mark.exhaustive
def test_bfloat16_weights_with_a_state_in_float32(interpreted):
    cell = CELLS["rnn"](D, H, **BF16)
    inputs = arguments(cell, (3,))
    result, fused = (jax.jit(gradients(cell, e))(*inputs) for e in (interpreted(), "fused"))
    assert result[1][0].dtype == jnp.bfloat16
    assert {a.dtype for a in jax.tree.leaves(result[1][1])} == {jnp.dtype("float32")}
    assert_close(result, fused, 0.02)  # cotangents are rounded to 8 bits before their matmul


@pytest.mark.exhaustive
@pytest.mark.parametrize("in_registers", [0, 1])
def test_weights_that_do_not_fit_are_kept_in_registers_and_streamed(
    interpreted, monkeypatch, in_registers
):
    """A warpgroup has four chunks ``[64, 64]``; one stays, and the others share two slots."""
    monkeypatch.setattr(matmul, "REGISTERS", (255 - 3 * 64 - 32 * in_registers, 3))
    engine = interpreted(blocks=2, memory=(160 - 16 * in_registers) * 1024)
    cell = CELLS["rnn"](D, 4 * H)
    params, xs, carry, mask, resets = arguments(cell, (2,))
    run = lambda engine: unroll(  # noqa: E731
        cell, params, xs, carry, mask=mask, resets=resets, engine=engine
    )
    assert_close(run(engine), run("scan"))


@pytest.mark.exhaustive
def test_vmap_over_parameters_equals_a_loop(interpreted):
    cell, batch, _ = CASES["rnn"]
    params, *rest = arguments(cell, batch)
    members = [jax.tree.map(lambda a, s=s: a * s, params) for s in (1.0, 0.5)]
    stack = lambda trees: jax.tree.map(lambda *leaves: jnp.stack(leaves), *trees)  # noqa: E731
    many = jax.vmap(gradients(cell, interpreted()), in_axes=(0, None, None, None, None))
    one = jax.jit(gradients(cell, "scan"))
    separate = [one(member, *rest) for member in members]
    assert_close(jax.jit(many)(stack(members), *rest), stack(separate))


@pytest.fixture
def on_hopper(monkeypatch):
    monkeypatch.setattr(hopper, "on_hopper", lambda: True)


@zoo.cases("name", LOWERED, ["gru"])
def test_each_pass_is_one_mosaic_kernel_and_no_loop_is_left(on_hopper, name):
    """Lowering to Mosaic GPU's IR checks layouts, copies and barriers without a device."""
    cell, batch = LOWERED[name]
    traced = jax.jit(gradients(cell, "mosaic")).trace(*argument_shapes(cell, batch))
    text = traced.lower(lowering_platforms=("cuda",)).as_text()
    assert text.count("custom_call @mosaic_gpu") == 2
    assert "stablehlo.while" not in text


def refusal(cell, engine):
    """Return the message with which an engine refuses a cell."""
    params = jax.eval_shape(cell.init, jax.random.key(0))
    run = lambda p: unroll(cell, p, jnp.zeros((T, 3, D)), engine=engine)  # noqa: E731
    with pytest.raises(UserError) as error:
        jax.eval_shape(run, params)
    return str(error.value)


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
def test_unsupported_cells_are_refused(on_hopper, cell, engine, message):
    assert message in refusal(cell, engine)


@pytest.mark.skipif(hopper.on_hopper(), reason="this is a Hopper GPU")
def test_other_devices_are_refused():
    message = "needs an NVIDIA device of compute capability 9.0, not cpu; use engine="
    assert message in refusal(CELLS["lstm"](D, H, **BF16), "mosaic")


def test_versions_of_jax_without_a_required_name_are_refused(on_hopper, monkeypatch):
    monkeypatch.setattr(mosaic, "REQUIRED_NAMES", "kernel something_new")
    message = "does not support the Mosaic GPU backend of JAX 0"
    assert message in refusal(CELLS["lstm"](D, H, **BF16), "mosaic")


@pytest.mark.skipif(not hopper.on_hopper(), reason="needs a Hopper GPU such as the H100")
@pytest.mark.parametrize("name", LOWERED)
def test_on_the_device(name):
    cell, batch = LOWERED[name]
    inputs = arguments(cell, batch)
    results = (jax.jit(gradients(cell, e))(*inputs) for e in ("mosaic", "fused"))
    assert_close(*results, 0.05)  # 8 bits of mantissa, and sums of hundreds of products


LARGE = (3 * 132 * 16,)


@pytest.mark.parametrize(
    ("cell", "batch", "engine"),
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
def test_auto_on_a_hopper_gpu(on_hopper, monkeypatch, cell, batch, engine):
    monkeypatch.setattr(hopper, "multiprocessors", lambda: 132)
    params = jax.eval_shape(cell.init, jax.random.key(0))
    chosen = []

    def choose_engine(params):
        problem = Problem(cell, params, jnp.zeros((T, *batch, D)), cell.start(params, batch))
        chosen.append(type(choose("auto", problem)).__name__)

    jax.eval_shape(choose_engine, params)
    assert chosen == [engine]
