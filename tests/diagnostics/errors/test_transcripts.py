import numpy as np
import pytest

from seqmodels.diagnostics.errors.transcripts import (
    EditCounts,
    align,
    count_confusions,
    count_edits,
    error_rate,
    format_alignment,
)
from seqmodels.errors import UserError

RANDOM = np.random.default_rng(0)
REFERENCES = ["".join(RANDOM.choice(list("ab c"), RANDOM.integers(0, 8))) for _ in range(300)]
RECOGNIZED = ["".join(RANDOM.choice(list("ab c"), RANDOM.integers(0, 8))) for _ in range(300)]


def test_alignments_contain_both_texts_and_as_many_edits_as_the_distance():
    alignments, counts = align(RECOGNIZED, REFERENCES), count_edits(RECOGNIZED, REFERENCES)
    for pairs, reference, recognized, edits in zip(
        alignments, REFERENCES, RECOGNIZED, counts.edits, strict=True
    ):
        assert "".join(want for want, _ in pairs if want is not None) == reference
        assert "".join(got for _, got in pairs if got is not None) == recognized
        assert sum(want != got for want, got in pairs) == edits
    confusions = count_confusions(alignments)
    assert sum(counter.total() for counter in confusions) == counts.edits.sum()
    difference = sum(map(len, RECOGNIZED)) - counts.lengths.sum()
    assert confusions.insertions.total() - confusions.deletions.total() == difference


def test_confusions_and_words():
    alignments = align(["the hat sat".split(), "a a".split()], ["the cat sat".split(), ["a"]])
    confusions = count_confusions(alignments)
    assert confusions.substitutions == {("cat", "hat"): 1}
    assert confusions.insertions == {"a": 1}
    assert not confusions.deletions
    assert format_alignment(alignments[0]) == "the cat sat\nthe hat sat\n    ^"


def test_the_interval_covers_the_rate_as_often_as_it_says():
    """The rate of transcripts with independent errors is known."""
    covered = 0
    for seed in range(100):
        random = np.random.default_rng(seed)
        lengths = random.integers(5, 20, 80)
        found = error_rate(EditCounts(random.binomial(lengths, 0.2), lengths), resamples=300)
        assert found.low <= found.rate <= found.high
        covered += found.low <= 0.2 <= found.high
    assert 88 <= covered <= 99


def test_transcripts_that_cannot_be_measured():
    with pytest.raises(UserError, match="2 transcripts, but 1 references"):
        count_edits(["a", "b"], ["a"])
    with pytest.raises(UserError, match="empty"):
        error_rate(count_edits(["a"], [""]))
