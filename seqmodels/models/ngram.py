"""Counting models of a sequence: what a network has to beat."""

import numpy as np
from jaxtyping import Float, Int


def unigram(tokens: Int[np.ndarray, "N"], vocabulary: int) -> Float[np.ndarray, "V"]:
    """How often each token comes, with one added to every count (Laplace)."""
    counts = np.bincount(tokens, minlength=vocabulary) + 1.0
    return counts / counts.sum()


def bigram(
    tokens: Int[np.ndarray, "N"], vocabulary: int, weight: float = 1.0
) -> Float[np.ndarray, "V V"]:
    """How often b follows a, drawn towards how often b comes at all (MacKay and Peto 1995).

    p(b | a) = (count(a, b) + weight p(b)) / (count(a) + weight)
    """
    pairs = np.bincount(tokens[:-1] * vocabulary + tokens[1:], minlength=vocabulary**2)
    counts = pairs.reshape(vocabulary, vocabulary) + weight * unigram(tokens, vocabulary)
    return counts / counts.sum(axis=1, keepdims=True)


def ngram_nats(
    train: Int[np.ndarray, "N"], held_out: Int[np.ndarray, "M"], vocabulary: int
) -> tuple[float, float]:
    """Cross-entropy of a held-out text under the two models, nats a token: unigram, bigram."""
    targets = held_out[1:]
    single = unigram(train, vocabulary)[targets]
    pair = bigram(train, vocabulary)[held_out[:-1], targets]
    return float(-np.log(single).mean()), float(-np.log(pair).mean())
