from functools import partial

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
