"""N-gram baselines by counting."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from seqmodels.data.splits import Splits
from seqmodels.train.experiment import Baseline


class NgramNats(NamedTuple):
    """Cross-entropy of n-gram models, in nats per token."""

    unigram: float
    bigram: float
    weight: float  # with which bigrams are smoothed


def unigram_probabilities(tokens: Int[np.ndarray, "N"], vocabulary: int) -> Float[np.ndarray, "V"]:
    """Return the relative frequency of each token, with one added to every count (Laplace)."""
    counts = np.bincount(tokens, minlength=vocabulary) + 1.0
    return counts / counts.sum()


def ngram_nats(
    train: Int[np.ndarray, "N"],
    held_out: Int[np.ndarray, "M"],
    vocabulary: int,
    weights: tuple[float, ...] = (1.0,),
) -> NgramNats:
    """Return the cross-entropy of a held-out text under a unigram and a smoothed bigram model.

        p(b | a) = (count(a, b) + w p(b)) / (count(a) + w)

    Bigrams are smoothed towards the unigram model (MacKay and Peto 1995). Of ``weights``, the one
    with the lowest bigram cross-entropy is chosen.
    """
    first, second = held_out[:-1], held_out[1:]
    unigram = unigram_probabilities(train, vocabulary)[second]
    pairs = pair_counts(train, first, second, vocabulary)
    firsts = np.bincount(train[:-1], minlength=vocabulary)[first]
    costs = [float(-np.log((pairs + w * unigram) / (firsts + w)).mean()) for w in weights]
    bigram, weight = min(zip(costs, weights, strict=True))
    return NgramNats(float(-np.log(unigram).mean()), bigram, weight)


def ngram_baselines(
    tokens: Splits, vocabulary: int, weights: tuple[float, ...] = (1.0,)
) -> list[Baseline]:
    """Return the cross-entropy of bigrams and unigrams on dev, and on test if there is any.

    The weight of ``ngram_nats`` is chosen on dev.
    """
    dev = ngram_nats(tokens.train, tokens.dev, vocabulary, weights)
    has_pairs = len(tokens.test) > 1
    test = ngram_nats(tokens.train, tokens.test, vocabulary, (dev.weight,)) if has_pairs else None
    return [
        Baseline("bigrams", dev.bigram, test.bigram if test else None),
        Baseline("unigrams", dev.unigram, test.unigram if test else None),
    ]


def pair_counts(
    train: Int[np.ndarray, "N"],
    first: Int[np.ndarray, "M"],
    second: Int[np.ndarray, "M"],
    vocabulary: int,
) -> Int[np.ndarray, "M"]:
    """Return how often each pair occurs in the training text.

    The pairs are counted by sorting, because a table of all pairs of words would not fit in memory.
    """
    codes = train[:-1].astype(np.int64) * vocabulary + train[1:]
    known, counts = np.unique(codes, return_counts=True)
    codes = first.astype(np.int64) * vocabulary + second
    place = np.minimum(np.searchsorted(known, codes), len(known) - 1)
    return np.where(known[place] == codes, counts[place], 0)
