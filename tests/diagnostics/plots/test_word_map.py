import matplotlib.image
import numpy as np
import pytest

from seqmodels.commands.embedding import EmbeddingArguments, show_embedding
from seqmodels.data.text.vectors import read_vectors
from seqmodels.data.text.vocabulary import Vocabulary
from seqmodels.diagnostics.plots.word_map import draw_embedding, nearest
from seqmodels.errors import UserError

VECTORS = np.random.default_rng(0).normal(size=(20, 4)).astype(np.float32)
WORDS = (*(f"w{number}" for number in range(19)), "$x_1$")


def test_neighbours_are_ranked_by_angle():
    found = nearest(VECTORS * np.arange(1, 21)[:, None], 3, 19)
    unit = VECTORS / np.linalg.norm(VECTORS, axis=1, keepdims=True)
    cosines = unit @ unit[3]
    assert [word for word, _ in found] == [w for w in np.argsort(-cosines) if w != 3]
    np.testing.assert_allclose([c for _, c in found], np.sort(np.delete(cosines, 3))[::-1], 1e-5)


def test_the_picture_has_the_two_widest_directions(tmp_path):
    wide = np.random.default_rng(1).normal(size=(20, 3)) * [0.1, 9.0, 3.0]
    places = draw_embedding(wide, WORDS, tmp_path / "words.png")
    centred = wide - wide.mean(axis=0)
    _, _, axes = np.linalg.svd(centred)
    np.testing.assert_allclose(np.abs(places), np.abs(centred @ axes[:2].T), atol=1e-8)
    assert matplotlib.image.imread(tmp_path / "words.png").std() > 0


def test_what_is_written_is_read_back(tmp_path, capsys):
    vocabulary, file = Vocabulary(WORDS), tmp_path / "vectors.txt"
    arguments = EmbeddingArguments(near=("w2",), count=3, shown=5, export=str(file))
    show_embedding(VECTORS, vocabulary, arguments, tmp_path / "words.png")
    near, *_ = capsys.readouterr().out.splitlines()
    assert near.split()[::2] == ["w2", *(f"{c:.2f}" for _, c in nearest(VECTORS, 2, 3))]
    assert file.read_text().splitlines()[0] == "20 4"
    values, rows = read_vectors(file, vocabulary.index)
    np.testing.assert_array_equal(values[np.argsort(rows)], VECTORS)
    with pytest.raises(UserError, match="--near: the model never saw 'cat'"):
        show_embedding(VECTORS, vocabulary, EmbeddingArguments(near=("cat",)), tmp_path / "a.png")
