import jax.numpy as jnp
import numpy as np
import pytest

from seqmodels.decode.automata import IMPOSSIBLE, lexicon
from seqmodels.decode.scorers import automaton_scorer, match_alphabets, weighted_sum
from seqmodels.errors import UserError


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
