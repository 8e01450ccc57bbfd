"""Neighbors and maps of words."""

import matplotlib.image
import numpy as np

from seqmodels.diagnostics.plots.word_map import draw_word_map, nearest_words

VECTORS = np.random.default_rng(0).normal(size=(20, 4)).astype(np.float32)
WORDS = (*(f"w{number}" for number in range(19)), "$x_1$")


def test_neighbors_are_ranked_by_cosine():
    found = nearest_words(VECTORS * np.arange(1, 21)[:, None], 3, 19)
    unit = VECTORS / np.linalg.norm(VECTORS, axis=1, keepdims=True)
    cosines = unit @ unit[3]
    assert [word for word, _ in found] == [w for w in np.argsort(-cosines) if w != 3]
    np.testing.assert_allclose([c for _, c in found], np.sort(np.delete(cosines, 3))[::-1], 1e-5)


def test_words_are_at_their_principal_components(tmp_path):
    wide = np.random.default_rng(1).normal(size=(20, 3)) * [0.1, 9.0, 3.0]
    points = draw_word_map(wide, WORDS, tmp_path / "words.png")
    centered = wide - wide.mean(axis=0)
    _, _, axes = np.linalg.svd(centered)
    np.testing.assert_allclose(np.abs(points), np.abs(centered @ axes[:2].T), atol=1e-8)
    assert matplotlib.image.imread(tmp_path / "words.png").std() > 0
