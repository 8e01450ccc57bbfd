"""Primers and results in files."""

import json
from pathlib import Path

from seqmodels.data.music.rolls import Piece, Score, frames_from_chords, piece_from_score
from seqmodels.data.music.score_files import read_scores
from seqmodels.errors import UserError

WRITTEN = (".mid", ".wav", ".abc", ".png")


def read_score(path: Path) -> Score:
    """Read the first score of a file, and print what was left out or changed."""
    scores = read_scores(path)
    if not scores:
        raise UserError(f"{path} has no tune with notes; each begins with X: and needs K:")
    for message in scores[0].messages:
        print(message)
    return scores[0]


def read_piece(path: Path, steps: int) -> Piece:
    """Read a piece with ``steps`` frames per quarter note; .json is a list of chords."""
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


def check_ending(path: Path) -> None:
    """Raise an error if a result cannot be written to a file of this name."""
    if path.suffix not in WRITTEN:
        raise UserError(f"--to {path}: give a {', '.join(WRITTEN[:-1])} or {WRITTEN[-1]} file")
