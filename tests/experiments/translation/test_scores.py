"""Scores of translations, compared with values that were computed by hand."""

import numpy as np
import pytest

from experiments.translation.scores import (
    exact_match_of_sources,
    score_translations,
    scores_by_length,
)

SOURCES = ["a b", "a b c d e f g"]
FOUND, EXPECTED = ["Un chat noir.", "le chien"], ["un chat blanc.", "le chien dort ici"]


def test_scores_equal_those_computed_by_hand():
    scores = score_translations(FOUND, EXPECTED)
    assert scores.accuracy == pytest.approx(100 * (3 + 2) / (4 + 4))
    assert scores.exact == 0.0
    assert score_translations(FOUND, FOUND)[:-1] == pytest.approx((100,) * 5)
    # 5 of 6 words and 2 of 4 pairs. None of 2 triples and none of 1 quadruple, which sacreBLEU
    # smooths to 1/2 and 1/4.
    precisions = np.array([5 / 6, 2 / 4, 1 / 2 / 2, 1 / 4 / 1])
    brevity = np.exp(1 - 8 / 6)
    assert scores.bleu == pytest.approx(100 * brevity * np.exp(np.log(precisions).mean()), rel=1e-6)


def test_a_source_may_match_any_of_its_references():
    sources, references = ["a", "b", "a", "c"], ["un", "deux", "une", "trois"]
    found = exact_match_of_sources(sources, ["Une", "deux", "Une", "rien"], references)
    assert found == (200 / 3, 3)


def test_scores_are_grouped_by_length():
    groups = scores_by_length(SOURCES, FOUND, EXPECTED)
    assert [(group["words"], group["count"]) for group in groups] == [(2.0, 1), (7.0, 1)]
    assert [group["accuracy"] for group in groups] == [75.0, 50.0]
    long = " ".join("abcdefghijklm")
    groups = scores_by_length(["a", "a b", long], ["x", "y", "z"], ["x", "y", "z"])
    assert [(group["words"], group["count"]) for group in groups] == [(1.5, 2), (13.0, 1)]
