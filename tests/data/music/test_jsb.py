"""Published formats of piano rolls and voices."""

import json
import os
import pickle
import zipfile

import numpy as np
import pytest
from scipy.io import savemat

from seqmodels.data.music.jsb import read_json, read_mat, read_voices
from seqmodels.data.music.rolls import chords_from_frames
from seqmodels.errors import UserError

CHORDS = {"train": [[[60, 64], []], [[62]]], "valid": [[[65]]], "test": [[[21, 108]] * 3]}
VOICES = {"train": [[[72, 67, 64, 48], [72, 67, -1, 48]]], "valid": [], "test": []}


def test_json(tmp_path):
    path = tmp_path / "jsb-chorales-16th.json"
    path.write_text(json.dumps(CHORDS))
    splits = read_json(path)
    assert [len(pieces) for pieces in splits.values()] == [2, 1, 1]
    assert chords_from_frames(splits["train"][0].frames) == CHORDS["train"][0]
    assert chords_from_frames(splits["dev"][0].frames) == CHORDS["valid"][0]
    assert splits["test"][0].steps == 4
    assert splits["test"][0].name == "test 0"


def write_npz(path, objects):
    """Write object arrays as older versions of numpy did, with the module numpy.core."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, value in objects.items():
            with archive.open(f"{name}.npy", "w") as file:
                np.lib.format.write_array_header_1_0(
                    file, {"descr": "|O", "fortran_order": False, "shape": (len(value),)}
                )
                file.write(pickle.dumps(value, 3).replace(b"numpy._core", b"numpy.core"))


def test_four_voices(tmp_path):
    as_floats = {}
    for split, pieces in VOICES.items():
        as_floats[split] = np.empty(len(pieces), object)
        for number, piece in enumerate(pieces):
            values = np.array(piece, np.float16)
            as_floats[split][number] = np.where(values < 0, np.float16(np.nan), values)
    write_npz(tmp_path / "Jsb16thSeparated.npz", as_floats)
    (tmp_path / "Jsb16thSeparated.json").write_text(json.dumps(VOICES))
    for name in ("Jsb16thSeparated.npz", "Jsb16thSeparated.json"):
        splits = read_voices(tmp_path / name)
        assert splits["train"][0].pitches.tolist() == VOICES["train"][0]
        assert splits["train"][0].steps == 4


def test_a_pickle_runs_no_code(tmp_path):
    class Attack:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "attacked"),)

    write_npz(tmp_path / "x.npz", {split: [Attack()] for split in VOICES})
    with pytest.raises(UserError, match="mkdir is not allowed in a data file"):
        read_voices(tmp_path / "x.npz")
    assert not (tmp_path / "attacked").exists()


def test_mat(tmp_path):
    rolls = np.zeros((2, 4, 88), np.uint8)
    rolls[0, :, 39] = 1
    cells = {}
    for split in ("train", "valid", "test"):
        cells[f"{split}data"] = np.empty((1, 2), object)
        cells[f"{split}data"][0] = [rolls[0], rolls[1, :3]]
    savemat(tmp_path / "x.mat", cells)
    splits = read_mat(tmp_path / "x.mat", steps=2)
    assert list(splits) == ["train", "dev", "test"]
    assert chords_from_frames(splits["dev"][0].frames) == [[60]] * 4
    assert splits["dev"][1].frames.shape == (3, 88)
    assert splits["dev"][1].steps == 2
    savemat(tmp_path / "y.mat", {"other": rolls})
    with pytest.raises(UserError, match="has no 'traindata'"):
        read_mat(tmp_path / "y.mat")


def test_other_files_are_one_clear_error(tmp_path):
    path = tmp_path / "x.json"
    for text, message in [
        ("not json", "is not a JSON file"),
        ('{"train": []}', "expected train, valid and test"),
        ('{"train": [[[200]]], "valid": [], "test": []}', "MIDI pitch 200"),
        ('{"train": [3], "valid": [], "test": []}', "expected train, valid and test"),
    ]:
        path.write_text(text)
        with pytest.raises(UserError, match=message):
            read_json(path)
    path.write_text('{"train": [[[60, 62]]], "valid": [], "test": []}')
    with pytest.raises(UserError, match="does not have four voices"):
        read_voices(path)
    for name, reader in [("x.npz", read_voices), ("x.mat", read_mat)]:
        (tmp_path / name).write_text("text" * 99)
        with pytest.raises(UserError, match=r"is not an? "):
            reader(tmp_path / name)
