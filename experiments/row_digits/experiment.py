"""Row digits: an image is read as a sequence, row by row or pixel by pixel, and named at the end.

    python -m experiments.row_digits                        scikit-learn's 8 x 8 digits, by rows
    python -m experiments.row_digits --data FOLDER          MNIST's idx files
    python -m experiments.row_digits --order permuted       its pixels in an order drawn once
    python -m experiments.row_digits predict RUN 7          the answer to a test image, row by row
    python -m experiments.row_digits errors RUN

Le, Jaitly and Hinton (2015), "A simple way to initialize recurrent networks of rectified linear
units", for the two orders of pixels.
"""

from dataclasses import dataclass
from typing import Any, Literal

from tyro.conf import Positional

from seqmodels.cli import Baseline, Data, Experiment, Metric, Run
from seqmodels.commands.arguments import errors_command
from seqmodels.errors import UserError
from seqmodels.models.classification.config import ClassifierConfig


@dataclass(frozen=True)
class Config(ClassifierConfig):
    """Name the digit in an image."""

    data: str | None = None
    """Folder with the four idx files of MNIST; none: the digits of scikit-learn."""

    order: Literal["rows", "pixels", "permuted"] = "rows"
    """What a step of the sequence is: a row, a pixel, a pixel in an order drawn once."""

    shift: int = 0
    """Pixels by which training moves an image, at most."""

    cell: str = "gru"
    hidden: int = 64
    evaluate_every: int = 150
    dispatch: int = 10

    def check(self) -> None:
        """Say which number makes no sense."""
        super().check()
        if self.shift < 0:
            raise UserError("--shift must be 0 or more")


def read(config: Config):
    """Train, dev and test images."""
    from seqmodels.data.images.digits import digits, read_images

    return read_images(config.data) if config.data else digits()


def load(config: Config, extras: dict[str, Any] | None) -> Data:
    """Batches of images; the model makes sequences of them."""
    from seqmodels.data.images.digits import nearest_mean, shifts
    from seqmodels.data.splits import Splits
    from seqmodels.train.examples import example_data

    parts = read(config)
    if extras is None:
        classes = [str(number) for number in range(int(parts.train.label.max()) + 1)]
        extras = {"classes": classes, "shape": parts.train.pixels.shape[1:]}
    if list(extras["shape"]) != list(parts.train.pixels.shape[1:]):
        size = " x ".join(map(str, extras["shape"]))
        raise UserError(f"--data {config.data}: the images are not {size} as those of the run")
    return example_data(
        Splits(*({"x": part.pixels, "label": part.label} for part in parts)),
        config,
        name=config.data or "scikit-learn's digits",
        unit="images",
        baseline=Baseline(nearest_mean(parts.train, parts.dev), "the nearest mean image"),
        extras=extras,
        augment=shifts(config.shift) if config.shift else None,
    )


def recurrence(config: Config, extras: dict[str, Any], hyper: dict[str, Any]):
    """A recurrence over the steps of an image."""
    from seqmodels.models.recurrent import recurrent_classifier

    width = extras["shape"][1] if config.order == "rows" else 1
    return recurrent_classifier(config, hyper, width, len(extras["classes"]))


def model(config: Config, extras: dict[str, Any], hyper: dict[str, Any]):
    """The recurrence over images as they come."""
    from experiments.row_digits.pixels import of_images

    return of_images(recurrence(config, extras, hyper), config.order)


def task(config: Config, extras: dict[str, Any]):
    """Name the digit; the rates may be swept."""
    from seqmodels.models.classification.classifier import classifier_task

    return classifier_task(lambda hyper: model(config, extras, hyper))


@dataclass(frozen=True)
class PredictArguments:
    """Which image to name."""

    image: Positional[int]
    """Its number in the test part, from 0."""


def predict(run: Run, arguments: PredictArguments) -> None:
    """Print the likeliest digits after each step, and draw how the answer unfolds."""
    import numpy as np

    from experiments.row_digits.pixels import sequence
    from seqmodels.diagnostics.plots.unfolding import draw_unfolding, unfolding

    test, classes = read(run.config).test, run.extras["classes"]
    if not 0 <= arguments.image < len(test.label):
        raise UserError(f"{arguments.image}: give a number from 0 to {len(test.label) - 1}")
    steps = np.asarray(sequence(test.pixels[arguments.image][None], run.config.order))[0]
    found = unfolding(recurrence(run.config, run.extras, {}), run.params, steps)
    shown = range(0, len(steps), -(-len(steps) // 28))
    for step in shown:
        brightness = "".join(" .:-=+*#%@"[int(9.99 * value)] for value in steps[step])
        best = np.argsort(-found[step])[:3]
        print(f"{brightness}  " + "  ".join(f"{classes[i]} {found[step, i]:.3f}" for i in best))
    print(f"label {classes[test.label[arguments.image]]}")
    found, names = found[shown], [str(step + 1) for step in shown]
    draw_unfolding(names, found, classes, run.directory.path / "prediction.png")
    print(f"drawn in {run.directory.path / 'prediction.png'}")


EXPERIMENT: Experiment = Experiment(
    name="row_digits",
    config=Config,
    data=load,
    task=task,
    metric=Metric("accuracy", lower_is_better=False),
    about=__doc__ or "",
    hyper=("dropout", "smoothing"),
    smoke={"steps": 20, "evaluate_every": 10, "hidden": 8},
    commands={
        "predict": (PredictArguments, predict),
        "errors": errors_command(
            lambda: EXPERIMENT,
            model,
            lambda config: [f"dev image {number}" for number in range(len(read(config).dev.label))],
        ),
    },
)
