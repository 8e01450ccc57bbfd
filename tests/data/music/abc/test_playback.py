"""Scores from tunes: ties, chord symbols, files."""

from fractions import Fraction

import pytest

from seqmodels.data.music.abc.playback import (
    read_abc,
    read_abc_scores,
    score_from_tune,
)
from seqmodels.data.music.abc.tunes import parse_tune
from seqmodels.errors import UserError

TUNE = 'X:7\nT:Song\nM:3/4\nL:1/4\nQ:1/4=90\nK:G\n"G"G-|G/A/ [B-d]"D7/f+"B:|"?"c3|\n'


def test_ties_repeats_and_chords():
    score = score_from_tune(parse_tune(TUNE))
    half = Fraction(1, 2)
    first = [(67, 0, 3 * half), (69, 3 * half, half), (71, 2, 2), (74, 2, 1)]
    second = [(pitch, start + 4, duration) for pitch, start, duration in first]
    melody = [tuple(note[:3]) for note in score.notes if note.voice == 0]
    assert melody == [*first, *second, (72, 8, 3)]
    chords = {}
    for note in score.notes:
        if note.voice == 1:
            chords.setdefault((note.start, note.duration), set()).add(note.pitch)
    g7, d7 = {55, 59, 62}, {42, 50, 54, 57, 60}
    assert chords == {(0, 3): g7, (3, 1): d7, (4, 3): g7, (7, 4): d7}
    assert score.messages == ("Song: the chord '?' was left out",)
    assert (score.name, score.meter, score.tempo) == ("Song", (3, 4), 90.0)
    assert {n.voice for n in score_from_tune(parse_tune(TUNE), chords=False).notes} == {0}


def test_files(tmp_path):
    path = tmp_path / "tunes.abc"
    path.write_text("% collection\n\n" + TUNE + "\nfree text\n\nX:8\nK:C\nc|\n")
    assert [text[:3] for text in read_abc(path)] == ["X:7", "X:8"]
    assert "free text" not in read_abc(path)[0]
    assert [score.name for score in read_abc_scores(path)] == ["Song", "8"]
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "a.abc").write_text("X:9\nK:C\nc|\n")
    assert [text[:3] for text in read_abc(tmp_path)] == ["X:9", "X:7", "X:8"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("hello", "has no tunes: in ABC notation each begins with a line X:"),
        ("X:1\nM:4/4\nc4|\n", "the tune X:1: there is no K: line"),
        ("X:1\nK:C\nz4|\n", "has no notes"),
    ],
)
def test_files_without_usable_notes(tmp_path, text, message):
    path = tmp_path / "x.abc"
    path.write_text(text)
    with pytest.raises(UserError, match=message):
        read_abc_scores(path)
    with pytest.raises(UserError, match="cannot read"):
        read_abc(tmp_path / "none.abc")
