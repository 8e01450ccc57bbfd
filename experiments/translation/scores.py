"""Quality of translations: BLEU, chrF, token accuracy and exact match, also by source length."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from seqmodels.data.text.tokenizers import tokenize_words

if TYPE_CHECKING:
    from sacrebleu.metrics.bleu import BLEU

LENGTH_BOUNDS = (5, 10, 15, 20, 25, 30, 40, 50, 1000)  # most source words of each group
MAX_UNGROUPED = 12  # each length is a group if no source has more words than this
SCORE_NAMES = {
    "bleu": "BLEU",
    "chrf": "chrF",
    "accuracy": "token accuracy",
    "exact": "exact match",
}


class TranslationScores(NamedTuple):
    """Corpus scores in percent.

    bleu:       of lower-cased words, split by ``tokenize_words``
    bleu_13a:   of lower-cased texts, split by sacreBLEU's tokenizer 13a
    accuracy:   fraction of the reference's words that the translation has at the same position
    exact:      fraction of translations that equal their reference
    signatures: how sacreBLEU computed bleu, bleu_13a and chrf
    """

    bleu: float
    bleu_13a: float
    chrf: float
    accuracy: float
    exact: float
    signatures: tuple[str, ...]


def score_translations(hypotheses: Sequence[str], references: Sequence[str]) -> TranslationScores:
    """Return corpus scores, computed by sacreBLEU.

    Papineni et al. (2002), "BLEU"; Popović (2015), "chrF"; Post (2018), arXiv:1804.08771.
    """
    from sacrebleu.metrics.bleu import BLEU
    from sacrebleu.metrics.chrf import CHRF

    found, expected = ([tokenize_words(text) for text in side] for side in (hypotheses, references))
    spaced_found, spaced_expected = (spaced_words(side) for side in (hypotheses, references))
    correct = sum(
        a == b for pair in zip(found, expected, strict=True) for a, b in zip(*pair, strict=False)
    )
    words = word_bleu()
    plain, characters = BLEU(lowercase=True), CHRF(lowercase=True)
    return TranslationScores(
        bleu=words.corpus_score(spaced_found, [spaced_expected]).score,
        bleu_13a=plain.corpus_score(hypotheses, [references]).score,
        chrf=characters.corpus_score(hypotheses, [references]).score,
        accuracy=100.0 * correct / sum(map(len, expected)),
        exact=100.0 * sum(a == b for a, b in zip(found, expected, strict=True)) / len(expected),
        signatures=tuple(str(metric.get_signature()) for metric in (words, plain, characters)),
    )


def word_bleu() -> "BLEU":
    """Return sacreBLEU's metric for texts that are split into words already."""
    from sacrebleu.metrics.bleu import BLEU

    return BLEU(tokenize="none", force=True)


def bleu_of_words(hypotheses: Sequence[str], references: Sequence[str]) -> float:
    """Return ``TranslationScores.bleu`` alone."""
    spaced = spaced_words(references)
    return float(word_bleu().corpus_score(spaced_words(hypotheses), [spaced]).score)


def spaced_words(texts: Sequence[str]) -> list[str]:
    """Separate the words of lower-cased texts by spaces."""
    return [" ".join(tokenize_words(text)) for text in texts]


def exact_match_of_sources(
    sources: Sequence[str], hypotheses: Sequence[str], references: Sequence[str]
) -> tuple[float, int]:
    """Return how many distinct sources equal any of their references, in percent, and their number.

    A short sentence may have several correct translations.
    """
    accepted: dict[str, set[tuple[str, ...]]] = {}
    for source, reference in zip(sources, references, strict=True):
        accepted.setdefault(source, set()).add(tuple(tokenize_words(reference)))
    found = dict(zip(sources, hypotheses, strict=True))
    correct = sum(
        tuple(tokenize_words(found[source])) in texts for source, texts in accepted.items()
    )
    return 100.0 * correct / len(accepted), len(accepted)


def scores_by_length(
    sources: Sequence[str], hypotheses: Sequence[str], references: Sequence[str]
) -> list[dict[str, Any]]:
    """Return the scores of groups of sources of similar length.

    ``words`` is the mean length of a group, ``count`` the number of its sentences.
    """
    lengths = np.array([len(tokenize_words(source)) for source in sources])
    groups = lengths if lengths.max() <= MAX_UNGROUPED else np.searchsorted(LENGTH_BOUNDS, lengths)
    rows_of_groups = (np.flatnonzero(groups == group).tolist() for group in np.unique(groups))
    table = []
    for rows in rows_of_groups:
        scores = score_translations([hypotheses[r] for r in rows], [references[r] for r in rows])
        values = {name: getattr(scores, name) for name in SCORE_NAMES}
        table.append({"words": float(lengths[rows].mean()), "count": len(rows), **values})
    return table
