"""Series: classify time series of one or several variables and of any length.

    python -m experiments.series                          generated series: cylinder, bell, funnel
    python -m experiments.series --data FOLDER            any data set of the UCR/UEA archive
    python -m experiments.series predict RUN --file F.ts  the class of each series of a file
    python -m experiments.series errors RUN

The archive has no dev splits, so a share of the training series is held out (--dev-share). With
--dev-share 0 a model trains on all of them; then evaluate only at the end, because dev is the
training split itself.
"""

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from experiments.series.recipes import RECIPES
from seqmodels.cli import Baseline, Data, Metric, Run, define_experiment
from seqmodels.commands.error_analysis import errors
from seqmodels.errors import UserError
from seqmodels.models.classification.config import CLASSIFIER_TRAINING, ClassifierConfig
from seqmodels.train.config import FitConfig, check_at_least_one, check_fractions


@dataclass(frozen=True)
class Config:
    """Classify time series."""

    data: str | None = None
    """Folder with NAME_TRAIN.ts and NAME_TEST.ts (or .ts.gz); by default generated series."""

    series: int = 300
    """Number of generated series."""

    dev_share: float = 0.2
    """Fraction of the training series to hold out as dev; 0 uses the training series as dev."""

    patch: int = 1
    """Steps whose features are concatenated to one step, which shortens long series."""

    squash: bool = False
    """Apply asinh, for series whose amplitudes differ by orders of magnitude."""

    buckets: int = 1
    """Number of lengths to which series are padded; each is compiled separately."""

    noise: float = 0.1
    """Standard deviation of the noise that training adds to the standardized series."""

    window: float = 0.7
    """Smallest random window that training sees, as a fraction of a series; 1 keeps all of it."""

    network: ClassifierConfig = ClassifierConfig(cell="gru", hidden=64, dropout=0.3)
    training: FitConfig = replace(CLASSIFIER_TRAINING, batch_size=32, dispatch=20)

    def check(self) -> None:
        """Validate the config."""
        check_at_least_one(self, "patch", "buckets", "series")
        check_fractions(self, "dev_share")
        if not 0 < self.window <= 1:
            raise UserError(f"--window must be above 0 and at most 1, not {self.window}")
        if not self.noise >= 0:
            raise UserError(f"--noise must be 0 or more, not {self.noise}")


def read(config: Config):
    """Read or generate train, dev and test series."""
    from experiments.series.cylinder_bell_funnel import cylinder_bell_funnel
    from experiments.series.hold_out import hold_out
    from experiments.series.ts_files import Archive, read_archive
    from seqmodels.data.splits import Splits

    if config.data:
        archive = read_archive(config.data)
    else:
        archive = Archive(*(cylinder_bell_funnel(config.series, seed) for seed in (0, 1)))
    return Splits(*hold_out(archive.train, config.dev_share), archive.test)


def load(config: Config, metadata: dict[str, Any] | None) -> Data:
    """Standardize the series by the training split; training adds noise and takes windows."""
    from experiments.series.features import series_fields, series_metadata
    from experiments.series.nearest_neighbor import nearest_neighbor_accuracy
    from seqmodels.data.augmentation import gaussian_noise, random_window, sequence_augmentation
    from seqmodels.data.splits import Splits
    from seqmodels.train.examples import example_data, majority

    parts = read(config)
    metadata = metadata or series_metadata(parts.train, config.patch, config.squash)
    fields = Splits(*(series_fields(part, metadata) for part in parts))
    dev, test = nearest_neighbor_accuracy(parts.train, parts.dev, parts.test)
    neighbor = dev if config.dev_share else None  # a training series is its own neighbor
    return example_data(
        fields,
        config.training,
        name=config.data or "cylinder, bell, funnel",
        unit="series",
        metadata=metadata,
        baselines=[Baseline("nearest neighbor", neighbor, test), majority(fields)],
        buckets=config.buckets,
        augment=sequence_augmentation(random_window(config.window), gaussian_noise(config.noise)),
    )


def model(config: Config, metadata: dict[str, Any], rates: dict[str, Any]):
    """Return a recurrent classifier of the standardized series."""
    from seqmodels.models.classification.recurrent_classifier import recurrent_classifier

    size = len(metadata["mean"]) * metadata["patch"]
    return recurrent_classifier(config.network, rates, size, len(metadata["classes"]))


def task(config: Config, metadata: dict[str, Any]):
    """Predict the class."""
    from seqmodels.models.classification.task import classifier_task

    return classifier_task(partial(model, config, metadata))


@dataclass(frozen=True)
class SeriesArguments:
    """Which series to classify."""

    file: str | None = None
    """File of series (.ts); by default the test split of the run's data."""

    shown: int = 10
    """Number of series to print, the first ones of the file."""

    draw: int = 1
    """Number of the series to draw, from 1."""


def predict(run: Run, arguments: SeriesArguments) -> None:
    """Print the class of each series, and draw one with the probabilities after each step."""
    from pathlib import Path

    import numpy as np

    from experiments.series.features import series_features, series_fields
    from experiments.series.ts_files import read_series
    from seqmodels.commands.output import print_picture
    from seqmodels.data.batching import example_batches
    from seqmodels.diagnostics.plots.probability_curves import draw_sequence_and_probabilities
    from seqmodels.models.classification.classifier import class_probabilities
    from seqmodels.models.classification.prefixes import prefix_probabilities

    series = read_series(Path(arguments.file)) if arguments.file else read(run.config).test
    if not 1 <= arguments.draw <= len(series):
        raise UserError(f"--draw must be from 1 to {len(series)}, the number of series")
    classes = run.metadata["classes"]
    batches = example_batches(series_fields(series, run.metadata), 128, buckets=1)
    probabilities = class_probabilities(run.model, run.params, batches)
    for number, (one, row) in enumerate(zip(series, probabilities, strict=True), 1):
        if number <= arguments.shown:
            best = int(row.argmax())
            print(f"{number:>5}  {classes[best]:<20} {row[best]:.4f}  label {one.label}")
    values, path = series[arguments.draw - 1].values, run.path / "prediction.png"
    curves = prefix_probabilities(run.model, run.params, series_features(values, run.metadata))
    ends = np.arange(1, len(curves) + 1) * run.metadata["patch"]
    times = np.minimum(ends, len(values)) - 1.0
    draw = partial(draw_values, values=values)
    draw_sequence_and_probabilities(draw, times, curves, classes, "step", path)
    print_picture(path)


def draw_values(axes: Any, values: Any) -> None:
    """Draw the variables of a series."""
    axes.plot(values, linewidth=1)
    axes.set(ylabel="value")


def examples(config: Config) -> list[str]:
    """Return the number and length of each dev series."""
    dev = enumerate(read(config).dev, 1)
    return [f"dev series {number}, {len(one.values)} steps" for number, one in dev]


EXPERIMENT = define_experiment(
    __name__,
    metric=Metric("accuracy", lower_is_better=False),
    rates=("dropout", "smoothing"),
    smoke={"steps": 20, "evaluate_every": 10, "hidden": 8, "series": 60},
    recipes=RECIPES,
    commands=(predict, errors),
    examples=examples,
)
