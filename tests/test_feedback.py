"""Feedback of outputs, compared with explicit Python loops over single steps and rows."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from parameters import random_normal, random_params

from seqmodels.cells.registry import CELLS
from seqmodels.decode.sample import SampleState, sample, sample_token
from seqmodels.errors import UserError
from seqmodels.feedback import FeedbackInput, FeedbackOutput, feedback
from seqmodels.flax import layer
from seqmodels.noise import dropout
from seqmodels.types import Layer
from seqmodels.unroll import unroll
from seqmodels.wrap import readout, stack

T, B, D = 6, 3, 2
KEY = jax.random.key(3)
VALUES = random_normal(T, B, D)
TIME = np.arange(T)[:, None]
ALL, NONE = np.ones((T, B), bool), np.zeros((T, B), bool)


class Gaussian(NamedTuple):
    """Parameters of independent normal distributions."""

    mean: jax.Array
    scale: jax.Array


def gaussian_layer(inputs):
    linear = layer(nnx.Linear, inputs, 2 * D)

    def apply(params, x):
        mean, scale = jnp.split(linear.apply(params, x), 2, axis=-1)
        return Gaussian(mean, jax.nn.softplus(scale))

    return Layer(linear.init, apply)


def draw_normal(key, output):
    if key is None:
        return output.mean
    return output.mean + output.scale * jax.random.normal(key, output.mean.shape)


# A recurrent network with a head, which is fed back through a linear embedding.
NETWORK = readout(stack(CELLS["gru"](4, 5), CELLS["lstm"](5, 5)), gaussian_layer(5))
EMBED = layer(nnx.Linear, D, 4)
CELL = feedback(NETWORK, EMBED, draw_normal)
PARAMS = random_params(CELL, scale=0.5)
MASK = np.array([6, 4, 2]) > TIME


@jax.jit
def run(params, value, given, mask, key):
    return unroll(CELL, params, FeedbackInput(value, given), mask=mask, key=key)


@jax.jit
def one_step(params, carry, value, key):
    carry, output = NETWORK.step(params["cell"], carry, EMBED.apply(params["embed"], value))
    return carry, output, draw_normal(key, output)


def loop(params, value, given, mask, key):
    """Return the outputs and drawn values, step by step; each row reads its own choice."""
    keys = [None] * T if key is None else jax.random.split(jax.random.split(key)[1], T)
    carry = NETWORK.start(params["cell"], (B,))
    last, outputs = np.zeros((B, D), np.float32), []
    for t in range(T):
        x = np.stack([value[t, b] if given[t, b] else last[b] for b in range(B)])
        new, output, drawn = one_step(params, carry, jnp.asarray(x), keys[t])
        keep = lambda a, b, t=t: np.where(mask[t].reshape(B, *[1] * (a.ndim - 1)), a, b)  # noqa: E731
        carry = jax.tree.map(jnp.asarray, jax.tree.map(keep, new, carry))
        last = keep(np.asarray(drawn), last)
        outputs.append(jax.tree.map(lambda a, k=keep: k(a, 0.0 * a), FeedbackOutput(output, drawn)))
    return jax.tree.map(lambda *steps: np.stack(steps), *outputs)


def assert_close(a, b, tolerance=1e-5):
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, atol=tolerance), a, b)


@pytest.mark.parametrize("key", [None, KEY], ids=["means", "draws"])
@pytest.mark.parametrize(
    ("given", "mask"),
    [
        pytest.param(ALL, ALL, id="teacher forcing"),
        pytest.param(NONE, ALL, id="free"),
        pytest.param(np.broadcast_to(TIME < 3, (T, B)), ALL, id="priming"),
        pytest.param(np.array([4, 2, 1]) > TIME, ALL, id="forecast after histories of any length"),
        pytest.param((TIME < 2) | (TIME > 3), ALL, id="inpainting"),
        pytest.param(np.arange(T * B).reshape(T, B) % 3 == 0, MASK, id="padding"),
    ],
)
def test_feedback_equals_a_python_loop(given, mask, key):
    value = np.where(given[..., None], VALUES, np.nan)  # what is not given may be missing
    given = np.broadcast_to(given, (T, B))
    ys, carry = run(PARAMS, value, given, mask, key)
    expected = loop(PARAMS, value, given, mask, key)
    assert_close(ys, expected)
    last = [np.flatnonzero(mask[:, b])[-1] for b in range(B)]
    assert_close(carry.value, expected.value[last, np.arange(B)])


def test_teacher_forcing_equals_unrolling_the_inner_cell():
    mask = jnp.asarray(MASK)

    @jax.jit
    def both(params):
        ys, carry = unroll(CELL, params, FeedbackInput(VALUES, jnp.asarray(ALL)), mask=mask)
        embedded = EMBED.apply(params["embed"], VALUES)
        return (ys.output, carry.cell), unroll(NETWORK, params["cell"], embedded, mask=mask)

    assert_close(*both(PARAMS))


@pytest.mark.exhaustive
def test_gradients_flow_through_means_and_are_those_of_a_loop():
    steps = (TIME < 2) | (TIME == 4)
    given = jnp.asarray(np.broadcast_to(steps, (T, B)))
    missing = jnp.where(given[..., None], VALUES, jnp.nan)

    def loss(params, value):
        ys, _ = unroll(CELL, params, FeedbackInput(value, given))
        return jnp.sum(jnp.sin(ys.output.mean) + ys.output.scale**2)

    def by_hand(params, value):
        carry, last, total = NETWORK.start(params["cell"], (B,)), jnp.zeros((B, D)), 0.0
        for t in range(T):
            x = value[t] if steps[t, 0] else last
            carry, output, last = one_step(params, carry, x, None)
            total = total + jnp.sum(jnp.sin(output.mean) + output.scale**2)
        return total

    grads = jax.jit(jax.grad(loss, argnums=(0, 1)))(PARAMS, missing)
    assert_close(grads, jax.jit(jax.grad(by_hand, argnums=(0, 1)))(PARAMS, VALUES), 2e-5)


def test_chunks_reverse_resets_and_vmap_agree_with_the_plain_call():
    given = jnp.asarray(np.arange(T * B).reshape(T, B) % 4 < 2)
    inputs, last = FeedbackInput(VALUES, given), NONE.copy()
    last[3] = True

    @jax.jit
    def variants(params):
        flipped = jax.tree.map(lambda a: jnp.flip(a, 0), inputs)
        parts = [unroll(CELL, params, jax.tree.map(lambda a, s=s: a[s], inputs))[0] for s in CUTS]
        return {
            "plain": unroll(CELL, params, inputs, key=KEY)[0],
            "chunks": unroll(CELL, params, inputs, key=KEY, chunk=4)[0],
            "vmap": jax.vmap(lambda p: unroll(CELL, p, inputs, key=KEY)[0])(
                jax.tree.map(lambda a: a[None], params)
            ),
            "means": unroll(CELL, params, inputs)[0],
            "reverse": unroll(CELL, params, flipped, reverse=True)[0],
            "resets": unroll(CELL, params, inputs, resets=jnp.asarray(last))[0],
            "parts": jax.tree.map(lambda *a: jnp.concatenate(a), *parts),
        }

    results = variants(PARAMS)
    assert_close(results["chunks"], results["plain"])
    assert_close(jax.tree.map(lambda a: a[0], results["vmap"]), results["plain"])
    assert_close(jax.tree.map(lambda a: a[::-1], results["reverse"]), results["means"])
    assert_close(results["resets"], results["parts"])


CUTS = (slice(0, 3), slice(3, T))


@pytest.mark.exhaustive
def test_noise_of_the_inner_cell_is_that_of_unroll():
    inner = dropout(CELLS["gru"](D, D), outputs=0.5, locked=False)
    cell = feedback(inner, lambda v: v, lambda key, y: y)

    @jax.jit
    def both(params):
        ys, _ = unroll(cell, params, FeedbackInput(VALUES, jnp.asarray(ALL)), key=KEY)
        return ys.output, unroll(inner, params, VALUES, key=jax.random.split(KEY)[0])[0]

    noisy, expected = both(random_params(cell, scale=0.5))
    assert_close(noisy, expected)
    assert np.any(noisy == 0.0)


# Tokens, with a function as embedding, and voices, of which some are given.

V = 5
TOKENS = readout(CELLS["gru"](V, 4), layer(nnx.Linear, 4, V))


def test_free_tokens_equal_the_sampling_loop():
    parts = (partial(jax.nn.one_hot, num_classes=V), sample_token)
    cell = feedback(TOKENS, *parts, first=2)
    params = random_params(TOKENS)  # a function as embedding has no parameters
    free = FeedbackInput(jnp.zeros((T, B), jnp.int32), jnp.asarray(NONE))

    def step(carry, token):
        return TOKENS.step(params, carry, jax.nn.one_hot(token, V))

    @jax.jit
    def both():
        state = SampleState(*step(TOKENS.start(params, (B,)), jnp.full(B, 2)), key=None)
        return unroll(cell, params, free)[0].value, sample(step, state, T, draw=sample_token)[1]

    tokens, expected = both()
    np.testing.assert_array_equal(tokens, expected)

    # A bound of zero on the carry's cotangent, some of which are of integers, cuts the recurrence.
    cut = TOKENS._replace(step=lambda p, c, x: TOKENS.step(p, jax.lax.stop_gradient(c), x))

    @jax.jit
    @jax.grad
    def gradients(params):
        clipped, separate = (
            unroll(feedback(inner, *parts, first=2), params, free, key=KEY, clip_gradient=bound)[0]
            for inner, bound in ((TOKENS, 0.0), (cut, None))
        )
        return jnp.sum(clipped.output**2) - jnp.sum(separate.output**2)

    assert_close(gradients(params), jax.tree.map(jnp.zeros_like, params))


class Voices(NamedTuple):
    """Two voices; the melody above them is known."""

    alto: jax.Array
    bass: jax.Array


def test_harmonising_gives_one_voice_and_draws_another():
    head = layer(nnx.Linear, 4, 2 * V)

    def embed(voices, melody):
        parts = [jax.nn.one_hot(part, V) for part in (*voices, melody)]
        return jnp.concatenate(parts, axis=-1)

    def draw(key, logits):
        keys = [None] * 2 if key is None else jax.random.split(key)
        return Voices(
            *(sample_token(k, z) for k, z in zip(keys, jnp.split(logits, 2, -1), strict=True))
        )

    inner = readout(CELLS["rnn"](3 * V, 4), head)
    cell, params = feedback(inner, embed, draw), random_params(inner)
    random = np.random.default_rng(0)
    alto, bass, melody = (jnp.asarray(random.integers(0, V, (T, B)), jnp.int32) for _ in range(3))
    inputs = FeedbackInput(
        Voices(alto, bass), Voices(jnp.asarray(ALL), jnp.asarray(NONE)), (melody,)
    )
    ys, _ = jax.jit(lambda p: unroll(cell, p, inputs, key=KEY))(params)

    @jax.jit
    def by_hand(params):
        keys = jax.random.split(jax.random.split(KEY)[1], T)
        carry, bass, steps = inner.start(params, (B,)), jnp.zeros(B, jnp.int32), []
        for t in range(T):
            x = embed(Voices(alto[t], bass), melody[t])
            carry, logits = inner.step(params, carry, x)
            drawn = draw(keys[t], logits)
            bass = drawn.bass
            steps.append(FeedbackOutput(logits, drawn))
        return jax.tree.map(lambda *a: jnp.stack(a), *steps)

    assert_close(ys, by_hand(params))


@pytest.mark.parametrize(
    ("first", "value", "message"),
    [
        (None, VALUES[..., :1], r"a given value is .*3, 1.*; expected .*3, 2"),
        (None, VALUES.astype(jnp.int32), "a given value is .*int32.*; expected .*float32"),
        (0.0, VALUES[..., 0], r"a drawn value is .*3, 2.*; expected .*\(3,\)"),
    ],
)
def test_values_of_other_shapes_give_an_error_of_one_line(first, value, message):
    cell = feedback(NETWORK, lambda v: jnp.zeros((B, 4)), draw_normal, first)
    with pytest.raises(UserError, match=message):
        unroll(cell, PARAMS["cell"], FeedbackInput(value, jnp.asarray(ALL)))
