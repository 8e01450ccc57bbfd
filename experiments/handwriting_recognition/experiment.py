"""Handwriting recognition: write down what a line of ink or an image says, by CTC.

    python -m experiments.handwriting_recognition                    words in stroke fonts
    python -m experiments.handwriting_recognition --bundled digits   images of strings of digits
    python -m experiments.handwriting_recognition --data FOLDER      UniPen, IAM, ORAND, any table
    python -m experiments.handwriting_recognition recognise RUN FILE...
    python -m experiments.handwriting_recognition evaluate RUN --beam 25 --ngram 5

Graves et al. (2009), "A novel connectionist system for unconstrained handwriting recognition".
"""

from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from experiments.handwriting_recognition.commands import align, recognise
from experiments.handwriting_recognition.recipes import RECIPES
from seqmodels.cli import Data, Metric, define_experiment
from seqmodels.commands.transcripts import errors, evaluate
from seqmodels.errors import UserError
from seqmodels.models.transcription.config import TranscriberConfig
from seqmodels.train.config import FitConfig, OptimizerConfig, check_at_least_one

TRAINING = FitConfig(
    steps=1200,
    batch_size=32,
    evaluate_every=300,
    dispatch=1,
    optimizer=OptimizerConfig(learning_rate=3e-3, schedule="cosine", warmup_steps=200.0),
)


@dataclass(frozen=True)
class Config:
    """Recognize lines of handwriting."""

    data: str | None = None
    """File or folder of lines, by default generated ones: sources.py lists the formats."""

    bundled: Literal["words", "digits"] = "words"
    """Generated data: words in stroke fonts, or images of strings of real digits."""

    lines: int = 3000
    """Generated training lines."""

    input: Literal["auto", "strokes", "columns", "pixels"] = "auto"
    """Pen movements, features of an image's columns, or pixels. Strokes can be drawn as images."""

    model: Literal["blstm", "cnn-blstm", "mdlstm"] = "blstm"
    """Recurrent layers alone, or after convolutions, or recurrences over the rows and columns of an
    image. The last two read pixels."""

    channels: tuple[int, ...] = (12, 24, 36)
    """Channels of the convolutions; the first two halve columns and rows, the others rows only."""

    grid: tuple[int, int, int] = (4, 12, 40)
    """Units of the three recurrences of mdlstm, for each of four directions."""

    height: int = 32
    """Rows to which images are scaled."""

    step: float = 0.125
    """Length of a step along the strokes; the height of the writing is one."""

    augment: bool = True
    """Distort training lines: slant, rotation, size, smooth displacements, thickness."""

    framewise: str | None = None
    """Run whose alignments give each frame a symbol, which is learned instead of CTC."""

    buckets: int = 4
    """Number of lengths to which lines are padded; each is compiled separately."""

    network: TranscriberConfig = TranscriberConfig()
    training: FitConfig = TRAINING

    def check(self) -> None:
        """Validate the config."""
        check_at_least_one(self, "lines", "height", "buckets")
        if not self.step > 0:
            raise UserError(f"--step must be above 0, not {self.step}")
        if self.framewise and self.augment:
            raise UserError("--framewise: an alignment is that of one image; add --no-augment")


def read(config: Config):
    """Read or generate train, dev and test lines."""
    from experiments.handwriting_recognition.digit_strings import digit_strings
    from experiments.handwriting_recognition.font_words import font_words
    from experiments.handwriting_recognition.sources import read_source

    if config.data:
        return read_source(config.data)
    return (digit_strings if config.bundled == "digits" else font_words)(config.lines)


def load(config: Config, metadata: dict[str, Any] | None) -> Data:
    """Convert the lines to inputs and symbols; training distorts them anew in every epoch."""
    from experiments.handwriting_recognition.lines import line_data

    return line_data(config, read(config), metadata)


def model(config: Config, metadata: dict[str, Any], rates: dict[str, Any]):
    """Return the network between inputs and symbols."""
    from seqmodels.layers.convnet import ConvBlock, convolve_columns, convolved_size
    from seqmodels.models.transcription.transcriber import grid_transcriber, recurrent_transcriber

    symbols, features = len(metadata["alphabet"]), metadata["features"]
    drop = rates.get("dropout", 0.0)
    if config.model == "blstm":
        return recurrent_transcriber(config.network, rates, features, symbols)
    if config.model == "mdlstm":
        return grid_transcriber(grid_levels(config.grid, config.height), symbols, drop=drop)
    blocks = [
        ConvBlock(channels, (2, 2) if number < 2 else (1, 2))
        for number, channels in enumerate(config.channels)
    ]
    front = convolve_columns(features, blocks, drop=0.5 * drop)
    size = convolved_size(features, blocks)
    return recurrent_transcriber(config.network, rates, size, symbols, front=front)


def grid_levels(units: tuple[int, int, int], height: int):
    """Return a hierarchy that makes one frame of four columns."""
    from seqmodels.models.grid_encoder import GridLevel

    last = -(-height // 8)
    blocks = (2, 2), (4, 2), (last, 1)
    features = 0, 2 * units[0], 2 * units[1]
    return [GridLevel(*level) for level in zip(blocks, features, units, strict=True)]


def task(config: Config, metadata: dict[str, Any]):
    """Write the symbols of a line, by CTC or by the class of every frame."""
    from seqmodels.models.transcription.framewise import framewise_task
    from seqmodels.models.transcription.task import transcription_task

    make = framewise_task if config.framewise else transcription_task
    return make(partial(model, config, metadata), metadata["alphabet"])


def examples(config: Config) -> list[str]:
    """Return the names of the dev lines."""
    return [f"{line.name}: {line.text}" for line in read(config).dev]


EXPERIMENT = define_experiment(
    __name__,
    metric=Metric("cer"),
    rates=("dropout",),
    smoke={
        "steps": 8,
        "evaluate_every": 8,
        "hidden": 8,
        "lines": 64,
        "buckets": 1,
        "batch_size": 16,
    },
    recipes=RECIPES,
    commands=(evaluate, recognise, errors, align),
    examples=examples,
)
