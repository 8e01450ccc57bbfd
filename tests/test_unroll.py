"""Properties of masks, lengths and resets; memory of rematerialised chunks; wrong use."""

import functools
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqmodels.cells.registry import CELLS
from seqmodels.engines.fused import Fused
from seqmodels.engines.scan import Scan
from seqmodels.errors import UserError
from seqmodels.unroll import unroll
from seqmodels.wrap import stack

T, B, D, H = 6, 2, 3, 4
CELL = CELLS["lstm"](D, H)
PARAMS = CELL.init(jax.random.key(0))
XS = jax.random.normal(jax.random.key(1), (T, B, D))


@functools.cache
def compiled(engine):
    return jax.jit(
        lambda xs, carry, mask, resets: unroll(
            CELL, PARAMS, xs, carry, mask=mask, resets=resets, engine=engine
        )
    )


def numpy_steps(mask, resets):
    """The meaning of masks and resets, one sequence and one step at a time."""
    step = jax.jit(CELL.step)
    ys = np.zeros((T, B, H), np.float32)
    finals = []
    for b in range(B):
        carry = CELL.start(PARAMS, ())
        for t in range(T):
            if resets[t, b]:
                carry = CELL.start(PARAMS, ())
            if mask[t, b]:
                carry, ys[t, b] = step(PARAMS, carry, XS[t, b])
        finals.append(carry)
    return ys, jax.tree.map(lambda *leaves: np.stack(leaves), *finals)


flags = st.lists(st.booleans(), min_size=T * B, max_size=T * B)


@pytest.mark.parametrize("engine", [Scan(), Fused(steps=4)])
@given(mask=flags, resets=flags)
def test_masks_and_resets_mean_what_they_say(engine, mask, resets):
    mask, resets = (np.array(flag).reshape(T, B) for flag in (mask, resets))
    ys, final = compiled(engine)(XS, CELL.start(PARAMS, (B,)), mask, resets)
    wanted, last = numpy_steps(mask, resets)
    np.testing.assert_allclose(ys, wanted, atol=1e-6)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6), final, last)


@pytest.mark.parametrize("engine", [Scan(), Fused(steps=4)])
@given(lengths=st.lists(st.integers(0, T), min_size=B, max_size=B))
def test_a_padded_sequence_ends_where_its_length_says(engine, lengths):
    run = compiled(engine)
    nothing = np.zeros((T, B), bool)
    start = CELL.start(PARAMS, (B,))
    mask = np.arange(T)[:, None] < np.array(lengths)[None]
    _, padded = run(XS, start, mask, nothing)
    # The same sequences moved to the end, so that padding comes first.
    late = jnp.stack([jnp.roll(XS[:, b], T - n, axis=0) for b, n in enumerate(lengths)], axis=1)
    _, moved = run(late, start, mask[::-1], nothing)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6), padded, moved)


def test_chunks_hold_few_carries_for_the_backward_pass():
    cell = CELLS["lstm"](8, 32)
    params = jax.eval_shape(cell.init, jax.random.key(0))

    def loss(params, xs, chunk):
        ys, _ = unroll(cell, params, xs, chunk=chunk)
        return jnp.sum(ys[-1])

    def peak(chunk):
        xs = jax.ShapeDtypeStruct((1024, 4, 8), jnp.float32)
        gradient = jax.jit(jax.grad(loss), static_argnums=2)
        return gradient.lower(params, xs, chunk).compile().memory_analysis().temp_size_in_bytes

    carries = 2 * 1024 * 4 * 32 * 4  # h and c of every step
    assert peak(None) > carries
    assert peak(32) < peak(None) - carries // 2


def test_stack_of_layers_is_layer_after_layer():
    deep = stack(CELL, CELLS["gru"](H, H))
    params = deep.init(jax.random.key(2))
    ys, carry = unroll(deep, params, XS)
    middle, first = unroll(CELL, params[0], XS)
    wanted, second = unroll(CELLS["gru"](H, H), params[1], middle)
    np.testing.assert_allclose(ys, wanted, atol=1e-6)
    assert jax.tree.structure(carry) == jax.tree.structure((first, second))


GRU_BEFORE, MIN_GRU = CELLS["gru_before"](D, H), CELLS["min_gru"](D, H)


@pytest.mark.parametrize(
    ("cell", "xs", "options", "told"),
    [
        (CELL, XS[..., :2], {}, "2 features .* built for 3"),
        (CELL, XS, {"chunk": 0}, "chunk=0 must lie between 1 and the length 6"),
        (CELL, XS, {"chunk": -1}, "chunk=-1"),
        (CELL, XS, {"chunk": 7}, "chunk=7"),
        (CELL, XS, {"engine": "warp"}, "engine='warp' is unknown: choose auto, scan"),
        (CELL, XS, {"engine": "associative"}, "linear in its state"),
        (GRU_BEFORE, XS, {"engine": "fused"}, "structured cell"),
        (MIN_GRU, XS, {"engine": "associative", "clip_gradient": 1.0}, "clip_gradient"),
        (CELL, XS, {"carry": CELL.start(PARAMS, (B + 1,))}, "carry does not fit"),
        (CELL, XS, {"carry": jnp.zeros((B, H))}, "carry does not fit"),
    ],
)
def test_wrong_use_is_told_in_one_line(cell, xs, options, told):
    with pytest.raises(UserError, match=told) as caught:
        unroll(cell, cell.init(jax.random.key(0)), xs, **options)
    assert "\n" not in str(caught.value)


def test_wrong_arrays_are_told_in_one_line_where_nothing_else_checks_types():
    """Outside of pytest, where no type checker stands in front of ``unroll``."""
    program = """
import jax, jax.numpy as jnp
from seqmodels.cells.registry import CELLS
from seqmodels.errors import UserError
from seqmodels.unroll import unroll
cell = CELLS["rnn"](3, 4)
params, xs, mask = cell.init(jax.random.key(0)), jnp.ones((6, 2, 3)), jnp.ones((6, 2), bool)
for wrong in ({"xs": xs[0, 0]}, {"mask": mask[1:]}, {"mask": xs[..., 0]}, {"resets": mask.T}):
    try:
        unroll(cell, params, **{"xs": xs, **wrong})
    except UserError as error:
        print(error)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    told = [
        "xs has shape (3,)",
        "mask has shape (5, 2)",
        "mask has dtype float32",
        "resets has shape",
    ]
    lines = done.stdout.splitlines()
    assert len(lines) == len(told), done.stderr
    assert all(text in line for text, line in zip(told, lines, strict=True))


@pytest.mark.parametrize(("name", "engine"), [("lstm", "fused"), ("min_gru", "associative")])
def test_a_batch_spread_over_devices_gives_the_same_gradients(name, engine):
    cell = CELLS[name](D, H)
    params = cell.init(jax.random.key(0))
    xs = jax.random.normal(jax.random.key(1), (T, 2 * jax.device_count(), D))
    mask = jax.random.bernoulli(jax.random.key(2), 0.8, xs.shape[:2])

    @jax.jit
    @jax.grad
    def gradient(params, xs, mask):
        ys, _ = unroll(cell, params, xs, mask=mask, engine=engine)
        return jnp.sum(ys**2)

    automatic = (jax.sharding.AxisType.Auto,)
    mesh = jax.make_mesh((jax.device_count(),), ("data",), axis_types=automatic)
    spread = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec(None, "data"))
    together = gradient(params, *jax.device_put((xs, mask), spread))
    alone = gradient(params, xs, mask)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5), together, alone
    )
