"""What a model knows of single words: which lie close together."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float


def nearest(
    vectors: Float[np.ndarray, "V D"], number: int, count: int = 10
) -> list[tuple[int, float]]:
    """The words whose vectors point most nearly the same way, each with its cosine.

    >>> nearest(np.array([[3.0, 0.0], [0.0, 2.0], [3.0, 4.0]]), 0, 1)
    [(2, 0.6)]
    """
    lengths = np.maximum(np.linalg.norm(vectors, axis=1), 1e-12)
    cosines = vectors @ vectors[number] / (lengths * lengths[number])
    order = np.argsort(-cosines, kind="stable")
    return [(int(w), float(cosines[w])) for w in order[order != number][:count]]


def draw_embedding(
    vectors: Float[np.ndarray, "N D"], words: Sequence[str], path: Path | str
) -> Float[np.ndarray, "N 2"]:
    """The words at their places along the two directions in which they differ most (PCA)."""
    from matplotlib.figure import Figure
    from sklearn.decomposition import PCA

    pca = PCA(n_components=2, svd_solver="full")
    places = pca.fit_transform(vectors)
    figure = Figure(figsize=(9, 9), layout="constrained")
    axes = figure.subplots()
    axes.scatter(places[:, 0], places[:, 1], s=4, color="lightgrey")
    for word, (x, y) in zip(words, places, strict=True):
        axes.text(x, y, word, fontsize=7, ha="center", va="center", parse_math=False)
    for name, share in zip("xy", pca.explained_variance_ratio_, strict=True):
        axes.set(**{f"{name}label": f"{share:.1%} of the variance"})
    figure.savefig(path, dpi=130)
    return places
