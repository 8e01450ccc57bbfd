from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from parameters import random_normal, random_params

from seqmodels.cells.gru import gru
from seqmodels.decode.automata import IMPOSSIBLE, lexicon
from seqmodels.decode.ctc import ctc_beam
from seqmodels.decode.prefix_beam import CtcBeamConfig
from seqmodels.decode.scorers import (
    ModelAlphabet,
    automaton_scorer,
    match_alphabets,
    model_scorer,
    weighted_sum,
)
from seqmodels.errors import UserError
from seqmodels.models.language.language_model import recurrent_language_model


def test_a_recurrent_language_model_scores_the_texts_of_a_beam():
    """The weights of the search equal those of one unroll over each text."""
    model = recurrent_language_model(gru(4, 5), 4, 6)
    params = random_params(model)
    tokens = np.array([-1, 3, 1, 4], np.int32)  # token 5 ends a text, token 0 precedes it
    alphabet = ModelAlphabet(tokens, first=0, end=5)
    scorer = model_scorer(partial(model.step, params), partial(model.start, params), alphabet)
    logits, mask = random_normal(5, 3, 4), jnp.ones((5, 3), bool)
    search = jax.jit(partial(ctc_beam, config=CtcBeamConfig(6), scorer=scorer))
    found = jax.device_get(search(logits, mask))
    shown = np.where(found.mask, tokens[found.tokens], 5)
    inputs = np.moveaxis(np.pad(shown, ((0, 0), (1, 0), (0, 0))), 1, 0)
    scores, _ = jax.jit(model.unroll)(params, inputs, model.start(params, (6, 3)))
    nats = np.asarray(jax.nn.log_softmax(scores))
    targets = np.moveaxis(np.pad(shown, ((0, 0), (0, 1), (0, 0)), constant_values=5), 1, 0)
    each = np.take_along_axis(nats, targets[..., None], axis=-1)[..., 0]
    inside = np.arange(6)[:, None, None] <= found.mask.sum(axis=1)
    np.testing.assert_allclose(found.scores - found.nats, (each * inside).sum(axis=0), rtol=1e-4)


def test_what_one_scorer_forbids_stays_forbidden_in_a_sum():
    words = automaton_scorer(lexicon([[1, 2]], 4))
    scorer = weighted_sum([words, words], [0.0, 2.0])
    state = scorer.advance(scorer.start((2,)), jnp.array([1, 3]))
    forbidden = [[True, True, False, True], [False, False, True, False]]
    np.testing.assert_array_equal(scorer.scores(state) == IMPOSSIBLE, forbidden)
    np.testing.assert_array_equal(scorer.end(state), np.float32([IMPOSSIBLE, 0.0]))


def test_alphabets_without_a_common_symbol():
    with pytest.raises(UserError, match="none of the recognizer's symbols"):
        match_alphabets(["a"], ["b"])
