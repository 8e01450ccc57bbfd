"""Music: predict and compose polyphonic music, frame by frame.

    python -m experiments.music                          generated chorales, whose entropy is known
    python -m experiments.music --data FILE.json         JSB chorales
    python -m experiments.music --data FILE.mat          piano rolls, for example Nottingham
    python -m experiments.music compose RUN --prime FILE.mid --to FILE.wav
    python -m experiments.music --form harmony           bass, alto and tenor below a melody
    python -m experiments.music harmonise RUN --melody FILE.mid
    python -m experiments.music --form abc --data FOLDER          tunes as text
    python -m experiments.music tunes RUN --count 20              new tunes, and how many are valid

Boulanger-Lewandowski et al. (2012), "Modeling temporal dependencies in high-dimensional sequences".
"""

from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from experiments.music.commands import compose, harmonise, tunes
from experiments.music.recipes import RECIPES
from seqmodels.cli import Data, Metric, define_experiment
from seqmodels.errors import UserError
from seqmodels.models.config import RecurrentConfig
from seqmodels.train.config import FitConfig, OptimizerConfig, check_at_least_one, check_fractions

EVALUATION_ROWS = 16


@dataclass(frozen=True)
class Config:
    """Predict the next frame of a piece of music."""

    data: str | None = None
    """Pieces in three splits (.json or .mat; .npz of four voices), a folder of MIDI, ABC or
    MusicXML files, or music21:NAME; by default generated chorales."""

    form: Literal["frames", "harmony", "abc"] = "frames"
    """What to model: the notes of a frame, the voices below a given melody, or tunes as text."""

    outputs: Literal["intervals", "notes", "nade", "bernoulli"] = "intervals"
    """Distribution of a frame: note by note with or without logits of intervals, NADE, or an
    independent Bernoulli variable for each key."""

    pieces: int = 1500
    """Number of generated training pieces."""

    grid: int = 1
    """Frames per quarter note, for files that do not say."""

    every: int = 1
    """Keep one frame of this many; 4 reads sixteenths as quarter notes."""

    transpose: bool = False
    """Transpose each piece by -6 to +5 semitones in training."""

    meter: int = 8
    """Frames in a bar or phrase, whose positions are inputs; 0 leaves them out."""

    item_hidden: int = 150
    """Hidden units of the distribution of a frame."""

    input_dropout: float = 0.0
    """Fraction of the notes of the frame before that training hides."""

    network: RecurrentConfig = RecurrentConfig(cell="gru", hidden=200, dropout=0.3)
    training: FitConfig = FitConfig(
        steps=2500,
        batch_size=8,
        evaluate_every=250,
        dispatch=50,
        optimizer=OptimizerConfig(
            learning_rate=5e-3,
            schedule="cosine",
            warmup_steps=50.0,
            average="ema",
            average_decay=0.99,
        ),
    )

    def check(self) -> None:
        """Validate the config."""
        check_at_least_one(self, "pieces", "grid", "every", "item_hidden")
        check_fractions(self, "input_dropout")
        if self.meter < 0:
            raise UserError(f"--meter must be 0 or more, not {self.meter}")


def read(config: Config):
    """Read or generate train, dev and test pieces."""
    from experiments.music.pieces import generated_pieces, read_pieces

    has_voices = config.form == "harmony"
    if config.data is None:
        return generated_pieces(config.pieces, has_voices)
    return read_pieces(config.data, has_voices, config.grid, config.every)


def load(config: Config, metadata: dict[str, Any] | None) -> Data:
    """Pack the pieces into rows as long as the longest one; training transposes them."""
    if config.form == "abc":
        from experiments.music.tunes import read_tunes, tune_data

        tunes = read_tunes(config.data, config.pieces)
        name = config.data or "melodies of generated chorales"
        return tune_data(tunes, name, config.training, config.transpose, metadata)
    from experiments.music.fields import form_fields
    from experiments.music.pieces import data_name, piece_metadata
    from seqmodels.data.packing import packed_batches
    from seqmodels.train.examples import augment_batches

    parts = read(config)
    fields, transpose, baselines = form_fields(parts, config.form, config.meter)
    length = max(int(part["y"].lengths.max()) for part in fields)
    size, seed = config.training.batch_size, config.training.seed
    train = packed_batches(fields.train, size, length, seed=seed)
    dev, test = (packed_batches(part, EVALUATION_ROWS, length) for part in fields[1:])
    return Data(
        train=augment_batches(train, transpose, seed) if config.transpose else train,
        dev=dev,
        test=test,
        name=data_name(config.data, config.form),
        sizes={name: len(part) for name, part in parts._asdict().items()},
        unit="pieces",
        metadata=piece_metadata(parts, metadata),
        baselines=baselines,
    )


def model(config: Config, metadata: dict[str, Any], rates: dict[str, Any]):
    """Return a recurrent model of frames, of the voices below a melody, or of characters."""
    if config.form == "abc":
        from experiments.music.tunes import tune_model

        return tune_model(config.network, metadata, rates)
    from experiments.music.frame_model import frame_model
    from experiments.music.harmony import harmony_model

    if config.form == "harmony":
        return harmony_model(config.network, config.item_hidden, config.meter, rates)
    distribution = (config.outputs, config.item_hidden, metadata["most"])
    return frame_model(config.network, config.meter, *distribution, rates)


def task(config: Config, metadata: dict[str, Any]):
    """Predict the notes of each frame, or the next character; the metric is nats."""
    from experiments.music.harmony import harmony_task
    from seqmodels.models.language.language_model import language_model_task
    from seqmodels.models.sequence.task import sequence_task

    build = partial(model, config, metadata)
    if config.form == "abc":
        return language_model_task(build)
    return harmony_task(build) if config.form == "harmony" else sequence_task(build)


EXPERIMENT = define_experiment(
    __name__,
    metric=Metric("nats"),
    rates=("dropout", "input_dropout"),
    smoke={
        "steps": 20,
        "evaluate_every": 10,
        "hidden": 8,
        "item_hidden": 8,
        "pieces": 12,
        "batch_size": 4,
    },
    recipes=RECIPES,
    commands=(compose, harmonise, tunes),
)
