"""CTC decoding against brute force over all paths."""

from collections import defaultdict
from functools import partial
from itertools import groupby, product

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from parameters import random_normal

from seqmodels.decode.automata import Automaton, lexicon, phrase_bonus, text_weight
from seqmodels.decode.ctc import CtcBeamConfig, ctc_beam, ctc_greedy
from seqmodels.decode.scorers import ModelAlphabet, automaton_scorer, model_scorer, weighted_sum

T, V, WIDTH = 6, 3, 130  # more than there are texts of at most six symbols
FRAMES = [6, 4, 0]
B = len(FRAMES)
# Blanks between equal symbols are likely in frame 2 of the first row, for either id of the blank.
LOGITS = 1.5 * random_normal(T, B, V)
LOGITS = LOGITS.at[2, 0].set(jnp.array([1.8, -1.0, 1.5])).at[jnp.array([1, 3]), 0, 1].add(2.0)
MASK = jnp.arange(T)[:, None] < jnp.array([FRAMES])
JUNK = jnp.where(MASK[..., None], LOGITS, jnp.nan)


def collapse(path, blank):
    return tuple(symbol for symbol, _ in groupby(path) if symbol != blank)


def log_softmax(logits):
    logits = np.asarray(logits, np.float64)
    return logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))


def all_texts(row, blank=0, skip=1.0):
    """Return log p of each text; frames with more than ``skip`` of blank have only the blank."""
    nats = log_softmax(LOGITS[: FRAMES[row], row])
    others = np.arange(V) != blank
    skipped = np.exp(nats[:, [blank]]) > skip
    nats = np.where(skipped & others, -np.inf, nats)
    found = defaultdict(lambda: -np.inf)
    for path in product(range(V), repeat=len(nats)):
        score = sum(nats[t, s] for t, s in enumerate(path))
        if np.isfinite(score):
            text = collapse(path, blank)
            found[text] = np.logaddexp(found[text], score)
    return dict(found)


@partial(jax.jit, static_argnames=("width", "symbols", "blank", "scorer"))
def search(skip, bonus, width=WIDTH, symbols=0, blank=0, scorer=None):
    config = CtcBeamConfig(width, symbols, skip, bonus)
    return ctc_beam(JUNK, MASK, config, scorer, blank=blank)


def texts(found, row):
    """Return the hypotheses of a row as a dict of text to (score, nats), in order of the beam."""
    hypotheses = {}
    for k in range(len(found.scores)):
        if found.scores[k, row] > -1e29:
            mask = found.mask[k, :, row]
            text = tuple(found.tokens[k, mask, row].tolist())
            assert mask[: len(text)].all()
            assert text not in hypotheses
            hypotheses[text] = (found.scores[k, row], found.nats[k, row])
        else:
            assert not found.mask[k, :, row].any()
    return hypotheses


def assert_equal(found, expected_nats, weight):
    """Assert that a wide beam holds exactly the expected texts, with their scores, best first."""
    found = jax.device_get(found)
    for row in range(B):
        nats = expected_nats(row)
        scores = {text: value + weight(text) for text, value in nats.items()}
        scores = {text: score for text, score in scores.items() if score > -1e20}
        hypotheses = texts(found, row)
        assert hypotheses.keys() == scores.keys()
        for text, (score, own) in hypotheses.items():
            np.testing.assert_allclose(score, scores[text], rtol=2e-5, atol=1e-5)
            np.testing.assert_allclose(own, nats[text], rtol=2e-5, atol=1e-5)
        assert (np.diff([score for score, _ in hypotheses.values()]) <= 0).all()


@pytest.mark.parametrize("blank", [0, pytest.param(2, marks=pytest.mark.exhaustive)])
def test_a_wide_beam_sums_all_paths_of_all_texts(blank):
    plain = search(1.0, 0.0, blank=blank)
    assert_equal(plain, partial(all_texts, blank=blank), lambda text: 0.0)
    skipping = search(0.4, 0.7, blank=blank)
    skipped = np.exp(log_softmax(LOGITS[:, 0])[:, blank]) > 0.4
    assert skipped.tolist()[1:4] == [False, True, False]
    assert_equal(skipping, partial(all_texts, blank=blank, skip=0.4), lambda text: 0.7 * len(text))


def test_a_narrow_beam_finds_likely_texts_with_lower_bounds_of_their_probability():
    found = jax.device_get(search(1.0, 0.0, width=4, symbols=1))
    for row in range(B):
        exact = all_texts(row)
        for text, (score, nats) in texts(found, row).items():
            assert score == nats
            assert nats <= exact[text] + 1e-5
    exact, (best, *_) = all_texts(0), texts(found, 0)
    assert exact[best] > max(exact.values()) - 0.5


TABLES = Automaton(
    np.random.default_rng(0).integers(0, 4, (4, V)).astype(np.int32),
    np.random.default_rng(1).normal(size=(4, V)).astype(np.float32),
    np.random.default_rng(2).normal(size=4).astype(np.float32),
)
MODEL = 2.0 * random_normal(4, 4, seed=5)  # bigrams of a model with four tokens; 3 is the end


def step(last, token):
    """Return logits that depend on the last two tokens."""
    return token, MODEL[token] + 0.5 * MODEL[:, 0][last][..., None]


def model_weight(text):
    tokens = [3] + [2 if symbol == 1 else None for symbol in text]  # symbol 2 has no token
    total, last, token = 0.0, 0, 3
    for symbol, following in zip([*text, "end"], [*tokens[1:], 3], strict=True):
        logits = np.asarray(MODEL[token] + 0.5 * MODEL[last, 0], np.float64)
        if symbol == 2:
            total += -3.0
            continue
        total += log_softmax(logits)[following]
        last, token = token, following
    return total


def test_scorers_are_added_once_for_each_prefix_and_its_end():
    alphabet = ModelAlphabet(np.array([-1, 2, -1]), first=3, end=3, unknown=-3.0)
    model = model_scorer(step, lambda shape: jnp.zeros(shape, jnp.int32), alphabet)
    scorer = weighted_sum([automaton_scorer(TABLES), model], [0.8, 0.5])

    def weight(text):
        return 0.8 * text_weight(TABLES, text) + 0.5 * model_weight(text) + 0.3 * len(text)

    assert_equal(search(1.0, 0.3, scorer=scorer), all_texts, weight)


def test_a_lexicon_leaves_only_its_words_and_a_phrase_bonus_changes_the_winner():
    words = lexicon([[1, 1], [1]], V)  # symbol 2 is free
    both = weighted_sum(
        [automaton_scorer(words), automaton_scorer(phrase_bonus([[2, 1, 1]], V, 1.5))], [1.0, 1.0]
    )
    found = jax.device_get(search(1.0, 0.0, scorer=both))
    plain = [all_texts(row) for row in range(B)]
    for row in range(B):
        hypotheses = texts(found, row)
        valid = {
            text: nats
            for text, nats in plain[row].items()
            if all(len(word) < 3 for word in "".join(map(str, text)).split("2"))
        }
        assert hypotheses.keys() == valid.keys()
        for text, (score, _) in hypotheses.items():
            boost = 4.5 * "".join(map(str, text)).count("211")
            np.testing.assert_allclose(score, valid[text] + boost, rtol=2e-5, atol=1e-5)
    assert next(iter(texts(found, 0))) != max(plain[0], key=plain[0].get)


def test_greedy_decoding_collapses_the_best_path():
    found = jax.jit(partial(ctc_greedy, blank=1))(JUNK, MASK)
    for row in range(B):
        path = np.argmax(LOGITS[: FRAMES[row], row], axis=-1).tolist()
        tokens = found.tokens[:, row][found.mask[:, row]]
        assert tuple(tokens.tolist()) == collapse(path, 1)
        assert found.mask[: len(tokens), row].all()


def test_no_frames():
    arguments = LOGITS[:0], MASK[:0]
    found = jax.jit(partial(ctc_beam, config=CtcBeamConfig(2)))(*arguments)
    assert found.tokens.shape == (2, 0, B)
    np.testing.assert_array_equal(found.scores, np.float32([[0.0] * B, [-1e30] * B]))
    assert ctc_greedy(*arguments).tokens.shape == (0, B)


@pytest.mark.exhaustive
def test_vmap_equals_the_batch():
    def one(logits, mask):
        return ctc_beam(logits[:, None], mask[:, None], CtcBeamConfig(4, skip_blank=0.4))

    single = jax.jit(jax.vmap(one, in_axes=(1, 1), out_axes=-1))(JUNK, MASK)
    batch = search(0.4, 0.0, width=4)
    for a, b in zip(single, batch, strict=True):
        np.testing.assert_allclose(a.squeeze(-2), b, rtol=1e-5)
