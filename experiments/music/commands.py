"""The command ``compose``."""

from dataclasses import dataclass
from pathlib import Path

from seqmodels.cli import Run
from seqmodels.errors import UserError
from seqmodels.train.config import check_at_least_one


@dataclass(frozen=True)
class ComposeArguments:
    """What to compose."""

    prime: str | None = None
    """Piece to continue (.mid, .abc or .json); by default the model begins by itself."""

    length: int = 64
    """Frames of the piece, those of --prime included."""

    temperature: float = 1.0
    """Temperature of the draws; 0 always takes the most likely notes."""

    seed: int = 0
    """Seed of the draws."""

    to: str | None = None
    """File to write (.mid, .wav, .abc or .png); by default composed.mid in the run directory."""

    def __post_init__(self) -> None:
        check_at_least_one(self, "length")
        if not self.temperature >= 0:
            raise UserError("--temperature must not be negative")


def compose(run: Run, arguments: ComposeArguments) -> None:
    """Compose a piece, or continue one; write it, and draw its piano roll."""
    import numpy as np

    from experiments.music.composer import compose_frames, nats_of_frames
    from experiments.music.files import read_piece, write_piece
    from seqmodels.commands.output import print_field, print_picture
    from seqmodels.data.music.rolls import KEYS, Piece

    steps, meter = run.metadata["steps"], run.config.meter
    prime = np.zeros((0, KEYS), bool)
    if arguments.prime:
        prime = read_piece(Path(arguments.prime), steps).frames
    if len(prime) > arguments.length:
        raise UserError(
            f"--prime {arguments.prime} has {len(prime)} frames, more than --length "
            f"{arguments.length}; raise --length"
        )
    options = {"temperature": arguments.temperature, "seed": arguments.seed}
    frames = compose_frames(run.model, run.params, prime, arguments.length, meter, **options)
    piece = Piece(frames, "composed", steps, tempo=run.metadata["tempo"])
    nats = nats_of_frames(run.model, run.params, frames, meter)
    print_field("frames", f"{len(prime)} given, {len(frames) - len(prime)} composed")
    print_field("nats", f"{nats[len(prime) :].mean():.4f} per composed frame")
    path = Path(arguments.to) if arguments.to else run.path / "composed.mid"
    write_piece(piece, path, len(prime))
    print_field("piece", str(path))
    if path.suffix != ".png":
        write_piece(piece, run.path / "composed.png", len(prime))
        print_picture(run.path / "composed.png")
