"""Draws of tokens, and the sampling loop with tokens, frames and ends."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from parameters import random_normal

from seqmodels.decode.sample import SampleState, sample, sample_token

PROBABILITIES = np.array([0.05, 0.4, 0.1, 0.25, 0.2])


DRAWS = 20_000


@jax.jit
def draw(temperature, top_k, top_p):
    keys = jax.random.split(jax.random.key(0), DRAWS)
    logits = jnp.log(jnp.asarray(PROBABILITIES, jnp.float32)) + 7.0
    controls = {"temperature": temperature, "top_k": top_k, "top_p": top_p}
    return jax.vmap(lambda key: sample_token(key, logits, **controls))(keys)


def frequencies(draw, temperature=1.0, top_k=0, top_p=1.0):
    return np.bincount(draw(temperature, top_k, top_p), minlength=len(PROBABILITIES)) / DRAWS


def normalized(weights):
    return weights / weights.sum()


@pytest.mark.parametrize(
    ("controls", "expected"),
    [
        ({}, PROBABILITIES),
        ({"temperature": 0.5}, normalized(PROBABILITIES**2)),
        ({"temperature": 2.0}, normalized(PROBABILITIES**0.5)),
        ({"top_k": 2}, normalized(PROBABILITIES * [0, 1, 0, 1, 0])),
        ({"top_k": 9}, PROBABILITIES),
        ({"top_p": 0.6}, normalized(PROBABILITIES * [0, 1, 0, 1, 0])),
        ({"top_p": 0.66}, normalized(PROBABILITIES * [0, 1, 0, 1, 1])),
        ({"top_p": 1e-9}, [0, 1, 0, 0, 0]),
        ({"temperature": 0.5, "top_p": 0.5}, [0, 1, 0, 0, 0]),
        ({"top_k": 3, "top_p": 0.6}, normalized(PROBABILITIES * [0, 1, 0, 1, 0])),
        ({"temperature": 0.0, "top_p": 0.9, "top_k": 3}, [0, 1, 0, 0, 0]),
    ],
    ids=str,
)
def test_frequencies_follow_the_definition(controls, expected):
    # Four standard errors of the largest share.
    np.testing.assert_allclose(frequencies(draw, **controls), expected, atol=4 * 0.5 / DRAWS**0.5)


def test_controls_may_be_static_or_traced():
    controls = (0.5, 3, 0.9)
    static = jax.jit(lambda: draw.__wrapped__(*controls))()
    np.testing.assert_array_equal(static, draw(*controls))


def test_temperature_towards_zero_is_greedy():
    logits = random_normal(50, 7)
    greedy = jnp.argmax(logits, axis=-1)
    chosen = jax.jit(jax.vmap(lambda t: sample_token(jax.random.key(1), logits, temperature=t)))
    for tokens in chosen(jnp.array([0.0, 1e-4])):
        np.testing.assert_array_equal(tokens, greedy)


def markov(table, carry, token):
    """Step a Markov chain of order two, in which the carry matters."""
    return token, table[carry, token]


def test_sampling_in_pieces_equals_sampling_at_once():
    table = random_normal(6, 6, 6)
    step = partial(markov, table)
    start = SampleState(jnp.array([1, 2]), table[0, jnp.array([1, 2])], jax.random.key(1))
    piece = jax.jit(lambda state: sample(step, state, 6, draw=sample_token))
    _, whole = jax.jit(lambda state: sample(step, state, 12, draw=sample_token))(start)
    state, first = piece(start)
    _, second = piece(state)
    np.testing.assert_array_equal(np.concatenate([first, second]), whole)
    assert whole.shape == (12, 2)


def test_temperature_zero_takes_the_most_likely_token():
    table = random_normal(6, 6, 6)
    start = SampleState(jnp.int32(3), table[0, 3], jax.random.key(1))
    draw = partial(sample_token, temperature=0.0)
    decode = jax.jit(lambda state: sample(partial(markov, table), state, 10, draw=draw))
    _, tokens = decode(start)
    carry, logits = 3, table[0, 3]
    for token in tokens.tolist():
        assert token == int(jnp.argmax(logits))
        carry, logits = token, table[carry, token]


class Pen(NamedTuple):
    """A stroke, and whether it is the last one."""

    offset: jax.Array
    last: jax.Array


ENDS = jnp.array([3, 1, 5])


def walk(carry, pen):
    """Step a walk whose rows end after 3, 1 and 5 strokes; the carry counts them."""
    count = carry + 1
    return count, (pen.offset * 0.5, count)


def draw_stroke(key, outputs):
    mean, count = outputs
    noise = 0.0 if key is None else jax.random.normal(key, mean.shape)
    return Pen(mean + noise, count >= ENDS)


@pytest.mark.parametrize("key", [None, jax.random.key(5)])
def test_rows_that_have_ended_repeat_their_last_value(key):
    first = SampleState(jnp.ones(3, jnp.int32), (jnp.ones((3, 2)), jnp.ones(3, jnp.int32)), key)
    stop = {"draw": draw_stroke, "stop": lambda pen: pen.last}
    whole = jax.jit(lambda state: sample(walk, state, 9, **stop))
    final, strokes = whole(first)
    keys, state = key, (first.carry, first.outputs)
    rows = [[] for _ in range(3)]
    for _ in range(5):
        keys, key_t = (None, None) if key is None else jax.random.split(keys)
        pen = draw_stroke(key_t, state[1])
        for row, drawn in enumerate(rows):
            drawn += [pen.offset[row]] if len(drawn) < ENDS[row] else []
        state = walk(state[0], pen)
    for row, drawn in enumerate(rows):
        expected = np.stack(drawn + [drawn[-1]] * (9 - len(drawn)))
        np.testing.assert_allclose(strokes.offset[:, row], expected, rtol=1e-6)
        assert strokes.last[:, row].tolist() == [i + 1 >= len(drawn) for i in range(9)]
    assert final.ended.all()
    assert final.carry.tolist() == [6, 6, 6]  # the loop ended with the last row, after five steps


def test_sampling_in_pieces_with_ends_equals_sampling_at_once():
    first = SampleState(
        jnp.ones(3, jnp.int32), (jnp.ones((3, 2)), jnp.ones(3, jnp.int32)), jax.random.key(5)
    )

    @jax.jit
    def both():
        stop = {"draw": draw_stroke, "stop": lambda pen: pen.last}
        state, pieces = first, []
        for length in (2, 0, 4, 3):
            state, piece = sample(walk, state, length, **stop)
            pieces.append(piece)
        joined = jax.tree.map(lambda *a: jnp.concatenate(a), *pieces)
        return joined, sample(walk, first, 9, **stop)[1]

    jax.tree.map(np.testing.assert_array_equal, *both())


def test_frames_without_ends_are_differentiable_and_vectorise():
    def energy(scale, key):
        def step(carry, frame):
            return carry, jnp.tanh(scale * frame)

        def draw(key, mean):
            return mean if key is None else mean + 0.1 * jax.random.normal(key, mean.shape)

        return jnp.sum(sample(step, SampleState((), jnp.ones(2), key), 4, draw=draw)[1] ** 2)

    gradient = jax.jit(jax.vmap(jax.grad(energy), in_axes=(0, None)))
    frame, slope, total = 1.0, 0.0, 0.0  # by hand for two equal components
    for _ in range(4):
        total += 2 * 2 * frame * slope
        new = np.tanh(0.7 * frame)
        frame, slope = new, (1 - new**2) * (frame + 0.7 * slope)
    found = gradient(jnp.array([0.7, 0.2]), None)
    np.testing.assert_allclose(found[0], total, rtol=1e-5)
    assert np.isfinite(gradient(jnp.array([0.7, 0.2]), jax.random.key(0))).all()
