"""MusicXML files."""

import zipfile

import pytest

from seqmodels.data.music.musicxml import read_musicxml
from seqmodels.errors import UserError


def note(step: str, octave: int, duration: int, extra: str = "", voice: str = "1") -> str:
    letter, alter = step[0], {"#": 1, "b": -1}.get(step[1:], 0)
    pitch = f"<step>{letter}</step><alter>{alter}</alter><octave>{octave}</octave>"
    chord = "<chord/>" if "chord" in extra else ""
    ties = "".join(f'<tie type="{t}"/>' for t in ("stop", "start") if t in extra)
    return (
        f"<note>{chord}<pitch>{pitch}</pitch><duration>{duration}</duration>{ties}"
        f"<voice>{voice}</voice></note>"
    )


def rest(duration: int) -> str:
    return f"<note><rest/><duration>{duration}</duration></note>"


TIME = "<divisions>2</divisions><time><beats>3</beats><beat-type>4</beat-type></time>"
FIRST = (
    f'<measure number="1"><attributes>{TIME}</attributes><sound tempo="72"/>'
    + note("C", 4, 2)
    + note("E", 4, 2, "chord")
    + rest(1)
    + "<note><grace/><pitch><step>A</step><octave>5</octave></pitch></note>"
    + note("F#", 4, 3, "start")
    + "<backup><duration>6</duration></backup>"
    + note("Bb", 2, 6, voice="2")
    + '</measure><measure number="2">'
    + note("F#", 4, 2, "stop start")
    + '</measure><measure number="3">'
    + note("F#", 4, 1, "stop")
    + "</measure>"
)
CLARINET = (
    '<measure number="1"><attributes><divisions>1</divisions><transpose><chromatic>-2</chromatic>'
    "</transpose></attributes>" + note("D", 5, 3) + "</measure>"
)
SCORE = (
    '<?xml version="1.0"?><score-partwise><work><work-title>Example</work-title></work>'
    f'<part id="P1">{FIRST}</part><part id="P2">{CLARINET}</part></score-partwise>'
)


def test_notes_ties_voices_and_transposition(tmp_path):
    (tmp_path / "x.musicxml").write_text(SCORE)
    score = read_musicxml(tmp_path / "x.musicxml")
    assert {tuple(n) for n in score.notes} == {
        (60, 0, 1, 0),
        (64, 0, 1, 0),
        (66, 1.5, 3, 0),
        (46, 0, 3, 1),
        (72, 0, 3, 2),
    }
    assert (score.name, score.meter, score.tempo) == ("Example", (3, 4), 72.0)


def test_compressed_files(tmp_path):
    container = '<container><rootfiles><rootfile full-path="s.xml"/></rootfiles></container>'
    with zipfile.ZipFile(tmp_path / "x.mxl", "w") as archive:
        archive.writestr("META-INF/container.xml", container)
        archive.writestr("s.xml", SCORE)
    assert len(read_musicxml(tmp_path / "x.mxl").notes) == 5


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("not xml", "is not a MusicXML file"),
        ("<html/>", r"is not a MusicXML score in partwise form \(found: html\)"),
        ("<score-partwise/>", "has no notes"),
        (SCORE.replace("<step>C</step>", "<step>H</step>"), "measure 1: note"),
        (SCORE.replace("<duration>2</duration>", ""), "measure 1: note"),
    ],
)
def test_other_files_are_one_clear_error(tmp_path, text, message):
    (tmp_path / "x.xml").write_text(text)
    with pytest.raises(UserError, match=message):
        read_musicxml(tmp_path / "x.xml")
    (tmp_path / "x.mxl").write_text(text)
    with pytest.raises(UserError, match="is not a MusicXML file"):
        read_musicxml(tmp_path / "x.mxl")
