"""The kernel against ``scan``: interpreted on any machine, as Triton's IR, and on a device."""

import jax
import jax.numpy as jnp
import pytest
from sequences import D, T, arguments, arguments_of_zeros, close, graded, members_are_alone

from seqmodels.cells.registry import CELLS
from seqmodels.engines import pallas
from seqmodels.engines.pallas import Pallas
from seqmodels.errors import UserError
from seqmodels.unroll import unroll

# JAX 0.11 says at each lowering that it will give up this way to Triton.
pytestmark = pytest.mark.filterwarnings("ignore:The Pallas Triton backend:DeprecationWarning")

H = 16
CASES = {
    "rnn": (CELLS["rnn"](D, H), (2, 9), Pallas(interpret=True)),  # two programs, the last not full
    "lstm": (CELLS["lstm"](D, 2 * H), (3,), Pallas(interpret=True, width=H)),  # many blocks
    "gru": (CELLS["gru"](D, H), (), Pallas(interpret=True)),
    "slstm": (CELLS["slstm"](D, 2 * H, heads=2), (3,), Pallas(interpret=True)),
}


@pytest.mark.parametrize("name", CASES)
def test_values_and_gradients_are_those_of_scan(name):
    cell, batch, engine = CASES[name]
    inputs = arguments(cell, batch)
    options = {"clip_gradient": 0.3} if name == "gru" else {}
    found, wanted = (jax.jit(graded(cell, e, **options))(*inputs) for e in (engine, "scan"))
    close(found, wanted)


def test_bfloat16_weights_with_a_state_in_float32():
    cell = CELLS["lstm"](D, H, dtype=jnp.bfloat16)
    inputs = arguments(cell, (3,))
    found, wanted = (
        jax.jit(graded(cell, engine))(*inputs) for engine in (Pallas(interpret=True), "fused")
    )
    assert found[1][0].dtype == jnp.bfloat16
    assert {a.dtype for a in jax.tree.leaves(found[1][1])} == {jnp.dtype("float32")}
    close(found, wanted, 0.02)  # the same roundings, but for the order of sums: 8 bits of mantissa


def test_blocks_are_wider_where_there_would_be_too_many_matmuls():
    """1536^2 / 64^2 of them, more than are taken."""
    cell = CELLS["rnn"](D, 1536)
    params, xs, carry, mask, resets = arguments(cell, (2,))
    run = lambda engine: unroll(  # noqa: E731
        cell, params, xs, carry, mask=mask, resets=resets, engine=engine
    )
    close(run(Pallas(interpret=True)), run("scan"), 1e-4)  # sums of 1536 products, in blocks


def test_vmap_over_parameters_equals_a_loop():
    members_are_alone(*CASES["rnn"])


@pytest.fixture
def nvidia(monkeypatch):
    monkeypatch.setattr(pallas, "on_nvidia", lambda: True)


@pytest.mark.parametrize("name", [*CASES, "bfloat16", "wide"])
def test_each_pass_is_one_triton_kernel_and_no_loop_is_left(nvidia, name):
    """Lowering to Triton's IR needs no device; compiling that would."""
    of = CASES | {
        "bfloat16": (CELLS["lstm"](D, 64, dtype=jnp.bfloat16), (20,), None),
        "wide": (CELLS["lstm"](D, 768, dtype=jnp.bfloat16), (16,), None),  # as published marks
    }
    cell, batch, _ = of[name]
    shapes = jax.eval_shape(lambda: arguments_of_zeros(cell, batch))
    device = jax.sharding.AbstractDevice("NVIDIA H100 80GB HBM3", None, "gpu")
    mesh = jax.sharding.AbstractMesh((), (), abstract_device=device)
    with jax.sharding.use_abstract_mesh(mesh):
        traced = jax.jit(graded(cell, "pallas")).trace(*shapes)
        text = traced.lower(lowering_platforms=("cuda",)).as_text()
    assert text.count("@__gpu$xla.gpu.triton") == 2
    assert "stablehlo.while" not in text


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        (CELLS["lstm"](D, 24), "needs hidden sizes that are multiples of 16"),
        (CELLS["lstm"](D, 2048), "more than 512 matmuls of 128 columns"),
        (CELLS["min_gru"](D, H), "needs a structured cell"),
        (CELLS["additive_memory"](D, H), "it needs 2 features in blocks of 16"),
    ],
)
def test_refused_cells(nvidia, cell, message):
    params = jax.eval_shape(cell.init, jax.random.key(0))
    run = lambda p: unroll(cell, p, jnp.zeros((T, 3, D)), engine="pallas")  # noqa: E731
    with pytest.raises(UserError, match=message):
        jax.eval_shape(run, params)


def test_a_matmul_in_update_has_no_gradient_here(nvidia):
    cell = CELLS["lstm"](D, H, projection=H)
    shapes = jax.eval_shape(lambda: arguments_of_zeros(cell, (3,)))
    with pytest.raises(UserError, match="without the batch axes"):
        jax.eval_shape(graded(cell, "pallas"), *shapes)


@pytest.mark.skipif(pallas.on_nvidia(), reason="this is NVIDIA")
def test_refused_off_nvidia_in_one_line():
    cell = CELLS["lstm"](D, H)
    params = jax.eval_shape(cell.init, jax.random.key(0))
    run = lambda p: unroll(cell, p, jnp.zeros((T, 3, D)), engine="pallas")  # noqa: E731
    with pytest.raises(UserError, match="needs an NVIDIA device, not cpu; use engine='auto'"):
        jax.eval_shape(run, params)


@pytest.mark.skipif(not pallas.on_nvidia(), reason="needs an NVIDIA device")
@pytest.mark.parametrize("name", CASES)
def test_on_the_device(name):
    cell, batch, _ = CASES[name]
    inputs = arguments(cell, batch)
    with jax.default_matmul_precision("highest"):
        found, wanted = (jax.jit(graded(cell, e))(*inputs) for e in ("pallas", "scan"))
    close(found, wanted)
