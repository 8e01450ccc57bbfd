"""Properties of masks, lengths and resets; memory of rematerialised chunks; errors."""

import functools
import inspect
import re
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from parameters import random_normal, random_params

from seqmodels.cells.registry import CELLS
from seqmodels.engines.fused import Fused
from seqmodels.engines.newton import Newton
from seqmodels.engines.scan import Scan
from seqmodels.errors import UserError
from seqmodels.unroll import unroll
from seqmodels.wrap import stack

T, B, D, H = 6, 2, 3, 4
CELL = CELLS["lstm"](D, H)
PARAMS = random_params(CELL, scale=0.5)
XS = random_normal(T, B, D)


@functools.cache
def compiled(engine):
    return jax.jit(
        lambda xs, carry, mask, resets: unroll(
            CELL, PARAMS, xs, carry, mask=mask, resets=resets, engine=engine
        )
    )


def step_by_step(mask, resets):
    """Apply masks and resets to one sequence and one step at a time."""
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
def test_masks_and_resets_equal_single_steps(engine, mask, resets):
    mask, resets = (np.array(flag).reshape(T, B) for flag in (mask, resets))
    ys, final = compiled(engine)(XS, CELL.start(PARAMS, (B,)), mask, resets)
    expected, last = step_by_step(mask, resets)
    np.testing.assert_allclose(ys, expected, atol=1e-6)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6), final, last)


@pytest.mark.parametrize("engine", [Scan(), Fused(steps=4)])
@given(lengths=st.lists(st.integers(0, T), min_size=B, max_size=B))
def test_the_final_carry_does_not_depend_on_where_the_padding_is(engine, lengths):
    run = compiled(engine)
    no_resets = np.zeros((T, B), bool)
    start = CELL.start(PARAMS, (B,))
    mask = np.arange(T)[:, None] < np.array(lengths)[None]
    _, padded = run(XS, start, mask, no_resets)
    # The same sequences moved to the end, so that padding comes first.
    late = jnp.stack([jnp.roll(XS[:, b], T - n, axis=0) for b, n in enumerate(lengths)], axis=1)
    _, moved = run(late, start, mask[::-1], no_resets)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6), padded, moved)


def test_chunks_store_few_carries_for_the_backward_pass():
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


def test_a_stack_equals_its_layers_one_after_another():
    gru = CELLS["gru"](H, H)
    deep = stack(CELL, gru)

    @jax.jit
    def run(params):
        middle, first = unroll(CELL, params[0], XS)
        ys, second = unroll(gru, params[1], middle)
        return unroll(deep, params, XS), (ys, (first, second))

    stacked, layers = run(random_params(deep, scale=0.5))
    assert jax.tree.structure(stacked) == jax.tree.structure(layers)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6), stacked, layers)


GRU_BEFORE, MIN_GRU = CELLS["gru_before"](D, H), CELLS["min_gru"](D, H)


@pytest.mark.parametrize(
    ("cell", "xs", "options", "message"),
    [
        (CELL, XS[..., :2], {}, "2 features .* built for 3"),
        (CELL, XS, {"chunk": 0}, "chunk=0 must be between 1 and the sequence length 6"),
        (CELL, XS, {"chunk": -1}, "chunk=-1"),
        (CELL, XS, {"chunk": 7}, "chunk=7"),
        (CELL, XS, {"engine": "warp"}, "engine='warp' is unknown: choose auto, scan"),
        (CELL, XS, {"engine": "associative"}, "linear in its state"),
        (GRU_BEFORE, XS, {"engine": "fused"}, "structured cell"),
        (MIN_GRU, XS, {"engine": "associative", "clip_gradient": 1.0}, "clip_gradient"),
        (CELL, XS, {"carry": CELL.start(PARAMS, (B + 1,))}, "carry does not fit"),
        (CELL, XS, {"carry": jnp.zeros((B, H))}, "carry does not fit"),
        (CELL, (XS, XS), {}, "xs is a tree of arrays; this cell reads one array"),
        (MIN_GRU, (XS, XS), {}, "xs is a tree of arrays"),
        (GRU_BEFORE, [1.0, 2.0], {}, r"xs has shape \(\): expected \[T"),
        (GRU_BEFORE, (XS[:2, ..., 0], XS), {}, r"expected all to start with \(2, 2\)"),
        (GRU_BEFORE, (XS[..., 0], XS), {"mask": jnp.ones((T, B - 1), bool)}, "mask has shape"),
    ],
)
def test_invalid_arguments_give_an_error_of_one_line(cell, xs, options, message):
    with pytest.raises(UserError, match=message) as caught:
        unroll(cell, random_params(cell), xs, **options)
    assert "\n" not in str(caught.value)


class Event(NamedTuple):
    """A kind and its features."""

    kind: jax.Array
    features: jax.Array


def test_a_cell_known_by_its_step_may_read_a_tree():
    """The mask, NaN in the padding, chunks and all engines of such a cell work as for an array."""

    def join(event):
        return jnp.concatenate([jax.nn.one_hot(event.kind, 2), event.features], axis=-1)

    inner = CELLS["gru_before"](2 + D, H)
    cell = inner._replace(step=lambda p, c, x: inner.step(p, c, join(x)), size=None)
    mask = jnp.arange(T)[:, None] < jnp.array([[4, 6]])
    events = Event(jnp.arange(T * B).reshape(T, B) % 2, XS)
    padded = Event(events.kind, jnp.where(mask[..., None], XS, jnp.nan))

    @jax.jit
    def run(params):
        return [
            unroll(cell, params, padded, mask=mask),
            unroll(cell, params, padded, mask=mask, chunk=4),
            unroll(stack(cell), (params,), padded, mask=mask),
            unroll(cell, params, events, mask=mask, engine=Newton(form="full")),
            unroll(inner, params, join(events), mask=mask),
        ]

    *found, expected = run(random_params(inner, scale=0.5))
    for ys, carry in found:
        np.testing.assert_allclose(ys, expected[0], atol=1e-5)
        np.testing.assert_allclose(jax.tree.leaves(carry)[0], expected[1], atol=1e-5)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"xs": XS[0, 0]}, "xs has shape (3,)"),
        ({"mask": jnp.ones((T - 1, B), bool)}, "mask has shape (5, 2)"),
        ({"mask": XS[..., 0]}, "mask has dtype float32"),
        ({"resets": jnp.ones((B, T), bool)}, "resets has shape"),
    ],
)
def test_invalid_arrays_give_an_error_without_a_type_checker(arrays, message):
    plain = inspect.unwrap(unroll)  # the function that users call, without pytest's type checks
    with pytest.raises(UserError, match=re.escape(message)):
        plain(CELL, PARAMS, **{"xs": XS, **arrays})


@pytest.mark.parametrize(
    ("name", "engine"),
    [
        ("lstm", "fused"),
        pytest.param("min_gru", "associative", marks=pytest.mark.exhaustive),
    ],
)
def test_a_batch_spread_over_devices_gives_the_same_gradients(name, engine):
    cell = CELLS[name](D, H)
    params, xs = random_params(cell, scale=0.5), random_normal(T, 2 * jax.device_count(), D)
    mask = jnp.asarray(np.random.default_rng(2).random(xs.shape[:2]) < 0.8)

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
