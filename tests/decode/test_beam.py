"""Beam and greedy search over Markov chains small enough to enumerate all sequences."""

from functools import partial
from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from parameters import random_normal

from seqmodels.decode.beam import BeamConfig, beam_search
from seqmodels.decode.sample import SampleState, sample, sample_token

V, END, LIMIT, B = 4, 3, 4, 5
SPACE = 3 + 3**2 + 3**3 + 3**4 + 100  # more than there are sequences of at most LIMIT tokens
TABLE = 2.0 * random_normal(B, V, V, V)
FIRST = jnp.zeros(B, jnp.int32)


def step(last, token):
    """Step a Markov chain of order two, a different one for each row of the batch."""
    logits = jax.vmap(lambda table, before, now: table[before, now])(TABLE, last, token)
    return token, logits


def nats(row, sequence):
    """Return the log-probability of a sequence in float64."""
    total, last, token = 0.0, 0, 0
    for following in sequence:
        logits = np.asarray(TABLE[row, last, token], np.float64)
        total += logits[following] - np.log(np.exp(logits).sum())
        last, token = token, following
    return total


def all_scores(row, alpha):
    """Return the score of every sequence."""
    found = []
    for length in range(1, LIMIT + 1):
        for body in product(range(END), repeat=length - 1):
            found += [(*body, END)] + ([(*body, t) for t in range(END)] if length == LIMIT else [])
    return {s: nats(row, s) / ((5 + len(s)) / 6) ** alpha for s in found}


@partial(jax.jit, static_argnames=("config", "limit"))
def search(config, limit=LIMIT):
    return beam_search(step, FIRST, FIRST, config, end=END, limit=limit)


@pytest.mark.parametrize("alpha", [pytest.param(0.0, marks=pytest.mark.exhaustive), 1.3])
def test_a_beam_as_wide_as_the_space_ranks_all_sequences(alpha):
    found = jax.device_get(search(BeamConfig(SPACE, alpha)))
    for row in range(B):
        expected = all_scores(row, alpha)
        count = len(expected)
        np.testing.assert_allclose(found.scores[row, :count], sorted_scores(expected), rtol=1e-5)
        assert (found.scores[row, count:] < -1e20).all()  # no other sequence, and none twice
        for tokens, score, own in zip(*(field[row, :count] for field in found), strict=True):
            sequence = cut(tokens.tolist())
            np.testing.assert_allclose(score, expected.pop(sequence), rtol=1e-5)
            np.testing.assert_allclose(own, nats(row, sequence), rtol=1e-5)


def sorted_scores(scores):
    return sorted(scores.values(), reverse=True)


def cut(tokens):
    """Return the tokens up to and including the first end."""
    return tuple(tokens[: tokens.index(END) + 1] if END in tokens else tokens)


def test_width_one_equals_greedy_search():
    greedy = SampleState(*step(FIRST, FIRST), key=None)
    is_end = lambda token: token == END  # noqa: E731
    tokens = jax.jit(lambda: sample(step, greedy, 9, draw=sample_token, stop=is_end)[1])()
    np.testing.assert_array_equal(search(BeamConfig(1), 9).tokens[:, 0], tokens.T)
    assert len({tuple(row) for row in tokens.T.tolist()}) > 1
    for row, sequence in enumerate(tokens.T.tolist()):
        last, token = 0, 0
        for following in sequence:
            assert following == (END if token == END else int(TABLE[row, last, token].argmax()))
            last, token = token, following


def test_a_wider_beam_is_not_worse_here_and_its_scores_are_those_of_its_tokens():
    wide, narrow = search(BeamConfig(3, 0.0)), search(BeamConfig(1, 0.0))
    assert (wide.scores[:, 0] >= narrow.scores[:, 0] - 1e-6).all()
    assert (jnp.diff(wide.scores, axis=1) <= 0).all()
    for row, k in product(range(B), range(3)):
        sequence = cut(wide.tokens[row, k].tolist())
        np.testing.assert_allclose(wide.scores[row, k], nats(row, sequence), rtol=1e-5)


@pytest.mark.parametrize("size", [pytest.param(1, marks=pytest.mark.exhaustive), 2])
def test_ngrams_do_not_repeat(size):
    def again(carry, token):  # without blocking: 1 0 1 0 1 0 ...
        likely = jax.nn.one_hot(jnp.where(token == 1, 0, 1), 4)
        return carry, 5.0 * likely + jnp.array([0.0, 0.0, 1.0, -9.0])[None, None]

    config = BeamConfig(2, 0.0, no_repeat_ngram=size)
    run = jax.jit(lambda: beam_search(again, (), FIRST[:1], config, end=END, limit=8))
    for sequence in run().tokens[0].tolist():
        body = sequence[: sequence.index(END)] if END in sequence else sequence
        grams = [tuple(body[i : i + size]) for i in range(len(body) - size + 1)]
        assert len(grams) == len(set(grams)) > size


def test_the_coverage_penalty_favours_attended_positions():
    """Both tokens lead to an end; only token 1 attends to the second position."""

    def walk(carry, token):
        looked = jnp.stack([jnp.ones(token.shape), (token == 1).astype(jnp.float32)], axis=-1)
        logits = jnp.where(
            token[..., None] == 0,
            jnp.array([-9.0, 0.0, 0.1, -9.0]),
            jnp.array([-9.0, -9.0, -9.0, 5.0]),
        )
        return carry + looked, logits

    @partial(jax.jit, static_argnums=0)
    def search(beta):
        config = BeamConfig(2, 0.0, coverage_penalty=beta)
        start = jnp.zeros((1, 2))
        return beam_search(walk, start, FIRST[:1], config, end=END, limit=4, covered=lambda c: c)

    plain = search(0.0).tokens[0, 0].tolist()
    found = search(0.3)
    covered, scores = found.tokens[0, 0].tolist(), found.scores[0]
    assert plain == [2, END, END, END]
    assert covered == [1, END, END, END]
    np.testing.assert_allclose(scores[0] - scores[1], 0.3 * np.log(1e6) - 0.1, rtol=1e-3)
