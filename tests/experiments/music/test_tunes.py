"""Tunes as text."""

import pytest

from experiments.music.tunes import compose_tunes, read_tunes, tune_data, tune_model, valid_tunes
from seqmodels.data.music.abc.bars import check_tune
from seqmodels.data.text.vocabulary import Vocabulary
from seqmodels.errors import UserError
from seqmodels.models.config import RecurrentConfig
from seqmodels.train.config import FitConfig

TUNE = "X: 7\nT:One\n% comment\nM:4/4\nL:1/4\nK:{}\nCDEF|GABc|\n\n"


def test_generated_tunes_are_valid_and_distinct():
    parts = read_tunes(None, 40)
    tunes = [tune for part in parts for tune in part]
    assert len(tunes) == len(set(tunes)) == 40
    assert not any(map(check_tune, tunes))
    assert valid_tunes([*tunes, "X:1\nM:4/4\nL:1/4\nK:C\nC|CDEFG|C4|"]) == tunes


def test_tunes_of_files_are_cleaned_and_transposed(tmp_path):
    keys = [f"{tonic}{mode}" for tonic in "CDEFGAB" for mode in ("", "m", "mix", "dor")]
    (tmp_path / "all.abc").write_text("".join(TUNE.format(key) for key in keys))
    parts = read_tunes(str(tmp_path), 0)
    assert sum(map(len, parts)) == len(keys)
    assert parts.train[0].startswith("X:1\nT:One\nM:4/4\n")
    assert "comment" not in parts.train[0]
    training = FitConfig(batch_size=1)
    plain, moved = (tune_data(parts, "tunes", training, on, None) for on in (False, True))
    assert moved.sizes["train"] > 11 * plain.sizes["train"]
    assert moved.sizes["dev"] == plain.sizes["dev"]


def test_too_few_tunes_are_refused(tmp_path):
    (tmp_path / "one.abc").write_text(TUNE.format("C"))
    with pytest.raises(UserError, match="1 tunes are too few for three splits"):
        read_tunes(str(tmp_path / "one.abc"), 0)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"has no \.abc files"):
        read_tunes(str(tmp_path / "empty"), 0)


def test_composed_tunes_begin_with_a_number_and_end_at_a_blank_line():
    import jax

    metadata = {"vocabulary": {"symbols": ["\n", "X", ":", "1"]}}
    vocabulary = Vocabulary.from_dict(metadata["vocabulary"])
    model = tune_model(RecurrentConfig(cell="gru", hidden=4), metadata, {})
    params = model.init(jax.random.key(0))
    found = compose_tunes(model, params, vocabulary, 40, count=5, seed=1, temperature=1.0)
    assert len(found) == 5
    for tune in found:
        assert tune.startswith("X:")
        assert "\n\n" not in tune
        assert len(tune) <= 42
