"""Grades: will I pass this class?  One to one, or many to one, on the same students.

    python -m experiments.grades                         test scores through an LSTM
    python -m experiments.grades --model features        a few features through a perceptron
    python -m experiments.grades --model both            the two side by side
    python -m experiments.grades predict RUN --scores 0.5 0.2 -0.1 --features 1 0.3 0.4

The students are made up (data/students.py), so that the accuracy of the best possible answer,
"best_possible", can be told beside ours.
"""

from dataclasses import dataclass
from typing import Any, Literal

from seqmodels.cli import Data, Experiment, Metric, Run
from seqmodels.commands.arguments import errors_command
from seqmodels.errors import UserError
from seqmodels.models.classification.config import ClassifierConfig


@dataclass(frozen=True)
class Config(ClassifierConfig):
    """Tell who will pass."""

    model: Literal["scores", "features", "both"] = "scores"
    """What the answer rests on."""

    students: int = 20_000
    """Made-up students: 80 % to train on, 10 % dev, 10 % test."""

    hidden: int = 32
    bidirectional: bool = False
    pool: tuple[str, ...] = ("last",)
    head: tuple[int, ...] = (32,)
    dropout: float = 0.0
    batch_size: int = 128
    dispatch: int = 20

    def check(self) -> None:
        """Say which number makes no sense."""
        super().check()
        if self.students < 20:
            raise UserError("--students must be 20 or more")


def sees(config: Config) -> dict[str, bool]:
    """What the model is told of a student."""
    return {"features": config.model != "scores", "scores": config.model != "features"}


def read(config: Config):
    """Train, dev and test students."""
    from experiments.grades.students import students
    from seqmodels.data.splits import Splits

    sizes = (int(share * config.students) for share in (0.8, 0.1, 0.1))
    return Splits(*(students(size, seed) for seed, size in enumerate(sizes)))


def load(config: Config, extras: dict[str, Any] | None) -> Data:
    """The students as they are: all numbers have deviations near one."""
    from experiments.grades.students import student_fields
    from seqmodels.data.splits import Splits
    from seqmodels.train.examples import example_data, majority

    fields = Splits(*(student_fields(part, **sees(config)) for part in read(config)))
    return example_data(
        fields,
        config,
        name="made-up students",
        unit="students",
        baseline=majority(fields),
        extras={"classes": ["fail", "pass"]},
        buckets=1,
    )


def model(config: Config, extras: dict[str, Any], hyper: dict[str, Any]):
    """A perceptron over the features, or a recurrence over the scores, with them or without."""
    from seqmodels.models.classification.features import feature_classifier
    from seqmodels.models.recurrent import recurrent_classifier

    rate, static = hyper.get("dropout", 0.0), 3 if config.model == "both" else 0
    if config.model == "features":
        return feature_classifier((3, *config.head, 2), rate)
    return recurrent_classifier(config, hyper, 1, 2, static=static)


def task(config: Config, extras: dict[str, Any]):
    """Tell who will pass; the rates may be swept."""
    from seqmodels.models.classification.classifier import class_measures, classifier_task, weighted

    def measures(logits, fields, weight):
        """Likelihood and accuracy, and the accuracy of the best possible answer."""
        best = weighted(fields["best"], weight)
        return class_measures(logits, fields, weight) | {"best_possible": best}

    return classifier_task(lambda hyper: model(config, extras, hyper), measures)


@dataclass(frozen=True)
class PredictArguments:
    """A student; all numbers are about 0 for one who just passes, and have a deviation near 1."""

    scores: tuple[float, ...] = (0.2, -0.1, 0.3, 0.4)
    """Test scores, one a week."""

    features: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Attendance, homework, last grade."""


def predict(run: Run, arguments: PredictArguments) -> None:
    """Print the probability of passing after each test, beside the best possible answer."""
    import numpy as np

    from experiments.grades.students import MOST, Students, chances
    from seqmodels.data.ragged import ragged
    from seqmodels.diagnostics.plots.unfolding import unfolding

    if not 1 <= len(arguments.scores) <= MOST:
        raise UserError(f"--scores: give between 1 and {MOST} of them")
    scores = np.array(arguments.scores, np.float32)[:, None]
    features = np.array(arguments.features, np.float32)
    judge, count = model(run.config, run.extras, {}), len(scores)
    found = unfolding(judge, run.params, scores, features)[:, 1]
    beginnings = ragged([scores[:end] for end in range(1, count + 1)])
    known = Students(np.tile(features, (count, 1)), beginnings, np.zeros(count, bool))
    best = chances(known, **sees(run.config))
    for score, ours, possible in zip(arguments.scores, found, best, strict=True):
        print(f"score {score:>5.2f}   p(pass) {ours:.3f}   at best {possible:.3f}")


def shown(config: Config) -> list[str]:
    """The features and the scores of each dev student."""
    from experiments.grades.students import described

    return described(read(config).dev)


EXPERIMENT: Experiment = Experiment(
    name="grades",
    config=Config,
    data=load,
    task=task,
    metric=Metric("accuracy", lower_is_better=False),
    about=__doc__ or "",
    hyper=("dropout", "smoothing"),
    smoke={"steps": 20, "evaluate_every": 10, "hidden": 8, "students": 400},
    commands={
        "predict": (PredictArguments, predict),
        "errors": errors_command(lambda: EXPERIMENT, model, shown),
    },
)
