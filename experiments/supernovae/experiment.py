"""Supernovae: classify light curves, measured in four bands on irregular nights, by type.

    python -m experiments.supernovae                          generated light curves
    python -m experiments.supernovae --data FOLDER            the challenge of 2010
    python -m experiments.supernovae predict RUN              probabilities after each night
    python -m experiments.supernovae score RUN --days 0 5 20  scores on these days
    python -m experiments.supernovae errors RUN

Charnock and Moss (2017), "Deep recurrent neural networks for supernovae classification". For early
predictions, train a causal network on truncated curves: --no-bidirectional --beginning 0.1.
"""

from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

from experiments.supernovae.commands import predict, score
from experiments.supernovae.recipes import RECIPES
from seqmodels.cli import Data, Metric, define_experiment
from seqmodels.commands.error_analysis import errors
from seqmodels.errors import UserError
from seqmodels.models.classification.config import CLASSIFIER_TRAINING, ClassifierConfig
from seqmodels.train.config import FitConfig, check_at_least_one, check_fractions


@dataclass(frozen=True)
class Config:
    """Classify the light curves of supernovae."""

    data: str | None = None
    """Folder with the challenge's .DAT files or lightcurves.npz; by default generated curves."""

    curves: int = 3000
    """Number of generated light curves."""

    types: Literal[2, 3] = 2
    """Number of types: Ia and other, or II, Ibc and Ia."""

    redshift: bool = True
    """Use the photometric redshift of the host galaxy as an input."""

    share: float = 0.5
    """Fraction of the curves to train on; 0 takes those of spectroscopic type, few and bright."""

    split: int = 0
    """Seed of the split."""

    dev_share: float = 0.05
    """Fraction of the training curves to hold out as dev."""

    thin: float = 0.0
    """Training drops up to this fraction of the nights of a curve."""

    fainter: float = 1.0
    """Training scales the errors by up to this factor and adds noise accordingly."""

    farther: float = 0.0
    """Training increases the redshift of half of the curves by up to this much."""

    beginning: float = 1.0
    """Training truncates curves to this fraction of their nights or more."""

    buckets: int = 3
    """Number of lengths to which curves are padded; each is compiled separately."""

    network: ClassifierConfig = ClassifierConfig(layers=2, hidden=64, dropout=0.05)
    training: FitConfig = replace(
        CLASSIFIER_TRAINING,
        batch_size=128,
        steps=1200,
        evaluate_every=300,
        optimizer=replace(CLASSIFIER_TRAINING.optimizer, warmup_steps=50.0),
    )

    def check(self) -> None:
        """Validate the config."""
        check_at_least_one(self, "curves", "buckets")
        check_fractions(self, "share", "dev_share", "thin")
        if self.dev_share == 0:
            raise UserError("--dev-share must be above 0")
        if not self.fainter >= 1:
            raise UserError(f"--fainter must be 1 or more, not {self.fainter}")
        if not self.farther >= 0:
            raise UserError(f"--farther must be 0 or more, not {self.farther}")
        if not 0 < self.beginning <= 1:
            raise UserError(f"--beginning must be above 0 and at most 1, not {self.beginning}")


def read(config: Config):
    """Read or generate train, dev and test curves."""
    from experiments.supernovae.files import read_light_curves
    from experiments.supernovae.light_curves import split_curves
    from experiments.supernovae.simulate import simulate

    curves = read_light_curves(config.data) if config.data else simulate(config.curves)
    return split_curves(curves, config.share, config.dev_share, config.split)


def load(config: Config, metadata: dict[str, Any] | None) -> Data:
    """Batch the nights of each split; training curves change in every step."""
    from experiments.supernovae.augment import training_augmentation
    from experiments.supernovae.light_curves import curve_fields
    from seqmodels.data.splits import Splits
    from seqmodels.train.examples import example_data, majority

    classes = ["other", "Ia"] if config.types == 2 else ["II", "Ibc", "Ia"]
    fields = Splits(*(curve_fields(part, classes) for part in read(config)))
    return example_data(
        fields,
        config.training,
        name=config.data or "generated light curves",
        unit="curves",
        metadata={"classes": classes},
        baselines=[majority(fields)],
        buckets=config.buckets,
        augment=training_augmentation(
            config.farther, config.fainter, config.thin, config.beginning
        ),
    )


def model(config: Config, metadata: dict[str, Any], rates: dict[str, Any]):
    """Return a recurrent classifier of the nights, without dropout on the measurements."""
    from experiments.supernovae.features import night_features
    from seqmodels.models.classification.recurrent_classifier import recurrent_classifier

    features, size = night_features(config.redshift)
    classes = len(metadata["classes"])
    return recurrent_classifier(
        config.network, rates, size, classes, keep_inputs=True, embedding=features
    )


def task(config: Config, metadata: dict[str, Any]):
    """Predict the type."""
    from seqmodels.models.classification.task import classifier_task

    return classifier_task(partial(model, config, metadata))


def examples(config: Config) -> list[str]:
    """Return the names of the dev curves."""
    return read(config).dev.names


EXPERIMENT = define_experiment(
    __name__,
    metric=Metric("accuracy", lower_is_better=False),
    rates=("dropout", "smoothing"),
    smoke={"steps": 20, "evaluate_every": 10, "hidden": 8, "curves": 200, "buckets": 1},
    recipes=RECIPES,
    commands=(score, predict, errors),
    examples=examples,
)
