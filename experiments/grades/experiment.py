"""Grades: will a student pass the exam? One-to-one and many-to-one classification.

    python -m experiments.grades                         test scores through an LSTM
    python -m experiments.grades --model features        three features through an MLP
    python -m experiments.grades --model both            both
    python -m experiments.grades predict RUN --scores 0.5 0.2 -0.1 --features 1 0.3 0.4
    python -m experiments.grades errors RUN

The students are generated (students.py), so the accuracy of the Bayes-optimal classifier is known;
it is reported as "bayes_optimal".
"""

from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

from experiments.grades.recipes import RECIPES
from seqmodels.cli import Data, FitConfig, Metric, Run, define_experiment
from seqmodels.commands.error_analysis import errors
from seqmodels.errors import UserError
from seqmodels.models.classification.config import CLASSIFIER_TRAINING, ClassifierConfig


@dataclass(frozen=True)
class Config:
    """Predict who will pass."""

    model: Literal["scores", "features", "both"] = "scores"
    """Inputs of the model."""

    students: int = 20_000
    """Number of generated students: 80 % train, 10 % dev, 10 % test."""

    network: ClassifierConfig = ClassifierConfig(
        hidden=32, bidirectional=False, pool=("last",), head=(32,), dropout=0.0
    )
    training: FitConfig = replace(CLASSIFIER_TRAINING, batch_size=128, dispatch=20)

    def check(self) -> None:
        """Validate the config."""
        if self.students < 20:
            raise UserError("--students must be 20 or more")


def inputs(config: Config):
    """Return which inputs the model uses."""
    from experiments.grades.students import Inputs

    return Inputs(features=config.model != "scores", scores=config.model != "features")


def read(config: Config):
    """Generate train, dev and test students."""
    from experiments.grades.students import generate_students
    from seqmodels.data.splits import Splits

    sizes = (int(share * config.students) for share in (0.8, 0.1, 0.1))
    return Splits(*(generate_students(size, seed) for seed, size in enumerate(sizes)))


def load(config: Config, metadata: dict[str, Any] | None) -> Data:
    """Return the students without scaling, since all numbers have a deviation near 1."""
    from experiments.grades.students import student_fields
    from seqmodels.data.splits import Splits
    from seqmodels.train.examples import example_data, majority

    fields = Splits(*(student_fields(part, inputs(config)) for part in read(config)))
    return example_data(
        fields,
        config.training,
        name="generated students",
        unit="students",
        metadata={"classes": ["fail", "pass"]},
        baselines=[majority(fields)],
        buckets=1,
    )


def model(config: Config, metadata: dict[str, Any], rates: dict[str, Any]):
    """Return an MLP over the features, or a recurrent classifier of the scores."""
    from seqmodels.models.classification.features import feature_classifier
    from seqmodels.models.classification.recurrent_classifier import recurrent_classifier

    if config.model == "features":
        return feature_classifier((3, *config.network.head, 2), rates.get("dropout", 0.0))
    static = 3 if config.model == "both" else 0
    return recurrent_classifier(config.network, rates, 1, 2, static=static)


def task(config: Config, metadata: dict[str, Any]):
    """Predict who will pass."""
    from seqmodels.models.classification.task import classifier_task

    return classifier_task(partial(model, config, metadata), metrics)


def metrics(logits, fields, weight):
    """Return likelihood and accuracy, and the accuracy of the Bayes-optimal classifier."""
    from seqmodels.losses.classification import weighted_sum
    from seqmodels.models.classification.task import class_metrics

    optimal = weighted_sum(fields["bayes_correct"], weight)
    return class_metrics(logits, fields, weight) | {"bayes_optimal": optimal}


@dataclass(frozen=True)
class StudentArguments:
    """A student. A typical student at the pass mark has 0 everywhere; deviations are near 1."""

    scores: tuple[float, ...] = (0.2, -0.1, 0.3, 0.4)
    """Test scores, one per week."""

    features: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Attendance, homework, last grade."""


def predict(run: Run, arguments: StudentArguments) -> None:
    """Print and draw the probability of passing after each test, with the Bayes-optimal one."""
    import numpy as np

    from experiments.grades.pictures import draw_pass_probabilities
    from experiments.grades.students import MAX_TESTS, Students, pass_probabilities
    from seqmodels.commands.output import print_picture
    from seqmodels.data.ragged import ragged
    from seqmodels.models.classification.prefixes import prefix_probabilities

    count = len(arguments.scores)
    if not 1 <= count <= MAX_TESTS:
        raise UserError(f"--scores has {count} values; give between 1 and {MAX_TESTS}")
    scores = np.array(arguments.scores, np.float32)[:, None]
    features = np.array(arguments.features, np.float32)
    probabilities = prefix_probabilities(run.model, run.params, scores, features)[:, 1]
    beginnings = ragged([scores[:end] for end in range(1, count + 1)])
    student = Students(np.tile(features, (count, 1)), beginnings, np.zeros(count, bool))
    optimal = pass_probabilities(student, inputs(run.config))
    for score, ours, best in zip(arguments.scores, probabilities, optimal, strict=True):
        print(f"score {score:>5.2f}   p(pass) {ours:.3f}   Bayes-optimal {best:.3f}")
    path = run.path / "prediction.png"
    draw_pass_probabilities(arguments.scores, probabilities, optimal, path)
    print_picture(path)


def examples(config: Config) -> list[str]:
    """Return the features and the scores of each dev student."""
    from experiments.grades.students import describe_students

    return describe_students(read(config).dev)


EXPERIMENT = define_experiment(
    __name__,
    metric=Metric("accuracy", lower_is_better=False),
    rates=("dropout", "smoothing"),
    smoke={"steps": 20, "evaluate_every": 10, "hidden": 8, "students": 400},
    recipes=RECIPES,
    commands=(predict, errors),
    examples=examples,
)
