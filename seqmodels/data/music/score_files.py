"""Scores in files of any format, folders of them, and music21's corpora."""

from collections.abc import Callable, Iterable
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

from seqmodels.data.music.abc.playback import read_abc_scores
from seqmodels.data.music.abc.writer import abc_from_score
from seqmodels.data.music.midi import read_midi, write_midi
from seqmodels.data.music.musicxml import read_musicxml
from seqmodels.data.music.rolls import Note, Piece, Score, fold_score, make_score, piece_from_score
from seqmodels.data.music.synthesis import get_timbre, synthesise, write_wav
from seqmodels.data.splits import Fractions, hash_split
from seqmodels.errors import UserError

READERS: dict[str, Callable[[Path, bool], list[Score]]] = {
    ".mid": lambda path, chords: [read_midi(path)],
    ".midi": lambda path, chords: [read_midi(path)],
    ".abc": read_abc_scores,
    ".musicxml": lambda path, chords: [read_musicxml(path)],
    ".xml": lambda path, chords: [read_musicxml(path)],
    ".mxl": lambda path, chords: [read_musicxml(path)],
}
SPLIT_FOLDERS = {"train": ("train",), "dev": ("dev", "valid", "val"), "test": ("test",)}
FRACTIONS = (0.8, 0.1, 0.1)


class Collection(NamedTuple):
    """Pieces by split, and messages about what was left out or changed."""

    splits: dict[str, list[Piece]]
    messages: list[str]


def read_scores(path: Path, chords: bool = True) -> list[Score]:
    """Read all scores of a MIDI, ABC or MusicXML file; notes outside the 88 keys stay.

    chords: whether the chord symbols of ABC sound
    """
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise UserError(f"{path}: give a file that ends in {', '.join(READERS)}")
    return reader(path, chords)


def write_score(score: Score, path: Path, timbre: str = "piano") -> None:
    """Write a score as MIDI, ABC or WAV, by the ending of the path."""
    if path.suffix in (".mid", ".midi"):
        write_midi(score, path, get_timbre(timbre).program)
    elif path.suffix == ".abc":
        path.write_text(abc_from_score(score), "utf-8")
    elif path.suffix == ".wav":
        write_wav(path, synthesise(score, timbre))
    else:
        raise UserError(f"{path}: give a path that ends in .mid, .abc or .wav")


def read_folder(folder: Path, steps: int, fractions: Fractions = FRACTIONS) -> Collection:
    """Read a folder of MIDI, ABC and MusicXML files, with ``steps`` frames per quarter note.

    Files in folders named train, dev (or valid) and test are these splits. Otherwise pieces are
    divided by a hash of their frames, so that copies are in one split. A file that cannot be read
    is left out with a message.
    """
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in READERS)
    if not paths:
        raise UserError(f"--data {folder} has no files that end in {', '.join(READERS)}")
    messages: list[str] = []
    pieces = [(path, p) for path in paths for p in _readable_pieces(path, steps, messages)]
    if not pieces:
        raise UserError(f"--data {folder}: no file could be read; the first: {messages[0]}")
    by_folder = {
        split: [p for path, p in pieces if set(path.relative_to(folder).parts[:-1]) & set(names)]
        for split, names in SPLIT_FOLDERS.items()
    }
    if all(by_folder.values()):
        return Collection(by_folder, messages)
    return Collection(split_pieces([piece for _, piece in pieces], fractions), messages)


def _readable_pieces(path: Path, steps: int, messages: list[str]) -> list[Piece]:
    """Return the pieces of a file, and append what the user should know."""
    try:
        return _pieces(read_scores(path), steps, messages)
    except UserError as error:
        messages.append(str(error))
        return []


def _pieces(scores: Iterable[Score], steps: int, messages: list[str]) -> list[Piece]:
    folded = [fold_score(score) for score in scores]
    messages += [message for score in folded for message in score.messages]
    return [piece_from_score(score, steps) for score in folded]


def split_pieces(pieces: list[Piece], fractions: Fractions = FRACTIONS) -> dict[str, list[Piece]]:
    """Divide pieces by a hash of their frames."""
    rows = hash_split([piece.frames.tobytes().hex() for piece in pieces], fractions)
    return {name: [pieces[row] for row in part] for name, part in rows._asdict().items()}


def read_music21(name: str, steps: int, fractions: Fractions = FRACTIONS) -> Collection:
    """Read a corpus of music21, for example ``bach``, by way of MIDI-like notes.

    It needs the extra ``music``.
    """
    try:
        from music21 import corpus
    except ImportError:
        raise UserError(
            "--data music21:NAME needs music21: pip install 'seqmodels[music]'"
        ) from None
    paths = corpus.getComposer(name)
    if not paths:
        raise UserError(f"--data music21:{name}: music21 has no such corpus, for example bach")
    messages: list[str] = []
    scores = [_score_of_music21(corpus.parse(path), Path(str(path)).stem) for path in paths]
    pieces = _pieces([score for score in scores if score.notes], steps, messages)
    return Collection(split_pieces(pieces, fractions), messages)


def _score_of_music21(stream, name: str) -> Score:
    """Convert a stream of music21; each part is a voice."""
    parts = list(stream.parts) or [stream]
    notes = [
        Note(pitch.midi, Fraction(element.offset), Fraction(element.quarterLength), voice)
        for voice, part in enumerate(parts)
        for element in part.stripTies().flatten().notes
        for pitch in element.pitches
        if element.quarterLength
    ]
    meters = list(stream.recurse().getElementsByClass("TimeSignature"))
    meter = (meters[0].numerator, meters[0].denominator) if meters else (4, 4)
    return make_score(notes, name=name, meter=meter)
