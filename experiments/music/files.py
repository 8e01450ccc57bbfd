"""Pieces from and to files of several formats."""

import json
from pathlib import Path

from seqmodels.data.music.abc.playback import read_abc_scores
from seqmodels.data.music.abc.writer import abc_from_score
from seqmodels.data.music.midi import read_midi, write_midi
from seqmodels.data.music.rolls import Piece, Score, frames_from_chords, piece_from_score
from seqmodels.data.music.synthesis import synthesise, write_wav
from seqmodels.errors import UserError

WRITTEN = (".mid", ".wav", ".abc")


def read_score(path: Path) -> Score:
    """Read a .mid or .abc file, and print what was left out or changed."""
    if path.suffix in (".mid", ".midi"):
        score = read_midi(path)
    elif path.suffix == ".abc":
        score = read_first_tune(path)
    else:
        raise UserError(f"{path}: give a .mid, .abc or .json file")
    for message in score.messages:
        print(message)
    return score


def read_first_tune(path: Path) -> Score:
    """Read the first tune of a file that has notes."""
    scores = read_abc_scores(path)
    if not scores:
        raise UserError(f"{path} has no tune with notes; each begins with X: and needs K:")
    return scores[0]


def read_piece(path: Path, steps: int) -> Piece:
    """Read a piece with ``steps`` frames per quarter note: .mid, .abc, or .json of chords."""
    if path.suffix == ".json":
        return Piece(frames_from_chords(_read_chords(path)), path.stem, steps)
    return piece_from_score(read_score(path), steps)


def _read_chords(path: Path) -> list[list[int]]:
    """Read a list of frames, each a list of MIDI pitches."""
    try:
        chords = json.loads(path.read_text("utf-8"))
        return [[int(pitch) for pitch in chord] for chord in chords]
    except (OSError, ValueError, TypeError) as error:
        raise UserError(f"{path} is not a list of frames of MIDI pitches: {error}") from None


def write_score(score: Score, path: Path) -> None:
    """Write a score to .mid, .wav or .abc."""
    check_ending(path)
    if path.suffix == ".mid":
        write_midi(score, path)
    elif path.suffix == ".wav":
        write_wav(path, synthesise(score))
    else:
        path.write_text(abc_from_score(score), "utf-8")


def check_ending(path: Path) -> None:
    """Raise an error unless ``write_score`` can write the file."""
    if path.suffix not in WRITTEN:
        raise UserError(f"--to {path}: give a {', '.join(WRITTEN[:-1])} or {WRITTEN[-1]} file")
