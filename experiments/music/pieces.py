"""Train, dev and test pieces, generated or from files."""

from pathlib import Path
from typing import Any

from experiments.music.chorale_grammar import generate_splits, nats_per_frame
from seqmodels.data.music.jsb import read_json, read_mat
from seqmodels.data.music.rolls import piece_from_chorale
from seqmodels.data.splits import Splits
from seqmodels.errors import UserError

OTHERS = 100  # largest number of generated dev and test pieces


def generated_pieces(count: int) -> Splits:
    """Generate chorales, ``count`` of them for training."""
    others = min(count, OTHERS)
    splits = generate_splits(count, others, others)
    return Splits(**{name: list(map(piece_from_chorale, part)) for name, part in splits.items()})


def data_name(path: str | None) -> str:
    """Return the path, or for generated pieces the least loss that a model can reach."""
    return path or f"generated chorales (entropy {nats_per_frame():.4f} nats per frame)"


def piece_metadata(parts: Splits, known: dict[str, Any] | None) -> dict[str, Any]:
    """Return the size of the largest chord, the grid and the tempo.

    known: the metadata of a trained run, which the pieces must fit
    """
    first = parts.train[0]
    most = max(int(piece.frames.sum(axis=1).max()) for part in parts for piece in part)
    if known is None:
        return {"most": max(most, 1), "steps": first.steps, "tempo": first.tempo}
    if most > known["most"]:
        raise UserError(
            f"--data: a frame has {most} notes, but the run was trained on at most {known['most']}"
        )
    return known


def read_pieces(path: str, grid: int) -> Splits:
    """Read the pieces of a data set.

    grid: frames per quarter note, for files that do not have a grid
    """
    file = Path(path).expanduser()
    if not file.exists():
        raise UserError(f"--data {path} does not exist")
    if file.suffix == ".json":
        parts = read_json(file)
    elif file.suffix == ".mat":
        parts = read_mat(file, grid)
    else:
        raise UserError(f"--data {path}: give a .json or .mat file of piano rolls")
    return check_pieces(path, Splits(**parts))


def check_pieces(path: str, parts: Splits) -> Splits:
    """Return the splits without empty pieces; raise an error if one of the splits is empty."""
    parts = Splits(*([piece for piece in part if len(piece.frames)] for part in parts))
    for name, part in parts._asdict().items():
        if not part:
            raise UserError(f"--data {path} has no {name} pieces")
    return parts
