"""Neighbors of words, and a map of the words, from their vectors."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float


def nearest_words(
    vectors: Float[np.ndarray, "V D"], word: int, count: int = 10
) -> list[tuple[int, float]]:
    """Return the words with the most similar vectors, each with its cosine similarity.

    >>> nearest_words(np.array([[3.0, 0.0], [0.0, 2.0], [3.0, 4.0]]), 0, 1)
    [(2, 0.6)]
    """
    lengths = np.maximum(np.linalg.norm(vectors, axis=1), 1e-12)
    cosines = vectors @ vectors[word] / (lengths * lengths[word])
    order = np.argsort(-cosines, kind="stable")
    return [(int(other), float(cosines[other])) for other in order[order != word][:count]]


def draw_word_map(
    vectors: Float[np.ndarray, "N D"], words: Sequence[str], path: Path | str
) -> Float[np.ndarray, "N 2"]:
    """Draw the words at the first two principal components of their vectors; return these."""
    from matplotlib.figure import Figure
    from sklearn.decomposition import PCA

    pca = PCA(n_components=2, svd_solver="full")
    points = pca.fit_transform(vectors)
    figure = Figure(figsize=(9, 9), layout="constrained")
    axes = figure.subplots()
    axes.scatter(points[:, 0], points[:, 1], s=4, color="lightgrey")
    for word, (x, y) in zip(words, points, strict=True):
        axes.text(x, y, word, fontsize=8, ha="center", va="center", parse_math=False)
    for name, share in zip("xy", pca.explained_variance_ratio_, strict=True):
        axes.set(**{f"{name}label": f"{share:.1%} of the variance"})
    figure.savefig(path, dpi=130)
    return points
