"""Series: name the class of a time series of one or several variables, of any length.

    python -m experiments.series                          made-up series: cylinder, bell, or funnel
    python -m experiments.series --data FOLDER            any set of the UCR/UEA archive (.ts files)
    python -m experiments.series --data FOLDER --dev-share 0 --evaluate-every 600    the whole part
    python -m experiments.series predict RUN --file F.ts  the class of each series of a file
    python -m experiments.series errors RUN

The archive has no dev part, so a share of the training part is held out for it.
"""

from dataclasses import dataclass
from typing import Any

from seqmodels.cli import Data, Experiment, Metric, Run
from seqmodels.commands.arguments import errors_command
from seqmodels.errors import UserError
from seqmodels.models.classification.config import ClassifierConfig


@dataclass(frozen=True)
class Config(ClassifierConfig):
    """Name the class of a time series."""

    data: str | None = None
    """Folder with NAME_TRAIN.ts and NAME_TEST.ts (or .ts.gz); none: made-up series."""

    series: int = 300
    """Made-up series."""

    dev_share: float = 0.2
    """Share of the training part that is held out as dev; 0: dev is the training part itself."""

    patch: int = 1
    """Steps that are read at a time, side by side; several make a long series short."""

    squash: bool = False
    """See small series beside those a thousand times as large: asinh of the values."""

    buckets: int = 1
    """Lengths that series are padded to; each costs a compilation."""

    noise: float = 0.1
    """Deviation of the noise on the scaled series in training."""

    window: float = 0.7
    """Training sees random stretches of this share of a series or more; 1: whole series."""

    cell: str = "gru"
    hidden: int = 64
    dropout: float = 0.3
    batch_size: int = 32
    dispatch: int = 20

    def check(self) -> None:
        """Say which number makes no sense."""
        super().check()
        if min(self.patch, self.buckets, self.series) < 1:
            raise UserError("--patch, --buckets and --series must be 1 or more")
        if not (0 <= self.dev_share < 1 and 0 < self.window <= 1 and self.noise >= 0):
            raise UserError(
                "--dev-share must lie between 0 and 1, --window above 0 and not above 1, and "
                "--noise not below 0"
            )


def read(config: Config):
    """Train, dev and test series."""
    from experiments.series.archive import Archive, cylinder_bell_funnel, read_archive, split_off
    from seqmodels.data.splits import Splits

    if config.data:
        archive = read_archive(config.data)
    else:
        archive = Archive(*(cylinder_bell_funnel(config.series, seed) for seed in (0, 1)))
    return Splits(*split_off(archive.train, config.dev_share), archive.test)


def load(config: Config, extras: dict[str, Any] | None) -> Data:
    """The series scaled; scales and classes are those of the first run's training part."""
    from experiments.series.archive import neighbour_accuracy, series_extras, series_fields
    from seqmodels.data.augmentation import changes, noise, window
    from seqmodels.data.splits import Splits
    from seqmodels.train.examples import example_data
    from seqmodels.train.experiment import Baseline

    parts = read(config)
    extras = extras or series_extras(parts.train, config.patch, config.squash)
    asked = "dev" if config.dev_share else "test"  # each training series is its own neighbour
    nearest = neighbour_accuracy(parts.train, getattr(parts, asked))
    return example_data(
        Splits(*(series_fields(part, extras) for part in parts)),
        config,
        name=config.data or "cylinder, bell, funnel",
        unit="series",
        baseline=Baseline(nearest, f"nearest neighbour on {asked}"),
        extras=extras,
        buckets=config.buckets,
        augment=changes(window(config.window), noise(config.noise)),
    )


def model(config: Config, extras: dict[str, Any], hyper: dict[str, Any]):
    """A recurrence over the scaled series."""
    from seqmodels.models.recurrent import recurrent_classifier

    features = len(extras["mean"]) * extras["patch"]
    return recurrent_classifier(config, hyper, features, len(extras["classes"]))


def task(config: Config, extras: dict[str, Any]):
    """Name the class; the rates may be swept."""
    from seqmodels.models.classification.classifier import classifier_task

    return classifier_task(lambda hyper: model(config, extras, hyper))


@dataclass(frozen=True)
class PredictArguments:
    """Which series to name."""

    file: str | None = None
    """File of series (.ts); none: the test part of the run's own data."""

    shown: int = 10
    """Series to name, the first of the file."""

    draw: int = 1
    """Number of the series to draw, with the probabilities as it unfolds."""


def predict(run: Run, arguments: PredictArguments) -> None:
    """Name the class of each series, and draw one with the probabilities as it unfolds."""
    from pathlib import Path

    import numpy as np

    from experiments.series.archive import read_series, scaled, series_fields
    from seqmodels.data.batching import example_batches
    from seqmodels.diagnostics.plots.course import draw_course
    from seqmodels.diagnostics.plots.unfolding import unfolding
    from seqmodels.models.classification.classifier import class_probabilities

    series = read_series(Path(arguments.file)) if arguments.file else read(run.config).test
    if not 1 <= arguments.draw <= len(series):
        raise UserError(f"--draw must lie between 1 and {len(series)}, the number of series")
    judge, classes = model(run.config, run.extras, {}), run.extras["classes"]
    batches = example_batches(series_fields(series, run.extras), 128, buckets=1)
    found = class_probabilities(judge, run.params, batches)
    for number, (one, chances) in enumerate(zip(series, found, strict=True), 1):
        if number <= arguments.shown:
            answer = int(chances.argmax())
            print(f"{number:>5}  {classes[answer]:<20} {chances[answer]:.4f}  label {one.label}")
    chosen, path = series[arguments.draw - 1].values, run.directory.path / "prediction.png"
    chances = unfolding(judge, run.params, scaled(chosen, run.extras))
    times = np.minimum(np.arange(1, len(chances) + 1) * run.extras["patch"], len(chosen)) - 1.0
    draw_course(lambda axes: axes.plot(chosen, linewidth=1), times, chances, classes, "step", path)
    print(f"drawn in {path}")


def shown(config: Config) -> list[str]:
    """Which dev series each one is."""
    dev = enumerate(read(config).dev, 1)
    return [f"dev series {number}, {len(one.values)} steps" for number, one in dev]


EXPERIMENT: Experiment = Experiment(
    name="series",
    config=Config,
    data=load,
    task=task,
    metric=Metric("accuracy", lower_is_better=False),
    about=__doc__ or "",
    hyper=("dropout", "smoothing"),
    smoke={"steps": 20, "evaluate_every": 10, "hidden": 8, "series": 60},
    commands={
        "predict": (PredictArguments, predict),
        "errors": errors_command(lambda: EXPERIMENT, model, shown),
    },
)
