"""Train, dev and test pieces, generated or from files."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from experiments.music.chorale_grammar import generate_splits, nats_per_frame
from seqmodels.data.music.jsb import read_json, read_mat, read_voices
from seqmodels.data.music.rolls import VOICES, Chorale, Piece, piece_from_chorale
from seqmodels.data.music.score_files import read_folder, read_music21
from seqmodels.data.splits import Splits
from seqmodels.errors import UserError

MUSIC21 = "music21:"
OTHERS = 100  # largest number of generated dev and test pieces


def generated_pieces(count: int, has_voices: bool) -> Splits:
    """Generate chorales, ``count`` of them for training, as four voices or as piano rolls."""
    others = min(count, OTHERS)
    splits = Splits(**generate_splits(count, others, others))
    return splits if has_voices else Splits(*(list(map(piece_from_chorale, p)) for p in splits))


def data_name(path: str | None, form: str) -> str:
    """Return the path, or for generated piano rolls the least loss that a model can reach."""
    if path or form == "harmony":
        return path or "generated chorales"
    return f"generated chorales (entropy {nats_per_frame():.4f} nats per frame)"


def piece_metadata(parts: Splits, known: dict[str, Any] | None) -> dict[str, Any]:
    """Return the size of the largest chord, the grid and the tempo.

    known: the metadata of a trained run, which the pieces must fit
    """
    first = parts.train[0]
    pieces = (piece for part in parts for piece in part)
    most = max(_largest_chord(piece) for piece in pieces)
    if known is None:
        return {"most": max(most, 1), "steps": first.steps, "tempo": first.tempo}
    if most > known["most"]:
        raise UserError(
            f"--data: a frame has {most} notes, but the run was trained on at most {known['most']}"
        )
    return known


def _largest_chord(piece: Piece | Chorale) -> int:
    if isinstance(piece, Chorale):
        return VOICES
    return int(piece.frames.sum(axis=1).max())


def read_pieces(path: str, has_voices: bool, grid: int, every: int) -> Splits:
    """Read the pieces of a data set, as four voices or as piano rolls.

    grid:  frames per quarter note, for files that do not say
    every: keep one frame of this many
    """
    file = Path(path).expanduser()
    is_music21 = path.startswith(MUSIC21)
    if not (file.exists() or is_music21):
        raise UserError(f"--data {path} does not exist")
    if not has_voices and (file.is_dir() or is_music21):
        name = path.removeprefix(MUSIC21)
        found = read_music21(name, grid) if is_music21 else read_folder(file, grid)
        print(*found.messages, sep="\n", end="\n" * bool(found.messages))
        return _thin(path, Splits(**found.splits), every)
    readers: dict[str, Callable[[Path], dict[str, list]]]
    if has_voices:
        readers = {".npz": read_voices, ".json": read_voices}
    else:
        readers = {".json": read_json, ".mat": partial(read_mat, steps=grid)}
    if file.suffix not in readers:
        raise UserError(f"--data {path}: give a {' or '.join(readers)} file")
    return _thin(path, Splits(**readers[file.suffix](file)), every)


def _thin(path: str, parts: Splits, every: int) -> Splits:
    """Keep one frame of ``every``, and pieces with frames; each split needs one."""
    thinned = Splits(*([_keep_frames(piece, every) for piece in p if len(piece[0])] for p in parts))
    for name, part in thinned._asdict().items():
        if not part:
            raise UserError(f"--data {path} has no {name} pieces")
    return thinned


def _keep_frames(piece: Any, every: int) -> Any:
    if piece.steps % every:
        raise UserError(f"--every {every} does not divide the {piece.steps} frames of a quarter")
    field = piece._fields[0]
    return piece._replace(**{field: piece[0][::every], "steps": piece.steps // every})
