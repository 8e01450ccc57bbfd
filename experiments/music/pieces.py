"""Train, dev and test pieces, generated or from files."""

from pathlib import Path

from experiments.music.chorale_grammar import generate_splits, nats_per_frame
from seqmodels.data.music.jsb import read_json, read_mat
from seqmodels.data.music.rolls import Piece, piece_from_chorale
from seqmodels.data.splits import Splits
from seqmodels.errors import UserError

OTHERS = 100  # generated dev and test pieces


def generated_pieces(count: int) -> Splits:
    """Generate chorales, ``count`` of them for training."""
    splits = generate_splits(count, OTHERS, OTHERS)
    return Splits(**{name: list(map(piece_from_chorale, part)) for name, part in splits.items()})


def generated_name() -> str:
    """Return the name of the generated data, with the least loss that a model can reach."""
    return f"generated chorales (entropy {nats_per_frame():.4f} nats per frame)"


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


def all_pieces(parts: Splits) -> list[Piece]:
    """Return the pieces of all splits."""
    return [piece for part in parts for piece in part]
