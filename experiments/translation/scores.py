"""How good translations are: BLEU, chrF, exact match, and all of it by the length of the source."""

from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
from jaxtyping import Float

from seqmodels.data.text.tokenizers import tokens

BOUNDS = (5, 10, 15, 20, 25, 30, 40, 50, 1000)  # most words of a source, group by group
SHORT = 12  # where no source has more words, each length is a group
SCORES = {"bleu": "BLEU", "chrf": "chrF", "accuracy": "token accuracy", "exact": "exact match"}


class Judged(NamedTuple):
    """Scores in percent; ``signatures`` say exactly how sacreBLEU counted."""

    bleu: float  # of lower-cased word tokens
    detokenised: float  # of lower-cased texts, cut by sacreBLEU's own tokeniser 13a
    chrf: float
    accuracy: float  # of the reference's words, those that stand at the same place
    exact: float
    signatures: tuple[str, ...]


def judge(hypotheses: Sequence[str], references: Sequence[str]) -> Judged:
    """Corpus scores: Papineni et al. (2002), Popović (2015), counted by sacreBLEU (Post, 2018)."""
    from sacrebleu.metrics.bleu import BLEU
    from sacrebleu.metrics.chrf import CHRF

    found, true = ([tokens(text) for text in side] for side in (hypotheses, references))
    cut = [[" ".join(words) for words in side] for side in (found, true)]
    hits = sum(
        a == b for pair in zip(found, true, strict=True) for a, b in zip(*pair, strict=False)
    )
    words = BLEU(tokenize="none", force=True)
    plain, characters = BLEU(lowercase=True), CHRF(lowercase=True)
    return Judged(
        bleu=words.corpus_score(cut[0], [cut[1]]).score,
        detokenised=plain.corpus_score(hypotheses, [references]).score,
        chrf=characters.corpus_score(hypotheses, [references]).score,
        accuracy=100.0 * hits / sum(map(len, true)),
        exact=100.0 * sum(a == b for a, b in zip(found, true, strict=True)) / len(true),
        signatures=tuple(str(metric.get_signature()) for metric in (words, plain, characters)),
    )


def any_exact(
    sources: Sequence[str], hypotheses: Sequence[str], references: Sequence[str]
) -> tuple[float, int]:
    """Percent of the distinct sources translated as any reference of theirs is, and their count."""
    answers: dict[str, set[tuple[str, ...]]] = {}
    for source, reference in zip(sources, references, strict=True):
        answers.setdefault(source, set()).add(tuple(tokens(reference)))
    found = dict(zip(sources, hypotheses, strict=True))
    right = sum(tuple(tokens(found[source])) in those for source, those in answers.items())
    return 100.0 * right / len(answers), len(answers)


def by_length(
    sources: Sequence[str], hypotheses: Sequence[str], references: Sequence[str]
) -> list[dict[str, Any]]:
    """Scores for groups of sources of like length; ``words`` is a group's mean length."""
    lengths = np.array([len(tokens(source)) for source in sources])
    groups = lengths if lengths.max() <= SHORT else np.searchsorted(BOUNDS, lengths)
    found = []
    for group in np.unique(groups):
        rows = np.flatnonzero(groups == group).tolist()
        judged = judge([hypotheses[row] for row in rows], [references[row] for row in rows])
        scores = {score: getattr(judged, score) for score in SCORES}
        found.append({"words": float(lengths[rows].mean()), "count": len(rows), **scores})
    return found


def draw_by_length(runs: dict[str, list[dict[str, Any]]], path: Path | str) -> None:
    """Every score over the length of the source, a line for each run."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.0, 6.4), layout="constrained")
    panels = figure.subplots(2, 2, sharex=True, sharey=True)
    for axes, (score, label) in zip(panels.flat, SCORES.items(), strict=True):
        for name, groups in runs.items():
            words, values = ([group[key] for group in groups] for key in ("words", score))
            axes.plot(words, values, marker="o", markersize=4, label=name)
        axes.set(title=label, ylim=(-2, 102))
        axes.grid(alpha=0.3)
    for axes in panels[1]:
        axes.set_xlabel("words of the source")
    for axes in panels[:, 0]:
        axes.set_ylabel("%")
    panels[0, 0].legend(fontsize=8)
    figure.savefig(path, dpi=130)


def draw_alignment(
    source: Sequence[str],
    target: Sequence[str],
    weights: Float[np.ndarray, "T S"],
    path: Path | str | IO[bytes],
) -> None:
    """A row for each unit of the target: how much it looked at each unit of the source."""
    from matplotlib.figure import Figure

    size = 1.6 + 0.33 * len(source), 1.6 + 0.3 * len(target)
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots()
    axes.imshow(weights, cmap="Blues", vmin=0.0, vmax=1.0, aspect="auto")
    axes.set_xticks(range(len(source)), source, rotation=90)
    axes.set_yticks(range(len(target)), target)
    axes.xaxis.tick_top()
    figure.savefig(path, dpi=130)
