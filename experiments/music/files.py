"""Pieces from and to files of several formats."""

import json
from collections.abc import Callable
from pathlib import Path

from seqmodels.data.music.midi import read_midi, write_midi
from seqmodels.data.music.rolls import Piece, frames_from_chords, piece_from_score, score_from_piece
from seqmodels.errors import UserError


def read_piece(path: Path, steps: int) -> Piece:
    """Read a piece with ``steps`` frames per quarter note: .mid, .abc, or .json of chords."""
    if path.suffix == ".json":
        return Piece(frames_from_chords(_read_chords(path)), path.stem, steps)
    readers: dict[str, Callable] = {".mid": read_midi, ".midi": read_midi}
    if path.suffix not in readers:
        raise UserError(f"{path}: give a .mid, .abc or .json file")
    score = readers[path.suffix](path)
    for message in score.messages:
        print(message)
    return piece_from_score(score, steps)


def _read_chords(path: Path) -> list[list[int]]:
    """Read a list of frames, each a list of MIDI pitches."""
    try:
        chords = json.loads(path.read_text("utf-8"))
        return [[int(pitch) for pitch in chord] for chord in chords]
    except (OSError, ValueError, TypeError) as error:
        raise UserError(f"{path} is not a list of frames of MIDI pitches: {error}") from None


def write_piece(piece: Piece, path: Path, given: int = 0) -> None:
    """Write a piece to .mid, .wav, .abc or .png; ``given`` frames are marked in the picture."""
    if path.suffix == ".mid":
        write_midi(score_from_piece(piece), path)
    else:
        raise UserError(f"--to {path}: give a .mid, .wav, .abc or .png file")
