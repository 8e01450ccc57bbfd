"""Reader of MusicXML scores in partwise form, also compressed (``.mxl``).

Notes, chords, rests, ties, several voices and parts, meters, tempos and transposing instruments are
read. Repeats are not written out.

https://www.w3.org/2021/06/musicxml40/
"""

import io
import zipfile
from fractions import Fraction
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from seqmodels.data.music.chords import LETTERS, NATURAL
from seqmodels.data.music.rolls import OCTAVE, TEMPO, Note, Score, make_score
from seqmodels.errors import UserError

CONTAINER = "META-INF/container.xml"


def read_musicxml(path: Path) -> Score:
    """Read a score; each voice of each part is a voice."""
    root = _root(path)
    if root.tag != "score-partwise":
        raise UserError(f"{path} is not a MusicXML score in partwise form (found: {root.tag})")
    notes: list[Note] = []
    for part in root.findall("part"):
        first = 1 + max((note.voice for note in notes), default=-1)
        notes += _PartReader(path, first).read(part)
    if not notes:
        raise UserError(f"{path} has no notes")
    has_repeats = root.find(".//repeat") is not None
    return make_score(
        notes,
        name=(root.findtext("work/work-title") or root.findtext("movement-title") or path.stem),
        meter=_meter(root),
        tempo=_tempo(root),
        messages=(f"{path.name}: repeats were not written out",) if has_repeats else (),
    )


def _root(path: Path) -> Element:
    try:
        raw = path.read_bytes()
        if path.suffix == ".mxl":
            raw = _uncompressed(raw)
        return ElementTree.fromstring(raw)
    except (OSError, zipfile.BadZipFile, KeyError, ElementTree.ParseError) as error:
        raise UserError(f"{path} is not a MusicXML file: {error}") from None


def _uncompressed(raw: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        container = ElementTree.fromstring(archive.read(CONTAINER))
        names = [e.get("full-path") for e in container.iter() if e.tag.endswith("rootfile")]
        return archive.read(names[0] or "") if names else b""


def _meter(root: Element) -> tuple[int, int]:
    beats, unit = root.findtext(".//time/beats"), root.findtext(".//time/beat-type")
    try:
        return sum(map(int, (beats or "4").split("+"))), int(unit or 4)
    except ValueError:
        return 4, 4


def _tempo(root: Element) -> float:
    sound = root.find(".//sound[@tempo]")
    try:
        return float(sound.get("tempo") or TEMPO) if sound is not None else TEMPO
    except ValueError:
        return TEMPO


class _PartReader:
    """The state while the measures of one part are read."""

    def __init__(self, path: Path, first_voice: int):
        self.path = path
        self.first_voice = first_voice
        self.voices: dict[str, int] = {}
        self.divisions = 1
        self.transposition = 0
        self.time = self.chord_start = Fraction(0)
        self.open: dict[tuple[int, int], Note] = {}  # tied notes by voice and pitch
        self.notes: list[Note] = []

    def read(self, part: Element) -> list[Note]:
        """Return the notes of the part."""
        begin = Fraction(0)
        for measure in part.findall("measure"):
            self.time = self.chord_start = end = begin
            for element in measure:
                self._read_element(element, measure.get("number", "?"))
                end = max(end, self.time)
            begin = end
        return [*self.notes, *self.open.values()]

    def _read_element(self, element: Element, measure: str) -> None:
        try:
            if element.tag == "attributes":
                self._read_attributes(element)
            elif element.tag == "note":
                self._read_note(element)
            elif element.tag in ("backup", "forward"):
                sign = 1 if element.tag == "forward" else -1
                self.time += sign * self._duration(element)
        except (ValueError, KeyError, TypeError, ZeroDivisionError) as error:
            raise UserError(f"{self.path}, measure {measure}: {element.tag}: {error!r}") from None

    def _read_attributes(self, element: Element) -> None:
        self.divisions = int(element.findtext("divisions") or self.divisions)
        transpose = element.find("transpose")
        if transpose is not None:
            octaves = int(transpose.findtext("octave-change") or 0)
            self.transposition = int(transpose.findtext("chromatic") or 0) + OCTAVE * octaves

    def _duration(self, element: Element) -> Fraction:
        return Fraction(element.findtext("duration") or "") / self.divisions

    def _read_note(self, element: Element) -> None:
        """Add a note; grace notes, rests and unpitched notes are left out."""
        if element.find("grace") is not None:
            return
        duration = self._duration(element)
        if element.find("chord") is None:
            self.chord_start = self.time
            self.time += duration
        pitch = element.find("pitch")
        if pitch is None:
            return
        name = element.findtext("voice") or "1"
        voice = self.voices.setdefault(name, self.first_voice + len(self.voices))
        note = Note(self._pitch(pitch), self.chord_start, duration, voice)
        ties = {tie.get("type") for tie in element.findall("tie")}
        key = (voice, note.pitch)
        before = self.open.pop(key, None)
        if before is not None and "stop" in ties:
            note = before._replace(duration=note.start + duration - before.start)
        elif before is not None:
            self.notes.append(before)
        if "start" in ties:
            self.open[key] = note
        else:
            self.notes.append(note)

    def _pitch(self, element: Element) -> int:
        step = NATURAL[LETTERS.index(element.findtext("step") or "?")]
        alter = round(float(element.findtext("alter") or 0))
        octave = int(element.findtext("octave") or "")
        return OCTAVE * (octave + 1) + step + alter + self.transposition
