import jax
import numpy as np
import pytest

from seqmodels.data.text.config import TextConfig
from seqmodels.errors import UserError
from seqmodels.models.classification.text_embedding import check_vectors, text_embedding

METADATA = {"vocabulary": {"symbols": ["<unk>", "good", "bad", "film"]}}


def test_pretrained_vectors_are_the_initial_embedding(tmp_path):
    path = tmp_path / "v.txt"
    path.write_text("good 1 2\nbad -1 -2\n")
    embedding = text_embedding(TextConfig(embedding=2, vectors=str(path)), METADATA)
    table = embedding.init(jax.random.key(0))["embedding"]
    np.testing.assert_allclose(table[1], -table[2], rtol=1e-6)
    assert table[1, 1] / table[1, 0] == pytest.approx(2.0)
    path.unlink()  # a trained model needs the shapes only
    assert jax.eval_shape(embedding.init, jax.random.key(0))["embedding"].shape == (4, 2)


def test_ngrams_add_a_table():
    embedding = text_embedding(TextConfig(embedding=2, ngrams=10), METADATA)
    params = jax.eval_shape(embedding.init, jax.random.key(0))
    assert {name: part["embedding"].shape for name, part in params.items()} == {
        "words": (4, 2),
        "ngrams": (11, 2),
    }


def test_vectors_of_another_size_are_an_error(tmp_path):
    (tmp_path / "v.txt").write_text("good 1 2\n")
    config = TextConfig(embedding=2, vectors=str(tmp_path / "v.txt"))
    check_vectors(config)
    with pytest.raises(UserError, match="has 2 features; give --embedding 2"):
        check_vectors(TextConfig(embedding=3, vectors=config.vectors))
