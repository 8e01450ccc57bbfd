"""Files of any format, folders, and music21."""

import sys
from types import ModuleType, SimpleNamespace

import pytest

from seqmodels.data.music.rolls import chords_from_frames, make_note, make_score
from seqmodels.data.music.score_files import (
    read_folder,
    read_music21,
    read_scores,
    split_pieces,
    write_score,
)
from seqmodels.errors import UserError


def scale(first: int, name: str = "scale"):
    return make_score([make_note(first + i, i, 1) for i in range(4)], name=name)


@pytest.mark.parametrize("ending", [".mid", ".abc"])
def test_what_is_written_can_be_read(tmp_path, ending):
    path = tmp_path / f"scale{ending}"
    write_score(scale(60), path, "organ")
    (score,) = read_scores(path)
    assert score.notes == scale(60).notes


def test_chord_symbols_are_optional(tmp_path):
    path = tmp_path / "x.abc"
    path.write_text('X:1\nK:C\nL:1/4\n"C"c2|\n')
    assert [len(read_scores(path, chords)[0].notes) for chords in (True, False)] == [4, 1]


def test_unknown_endings(tmp_path):
    with pytest.raises(UserError, match=r"x\.txt: give a file that ends in \.mid"):
        read_scores(tmp_path / "x.txt")
    with pytest.raises(UserError, match=r"x\.txt: give a path that ends in \.mid"):
        write_score(scale(60), tmp_path / "x.txt")
    write_score(scale(60), tmp_path / "x.wav")
    assert (tmp_path / "x.wav").read_bytes()[:4] == b"RIFF"


def test_folders_with_splits(tmp_path):
    for number, split in enumerate(["train", "valid", "test"]):
        (tmp_path / split).mkdir()
        write_score(scale(60 + number), tmp_path / split / "a.mid")
    write_score(scale(12), tmp_path / "train" / "low.mid")
    (tmp_path / "train" / "broken.mid").write_bytes(b"MThd")
    collection = read_folder(tmp_path, 1)
    first = {split: chords_from_frames(p[0].frames)[0] for split, p in collection.splits.items()}
    assert first == {"train": [60], "dev": [61], "test": [62]}
    assert [len(pieces) for pieces in collection.splits.values()] == [2, 1, 1]
    assert len(collection.messages) == 2
    assert "broken.mid" in collection.messages[0]
    assert collection.messages[1] == "low: 4 notes outside the 88 keys were moved by octaves"


def test_folders_without_splits(tmp_path):
    for number in range(30):
        write_score(scale(40 + number), tmp_path / f"{number}.mid")
        write_score(scale(40 + number), tmp_path / f"copy of {number}.mid")
    splits = read_folder(tmp_path, 2, (0.5, 0.25, 0.25)).splits
    contents = [{p.frames.tobytes() for p in pieces} for pieces in splits.values()]
    assert sum(map(len, contents)) == 30
    assert sum(map(len, splits.values())) == 60
    assert all(contents)
    assert split_pieces(splits["dev"], (0.5, 0.25, 0.25))["dev"] == splits["dev"]


def test_folders_without_music(tmp_path):
    with pytest.raises(UserError, match=r"has no files that end in \.mid"):
        read_folder(tmp_path, 1)
    (tmp_path / "x.mid").write_text("text")
    with pytest.raises(UserError, match=r"no file could be read; the first: .*x\.mid is not"):
        read_folder(tmp_path, 1)


def test_music21_is_optional(monkeypatch):
    monkeypatch.setitem(sys.modules, "music21", None)
    with pytest.raises(UserError, match=r"needs music21: pip install 'seqmodels\[music\]'"):
        read_music21("bach", 1)


def test_music21_has_no_such_corpus(monkeypatch):
    module = ModuleType("music21")
    module.corpus = SimpleNamespace(getComposer=lambda name: [])
    monkeypatch.setitem(sys.modules, "music21", module)
    with pytest.raises(UserError, match="music21:nobody: music21 has no such corpus"):
        read_music21("nobody", 1)


def test_music21_streams(monkeypatch):
    """Chords, ties and meters through the interface of music21's streams."""

    def stream(**fields):
        return SimpleNamespace(**fields)

    def element(offset, length, *pitches):
        midi = [SimpleNamespace(midi=pitch) for pitch in pitches]
        return SimpleNamespace(offset=offset, quarterLength=length, pitches=midi)

    def part(*elements):
        flat = stream(notes=elements)
        return stream(stripTies=lambda: stream(flatten=lambda: flat))

    meters = [SimpleNamespace(numerator=3, denominator=4)]
    elements = stream(getElementsByClass=lambda name: meters)
    score = stream(
        parts=[part(element(0.0, 1.5, 72, 76), element(1.5, 0.0, 90)), part(element(0.5, 1.0, 48))],
        recurse=lambda: elements,
    )
    module = ModuleType("music21")
    module.corpus = SimpleNamespace(getComposer=lambda name: ["a/bwv1.mxl"], parse=lambda _: score)
    monkeypatch.setitem(sys.modules, "music21", module)
    (piece,) = read_music21("bach", 2, (1.0, 0.0, 0.0)).splits["train"]
    assert chords_from_frames(piece.frames) == [[72, 76], [48, 72, 76], [48, 72, 76]]
    assert (piece.name, piece.meter) == ("bwv1", (3, 4))
