"""Counting models of a sequence: what a network has to beat."""

import numpy as np
from jaxtyping import Float, Int


def unigram(tokens: Int[np.ndarray, "N"], vocabulary: int) -> Float[np.ndarray, "V"]:
    """How often each token comes, with one added to every count (Laplace)."""
    counts = np.bincount(tokens, minlength=vocabulary) + 1.0
    return counts / counts.sum()


def ngram_nats(
    train: Int[np.ndarray, "N"],
    held_out: Int[np.ndarray, "M"],
    vocabulary: int,
    weights: tuple[float, ...] = (1.0,),
) -> tuple[float, float]:
    """Cross-entropy of a held-out text, nats a token: of single tokens, and of pairs.

        p(b | a) = (count(a, b) + w p(b)) / (count(a) + w)

    Pairs are drawn towards how often b comes at all (MacKay and Peto 1995), by the best weight w.
    """
    before, targets = held_out[:-1], held_out[1:]
    single = unigram(train, vocabulary)[targets]
    pairs = pair_counts(train, before, targets, vocabulary)
    firsts = np.bincount(train[:-1], minlength=vocabulary)[before]
    costs = [-np.log((pairs + w * single) / (firsts + w)).mean() for w in weights]
    return float(-np.log(single).mean()), float(min(costs))


def pair_counts(
    train: Int[np.ndarray, "N"],
    before: Int[np.ndarray, "M"],
    targets: Int[np.ndarray, "M"],
    vocabulary: int,
) -> Int[np.ndarray, "M"]:
    """How often each pair comes in training; a table of all pairs would not fit for words."""
    codes = train[:-1].astype(np.int64) * vocabulary + train[1:]
    known, counts = np.unique(codes, return_counts=True)
    wanted = before.astype(np.int64) * vocabulary + targets
    place = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
    return np.where(known[place] == wanted, counts[place], 0)
