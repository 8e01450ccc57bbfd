from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seqmodels.commands.text_arguments import SampleArguments
from seqmodels.decode.sample import Decoding, choose, sample
from seqmodels.errors import UserError

SHARES = np.array([0.05, 0.4, 0.1, 0.25, 0.2])


def frequencies(draws=20_000, **controls):
    keys = jax.random.split(jax.random.key(0), draws)
    logits = jnp.log(jnp.asarray(SHARES, jnp.float32)) + 7.0
    tokens = jax.jit(jax.vmap(lambda key: choose(key, logits, **controls)))(keys)
    return np.bincount(tokens, minlength=len(SHARES)) / draws


def renormalised(weights):
    return weights / weights.sum()


@pytest.mark.parametrize(
    ("controls", "expected"),
    [
        ({}, SHARES),
        ({"temperature": 0.5}, renormalised(SHARES**2)),
        ({"temperature": 2.0}, renormalised(SHARES**0.5)),
        ({"top_k": 2}, renormalised(SHARES * [0, 1, 0, 1, 0])),
        ({"top_k": 9}, SHARES),
        ({"top_p": 0.6}, renormalised(SHARES * [0, 1, 0, 1, 0])),
        ({"top_p": 0.66}, renormalised(SHARES * [0, 1, 0, 1, 1])),
        ({"top_p": 1e-9}, [0, 1, 0, 0, 0]),
        ({"temperature": 0.5, "top_p": 0.5}, [0, 1, 0, 0, 0]),
        ({"top_k": 3, "top_p": 0.6}, renormalised(SHARES * [0, 1, 0, 1, 0])),
        ({"temperature": 0.0, "top_p": 0.9, "top_k": 3}, [0, 1, 0, 0, 0]),
    ],
    ids=str,
)
def test_tokens_are_drawn_as_often_as_the_definition_says(controls, expected):
    # Four standard errors of the largest share.
    np.testing.assert_allclose(frequencies(**controls), expected, atol=4 * 0.5 / 20_000**0.5)


def test_controls_may_be_traced():
    np.testing.assert_array_equal(
        frequencies(temperature=jnp.float32(0.5), top_k=jnp.int32(3), top_p=jnp.float32(0.9)),
        frequencies(temperature=0.5, top_k=3, top_p=0.9),
    )


def test_temperature_towards_zero_is_greedy():
    logits = jax.random.normal(jax.random.key(0), (50, 7))
    greedy = jnp.argmax(logits, axis=-1)
    chosen = jax.jit(jax.vmap(lambda t: choose(jax.random.key(1), logits, temperature=t)))
    for tokens in chosen(jnp.array([0.0, 1e-4])):
        np.testing.assert_array_equal(tokens, greedy)


def markov(table, carry, token):
    """A chain of order two, so that the carry matters."""
    return token, table[carry, token]


def test_pieces_give_the_same_text_as_the_whole():
    table = jax.random.normal(jax.random.key(0), (6, 6, 6))
    step = partial(markov, table)
    start = Decoding(jnp.array([1, 2]), table[0, jnp.array([1, 2])], jax.random.key(1))
    piece = jax.jit(lambda state: sample(step, state, 6))
    _, whole = jax.jit(lambda state: sample(step, state, 12))(start)
    state, first = piece(start)
    _, second = piece(state)
    np.testing.assert_array_equal(np.concatenate([first, second]), whole)
    assert whole.shape == (12, 2)


def test_greedy_decoding_follows_the_likeliest_path():
    table = jax.random.normal(jax.random.key(0), (6, 6, 6))
    start = Decoding(jnp.int32(3), table[0, 3], jax.random.key(1))
    decode = jax.jit(lambda state: sample(partial(markov, table), state, 10, temperature=0.0))
    _, tokens = decode(start)
    carry, logits = 3, table[0, 3]
    for token in tokens.tolist():
        assert token == int(jnp.argmax(logits))
        carry, logits = token, table[carry, token]


@pytest.mark.parametrize(
    "wrong",
    [{"length": 0}, {"count": 0}, {"temperature": -1.0}, {"temperature": float("nan")},
     {"top_k": -1}, {"top_p": 0.0}, {"top_p": 1.5}, {"prime": ""}],
    ids=str,
)  # fmt: skip
def test_wrong_flags_are_named(wrong):
    (name,) = wrong
    with pytest.raises(UserError, match=f"--{name.replace('_', '-')}"):
        SampleArguments(**wrong)
