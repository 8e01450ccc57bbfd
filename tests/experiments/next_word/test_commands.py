"""The commands ``complete``, ``adapt`` and ``embedding``."""

import re

import matplotlib.image
import numpy as np
import pytest

from experiments.next_word.experiment import EXPERIMENT
from seqmodels.data.text.vectors import read_vectors
from seqmodels.data.text.vocabulary import Vocabulary
from seqmodels.diagnostics.plots.word_map import nearest_words
from seqmodels.train.runs import load_run

RUN = "runs/next_word/one"


def test_complete_lists_or_continues(command):
    result = command("complete", RUN, "the cat meowed on", "--count", "10")
    assert result.status == 0
    unknown, *listed = result.out.splitlines()
    assert unknown == "not in the vocabulary: meowed"
    percentages = [float(line.split("%")[0]) for line in listed]
    assert percentages == sorted(percentages, reverse=True)
    assert sum(percentages) == pytest.approx(100, abs=0.6)
    result = command("complete", RUN, "the cat", "--words", "40")
    assert result.status == 0
    assert result.out.startswith("the cat ")
    assert len(result.out.replace("\n", " \n ").split(" ")) >= 42
    assert "<eos>" not in result.out


def test_adapt_prints_perplexities_of_both_splits(command):
    flags = ["--cache", "5", "--cache-weight", "0.1", "0.2", "--cache-focus", "0.3"]
    flags += ["--dynamic-rate", "1e-4", "--dynamic-decay", "0", "--squares", "2"]
    result = command("adapt", RUN, *flags)
    assert result.status == 0
    head, *rows = result.out.splitlines()
    assert head.split() == ["perplexity", "dev", "test"]
    assert [row.split()[0] for row in rows] == ["none", "cache", "dynamic", "both"]
    perplexities = [[float(x) for x in re.findall(r"\d+\.\d\d", row)[:2]] for row in rows]
    assert all(2 < perplexity < 30 for pair in perplexities for perplexity in pair)
    assert "cache_focus 0.3" in rows[1]


def test_embedding_lists_draws_and_exports(command, folder):
    flags = ["--near", "cat", "--count", "3", "--words", "5", "--export", "vectors.txt"]
    result = command("embedding", RUN, *flags)
    assert result.status == 0
    assert (folder / "vectors.txt").read_text().startswith("10 16\n")
    assert matplotlib.image.imread(folder / RUN / "embedding.png").std() > 0

    run = load_run(folder / RUN, EXPERIMENT)
    vocabulary = Vocabulary.from_dict(run.metadata["vocabulary"])
    vectors = np.asarray(run.params["embedding"]["embedding"])
    words = result.out.splitlines()[0].split()
    neighbors = nearest_words(vectors, vocabulary.index["cat"], 3)
    assert words == ["cat", *(x for w, c in neighbors for x in (vocabulary.symbols[w], f"{c:.2f}"))]
    values, rows = read_vectors(folder / "vectors.txt", vocabulary.index)
    np.testing.assert_array_equal(values[np.argsort(rows)], vectors)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["embedding", RUN, "--near", "whale"], "--near: not in the vocabulary: 'whale'"),
        (["adapt", RUN, "--cache-weight", "1.5"], "--cache-weight must be above 0 and below 1"),
        (["adapt", RUN, "--squares", "0"], "--squares must be 1 or more"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_errors_take_one_line(command, arguments, message):
    result = command(*arguments)
    assert result.status == 2
    assert message in result.err
    assert result.err.count("\n") == 1
