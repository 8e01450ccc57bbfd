"""Supernovae: of which type is it?  Light in four bands on irregular nights to a type.

    python -m experiments.supernovae                       made-up light curves
    python -m experiments.supernovae --data FOLDER         the challenge of 2010, .DAT or packed
    python -m experiments.supernovae --data FOLDER --share 0 --farther 0.8
    python -m experiments.supernovae score RUN --days 0 5 20    accuracy, area under the ROC curve

Charnock and Moss (2017), "Deep recurrent neural networks for supernovae classification".  For early
answers train a causal network on curves that end early: --no-bidirectional --beginning 0.1.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from seqmodels.cli import Data, Experiment, Metric, Run
from seqmodels.commands.arguments import errors_command
from seqmodels.errors import UserError
from seqmodels.models.classification.config import ClassifierConfig
from seqmodels.train.config import at_least_one


@dataclass(frozen=True)
class Config(ClassifierConfig):
    """Tell the type of a supernova from its light curve."""

    data: str | None = None
    """Folder with the challenge's .DAT files, or lightcurves.npz; none: made-up light curves."""

    curves: int = 3000
    """Made-up light curves."""

    types: Literal[2, 3] = 2
    """Type Ia against the rest, or the three types Ia, Ibc and II."""

    redshift: bool = True
    """Tell the network the redshift of the host galaxy, as photometry has it."""

    share: float = 0.5
    """Share of the curves to train on; 0: those whose type a spectrum told, few and bright."""

    split: int = 0
    """Seed of the split."""

    dev_share: float = 0.05
    """Share of the training curves that is held out as dev."""

    thin: float = 0.0
    """Training loses up to this share of the nights of a curve."""

    fainter: float = 1.0
    """Training sees errors up to so many times as large, with noise to match."""

    farther: float = 0.0
    """Training moves half of the curves up to so much larger redshifts."""

    beginning: float = 1.0
    """Training sees curves that end early, after this share of their nights or more."""

    buckets: int = 3
    """Lengths that curves are padded to; each costs a compilation."""

    layers: int = 2
    hidden: int = 64
    batch_size: int = 128
    steps: int = 1200
    evaluate_every: int = 300
    dropout: float = 0.05
    warmup_steps: float = 50.0

    def check(self) -> None:
        """Say which number makes no sense."""
        super().check()
        at_least_one(self, "curves", "buckets")
        if not (0 <= self.share < 1 and 0 < self.dev_share < 1 and 0 <= self.thin < 1):
            raise UserError("--share, --dev-share and --thin must lie between 0 and 1")
        if not (self.fainter >= 1 and self.farther >= 0 and 0 < self.beginning <= 1):
            raise UserError("--fainter must be 1 or more, --farther 0 or more, --beginning a share")


def read(config: Config):
    """Train, dev and test curves."""
    from experiments.supernovae.files import read_light_curves, split_curves
    from experiments.supernovae.simulate import simulated

    curves = read_light_curves(config.data) if config.data else simulated(config.curves)
    return split_curves(curves, config.share, config.dev_share, config.split)


def load(config: Config, extras: dict[str, Any] | None) -> Data:
    """The nights of each part; the training part is changed anew in every step."""
    from experiments.supernovae.augment import training_changes
    from experiments.supernovae.files import curve_fields
    from seqmodels.data.splits import Splits
    from seqmodels.train.examples import example_data, majority

    classes = ["other", "Ia"] if config.types == 2 else ["II", "Ibc", "Ia"]
    fields = Splits(*(curve_fields(part, classes) for part in read(config)))
    return example_data(
        fields,
        config,
        name=config.data or "made-up light curves",
        unit="curves",
        baseline=majority(fields),
        extras={"classes": classes},
        buckets=config.buckets,
        augment=training_changes(config.farther, config.fainter, config.thin, config.beginning),
    )


def model(config: Config, extras: dict[str, Any], hyper: dict[str, Any]):
    """A recurrence over the nights."""
    from experiments.supernovae.features import night_features
    from seqmodels.models.recurrent import recurrent_classifier

    features, size = night_features(config.redshift)
    classes = len(extras["classes"])
    return recurrent_classifier(config, hyper, size, classes, measured=True, embedding=features)


def task(config: Config, extras: dict[str, Any]):
    """Name the type; the rates may be swept."""
    from seqmodels.models.classification.classifier import classifier_task

    return classifier_task(lambda hyper: model(config, extras, hyper))


@dataclass(frozen=True)
class ScoreArguments:
    """Which curves, and when."""

    days: tuple[float, ...] = ()
    """Days since the first detection, after which a curve ends; none: whole curves."""

    dev: bool = False
    """The dev curves, to choose by, in place of the test curves."""


def score(run: Run, arguments: ScoreArguments) -> None:
    """Accuracy, that of Ia against the rest, the area under its ROC curve; --days is also drawn."""
    from experiments.supernovae.early import early_scores
    from seqmodels.diagnostics.plots.course import draw_scores

    judge, data = model(run.config, run.extras, {}), load(run.config, run.extras)
    rows, part = [], data.dev if arguments.dev else data.test
    for days in arguments.days or (float("inf"),):
        rows.append((days, *early_scores(judge, run.params, part, days)))
        print("day {:>6.1f}  accuracy {:.4f}  Ia {:.4f}  AUC {:.4f}".format(*rows[-1]))
    if arguments.days:
        path = run.directory.path / "early.png"
        draw_scores(rows, ("accuracy", "Ia or not", "AUC"), "days since detection", path)
        print(f"drawn in {path}")


@dataclass(frozen=True)
class PredictArguments:
    """Which supernova."""

    name: str | None = None
    """Its name (SNID); none: the first of the test part."""


def predict(run: Run, arguments: PredictArguments) -> None:
    """Print the probability of each type, and draw it below the light curve as it unfolds."""
    from experiments.supernovae.files import DAY
    from experiments.supernovae.pictures import draw_bands
    from seqmodels.diagnostics.plots.course import draw_course
    from seqmodels.diagnostics.plots.unfolding import unfolding

    test, classes = read(run.config).test, run.extras["classes"]
    name = arguments.name or test.names[0]
    values, kind = test.one(row := test.row(name)), test.kinds[row]
    found = unfolding(model(run.config, run.extras, {}), run.params, values)
    for label, chance in zip(classes, found[-1], strict=True):
        print(f"{chance:.4f}  {label}")
    print(f"{name} is of type {kind}")
    upper, path = partial(draw_bands, nights=values), run.directory.path / "prediction.png"
    draw_course(upper, values[:, DAY], found, classes, "days since the first night", path)
    print(f"drawn in {path}")


EXPERIMENT: Experiment = Experiment(
    name="supernovae",
    config=Config,
    data=load,
    task=task,
    metric=Metric("accuracy", lower_is_better=False),
    about=__doc__ or "",
    hyper=("dropout", "smoothing"),
    smoke={"steps": 20, "evaluate_every": 10, "hidden": 8, "curves": 200, "buckets": 1},
    commands={
        "score": (ScoreArguments, score),
        "predict": (PredictArguments, predict),
        "errors": errors_command(lambda: EXPERIMENT, model, lambda config: read(config).dev.names),
    },
)
