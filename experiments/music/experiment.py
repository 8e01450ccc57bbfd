"""Music: predict and compose polyphonic music, frame by frame.

    python -m experiments.music                          generated chorales, whose entropy is known
    python -m experiments.music --data FILE.json         JSB chorales
    python -m experiments.music --data FILE.mat          piano rolls, for example Nottingham
    python -m experiments.music compose RUN --prime FILE.mid --to FILE.wav

Boulanger-Lewandowski et al. (2012), "Modeling temporal dependencies in high-dimensional sequences".
"""

from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from experiments.music.commands import compose
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
    """JSON of frames (JSB chorales), .mat of piano rolls, ...; by default generated chorales."""

    outputs: Literal["notes", "intervals", "nade", "bernoulli"] = "notes"
    """Distribution of a frame: note by note, NADE, or an independent Bernoulli for each key."""

    pieces: int = 600
    """Number of generated training pieces."""

    grid: int = 1
    """Frames per quarter note, for files that do not have a grid."""

    transpose: bool = False
    """Transpose each piece by -6 to +5 semitones in training."""

    meter: int = 4
    """Frames in a bar, whose positions are inputs; 0 leaves them out."""

    item_hidden: int = 200
    """Hidden units of --outputs notes and nade."""

    input_dropout: float = 0.2
    """Fraction of the notes of the frame before that training hides."""

    network: RecurrentConfig = RecurrentConfig(cell="gru", hidden=200, dropout=0.5)
    training: FitConfig = FitConfig(
        steps=1500,
        batch_size=16,
        evaluate_every=100,
        dispatch=10,
        patience=8,
        optimizer=OptimizerConfig(learning_rate=3e-3, schedule="cosine", warmup_steps=50.0),
    )

    def check(self) -> None:
        """Validate the config."""
        check_at_least_one(self, "pieces", "grid", "item_hidden")
        check_fractions(self, "input_dropout")
        if self.meter < 0:
            raise UserError(f"--meter must be 0 or more, not {self.meter}")


def read(config: Config):
    """Read or generate train, dev and test pieces."""
    from experiments.music.pieces import generated_pieces, read_pieces

    return read_pieces(config.data, config.grid) if config.data else generated_pieces(config.pieces)


def load(config: Config, metadata: dict[str, Any] | None) -> Data:
    """Pack the pieces into rows as long as the longest one; training transposes them."""
    from experiments.music.baselines import baselines
    from experiments.music.frames import frame_fields, transpose_pieces
    from experiments.music.pieces import data_name, piece_metadata
    from seqmodels.data.packing import packed_batches
    from seqmodels.train.examples import augment_batches

    parts = read(config)
    metadata = piece_metadata(parts, metadata)
    length = max(len(piece.frames) for part in parts for piece in part)
    fields = [frame_fields(part, config.meter) for part in parts]
    size, seed = config.training.batch_size, config.training.seed
    train = packed_batches(fields[0], size, length, seed=seed)
    dev, test = (packed_batches(part, EVALUATION_ROWS, length) for part in fields[1:])
    return Data(
        train=augment_batches(train, transpose_pieces, seed) if config.transpose else train,
        dev=dev,
        test=test,
        name=data_name(config.data),
        sizes=dict(zip(("train", "dev", "test"), map(len, parts), strict=True)),
        unit="pieces",
        metadata=metadata,
        baselines=baselines(parts),
    )


def model(config: Config, metadata: dict[str, Any], rates: dict[str, Any]):
    """Return a recurrent model of frames."""
    from experiments.music.frame_model import frame_cell, frame_model
    from experiments.music.frames import input_size

    inputs = input_size(config.meter)
    cell, size = frame_cell(config.network, inputs, rates), config.network.hidden + inputs
    return frame_model(
        cell, size, config.outputs, config.item_hidden, metadata["most"], config.network.hidden
    )


def task(config: Config, metadata: dict[str, Any]):
    """Predict the notes of each frame; the metric is nats per frame."""
    from seqmodels.models.sequence.task import sequence_task

    return sequence_task(partial(model, config, metadata))


EXPERIMENT = define_experiment(
    __name__,
    metric=Metric("nats"),
    rates=("dropout", "input_dropout"),
    smoke={"steps": 20, "evaluate_every": 10, "hidden": 8, "item_hidden": 8, "pieces": 12},
    recipes=RECIPES,
    commands=(compose,),
)
