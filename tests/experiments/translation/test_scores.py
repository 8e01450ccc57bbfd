"""Scores of translations, beside what can be counted by hand."""

import numpy as np
import pytest
from matplotlib.image import imread

from experiments.translation.scores import any_exact, by_length, draw_by_length, judge

SOURCES = ["a b", "a b c d e f g"]
FOUND, TRUE = ["Un chat noir.", "le chien"], ["un chat blanc.", "le chien dort ici"]


def test_scores_are_those_counted_by_hand():
    judged = judge(FOUND, TRUE)
    assert judged.accuracy == pytest.approx(100 * (3 + 2) / (4 + 4))
    assert judged.exact == 0.0
    assert judge(FOUND, FOUND)[:-1] == pytest.approx((100,) * 5)
    # 5 of 6 words, 2 of 4 pairs; of 2 triples and 1 of four none, which counts as 1/2, then 1/4.
    precisions = np.array([5 / 6, 2 / 4, 1 / 2 / 2, 1 / 4 / 1])
    brevity = np.exp(1 - 8 / 6)
    assert judged.bleu == pytest.approx(100 * brevity * np.exp(np.log(precisions).mean()), rel=1e-6)


def test_any_of_the_references_of_a_source_will_do():
    sources, references = ["a", "b", "a", "c"], ["un", "deux", "une", "trois"]
    assert any_exact(sources, ["Une", "deux", "Une", "rien"], references) == (200 / 3, 3)


def test_groups_by_length_are_scored_apart(tmp_path):
    groups = by_length(SOURCES, FOUND, TRUE)
    assert [(group["words"], group["count"]) for group in groups] == [(2.0, 1), (7.0, 1)]
    assert [group["accuracy"] for group in groups] == [75.0, 50.0]
    long = " ".join("abcdefghijklm")
    groups = by_length(["a", "a b", long], ["x", "y", "z"], ["x", "y", "z"])
    assert [(group["words"], group["count"]) for group in groups] == [(1.5, 2), (13.0, 1)]
    draw_by_length({"one": groups, "other": groups}, tmp_path / "drawn.png")
    assert imread(tmp_path / "drawn.png").std() > 0
