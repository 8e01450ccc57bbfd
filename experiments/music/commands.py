"""The commands ``compose``, ``harmonise`` and ``tunes``."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments.music.draws import Draws
from seqmodels.cli import Run
from seqmodels.errors import UserError
from seqmodels.train.config import check_at_least_one


@dataclass(frozen=True)
class ComposeArguments:
    """What to compose."""

    prime: str | None = None
    """Piece to continue (.mid, .abc, .musicxml, or .json of chords); by default none."""

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
    from experiments.music.composer import compose_frames, nats_of_frames
    from experiments.music.files import check_ending
    from seqmodels.commands.output import print_field, print_picture
    from seqmodels.data.music.rolls import Piece, score_from_piece
    from seqmodels.data.music.score_files import write_score
    from seqmodels.diagnostics.plots.piano_roll import draw_piano_roll

    if run.config.form != "frames":
        raise UserError(
            f"compose: the run has --form {run.config.form}; give one with --form frames"
        )
    path = Path(arguments.to) if arguments.to else run.path / "composed.mid"
    check_ending(path)
    prime, meter = read_prime(arguments, run.metadata["steps"]), run.config.meter
    draws = Draws(arguments.temperature, arguments.seed)
    frames = compose_frames(run.model, run.params, prime, arguments.length, meter, draws)
    piece = Piece(frames, "composed", run.metadata["steps"], tempo=run.metadata["tempo"])
    nats = nats_of_frames(run.model, run.params, frames, meter)
    print_field("frames", f"{len(prime)} given, {len(frames) - len(prime)} composed")
    if len(prime) < len(frames):
        print_field("nats", f"{nats[len(prime) :].mean():.4f} per composed frame")
    print_copies(run, frames[len(prime) :])
    picture = path if path.suffix == ".png" else run.path / "composed.png"
    draw_piano_roll(frames, picture, primer=len(prime), bar=meter, nats=nats)
    print_picture(picture)
    if path != picture:
        write_score(score_from_piece(piece), path)
        print_field("piece", str(path))


def read_prime(arguments: ComposeArguments, steps: int) -> Any:
    """Return the frames to continue, which may be none."""
    import numpy as np

    from experiments.music.files import read_piece
    from seqmodels.data.music.rolls import KEYS

    if not arguments.prime:
        return np.zeros((0, KEYS), bool)
    frames = read_piece(Path(arguments.prime), steps).frames
    if len(frames) > arguments.length:
        raise UserError(
            f"--prime {arguments.prime} has {len(frames)} frames, more than --length "
            f"{arguments.length}; raise --length"
        )
    return frames


def print_copies(run: Run, frames: Any) -> None:
    """Print the longest run shared with a training piece, if the run's data can be read."""
    from statistics import median

    from experiments.music.copy_check import CopyCheck, longest_runs
    from experiments.music.experiment import read
    from seqmodels.commands.output import print_field

    try:
        parts = read(run.config)
    except UserError as error:
        print_field("copies", f"not checked: {error}")
        return
    check = CopyCheck([piece.frames for piece in parts.train], any_key=True)
    found = check.longest_run(frames)
    where = f" ({parts.train[found.training_piece].name})" if found.length else ""
    held_out = longest_runs([piece.frames for piece in parts.test], check)
    print_field(
        "copies",
        f"longest run shared with a training piece, in any key: {found.length} frames{where}; "
        f"test pieces: median {median(held_out):g}, at most {max(held_out)}",
    )


@dataclass(frozen=True)
class HarmoniseArguments:
    """What to harmonise."""

    melody: str | None = None
    """Melody (.mid, .abc or .musicxml); by default the test melodies of the run's data."""

    temperature: float = 0.5
    """Temperature of the draws; 0 always takes the most likely pitch of each voice."""

    count: int = 8
    """Number of harmonisations to draw, of which the most likely one is taken."""

    seed: int = 0
    """Seed of the draws."""

    to: str | None = None
    """File to write (.mid, .wav, .abc or .png); by default harmonised.mid in the run directory."""

    def __post_init__(self) -> None:
        check_at_least_one(self, "count")
        if not self.temperature >= 0:
            raise UserError("--temperature must not be negative")


def harmonise(run: Run, arguments: HarmoniseArguments) -> None:
    """Add alto, tenor and bass to a melody; count faults of voice leading."""
    from experiments.music.files import check_ending
    from experiments.music.harmony import harmonise_melodies
    from experiments.music.voice_leading import count_faults
    from seqmodels.commands.output import print_field, print_picture
    from seqmodels.data.music.rolls import Chorale, piece_from_chorale, score_from_chorale
    from seqmodels.data.music.score_files import write_score
    from seqmodels.diagnostics.plots.piano_roll import draw_piano_roll

    if run.config.form != "harmony":
        raise UserError(f"harmonise: the run has --form {run.config.form}; train --form harmony")
    path = Path(arguments.to) if arguments.to else run.path / "harmonised.mid"
    check_ending(path)
    originals, melodies = read_melodies(run, arguments)
    draws = Draws(arguments.temperature, arguments.seed)
    meter, count = run.config.meter, arguments.count
    found = harmonise_melodies(run.model, run.params, melodies, meter, draws, count)
    frames = sum(map(len, melodies))
    print_field("nats", f"{sum(one.nats for one in found) / frames:.4f} per frame drawn")
    for name, pieces in (("model", [one.pitches for one in found]), ("original", originals)):
        if pieces:
            faults = count_faults(pieces)._asdict().items()
            rates = ", ".join(f"{kind.replace('_', ' ')} {value:.2f}" for kind, value in faults)
            print_field(name, f"per 100 frames: {rates}")
    steps, tempo = run.metadata["steps"], run.metadata["tempo"]
    chorale = Chorale(found[0].pitches, "harmonised", steps, tempo=tempo)
    picture = path if path.suffix == ".png" else run.path / "harmonised.png"
    draw_piano_roll(piece_from_chorale(chorale).frames, picture, bar=meter)
    print_picture(picture)
    if path != picture:
        write_score(score_from_chorale(chorale), path)
        print_field("piece", str(path))


def read_melodies(run: Run, arguments: HarmoniseArguments) -> tuple[list, list]:
    """Return four-part originals, if there are any, and melodies."""
    from experiments.music.experiment import read
    from experiments.music.files import read_score
    from seqmodels.data.music.rolls import melody_from_score

    if arguments.melody:
        path = Path(arguments.melody)
        score = read_score(path)._replace(name=f"--melody {path}")
        return [], [melody_from_score(score, run.metadata["steps"])]
    originals = [chorale.pitches for chorale in read(run.config).test]
    return originals, [pitches[:, 0] for pitches in originals]


@dataclass(frozen=True)
class TuneArguments:
    """Which tunes to write."""

    count: int = 20
    """Number of tunes."""

    length: int = 800
    """Maximum number of characters of a tune."""

    temperature: float = 0.8
    """Temperature of the draws; 0 always takes the most likely character."""

    seed: int = 0
    """Seed of the draws."""

    def __post_init__(self) -> None:
        check_at_least_one(self, "count", "length")
        if not self.temperature >= 0:
            raise UserError("--temperature must not be negative")


def tunes(run: Run, arguments: TuneArguments) -> None:
    """Write new tunes, count those whose bars add up, and play the first valid one."""
    from experiments.music.tunes import compose_tunes, valid_tunes
    from seqmodels.commands.output import print_field
    from seqmodels.data.music.abc.playback import score_from_tune
    from seqmodels.data.music.abc.tunes import parse_tune
    from seqmodels.data.music.score_files import write_score
    from seqmodels.data.text.vocabulary import Vocabulary

    if run.config.form != "abc":
        raise UserError(f"tunes: the run has --form {run.config.form}; train --form abc")
    vocabulary = Vocabulary.from_dict(run.metadata["vocabulary"])
    found = compose_tunes(run.model, run.params, vocabulary, **vars(arguments))
    valid = valid_tunes(found)
    print(*(valid or found)[:1], sep="\n", end="\n\n")
    print_field("valid", f"{len(valid)} of {len(found)} tunes have bars that add up")
    (run.path / "tunes.abc").write_text("\n\n".join(found) + "\n", "utf-8")
    print_field("tunes", str(run.path / "tunes.abc"))
    if valid:
        write_score(score_from_tune(parse_tune(valid[0])), run.path / "tune.mid")
        print_field("first valid", str(run.path / "tune.mid"))
