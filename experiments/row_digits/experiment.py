"""Row digits: classify an image that is read row by row or pixel by pixel.

    python -m experiments.row_digits                        scikit-learn's 8 x 8 digits, by rows
    python -m experiments.row_digits --data FOLDER          MNIST's idx files
    python -m experiments.row_digits --order permuted       pixels in one random order
    python -m experiments.row_digits predict RUN 7          predictions for a test image, by step
    python -m experiments.row_digits errors RUN

Le, Jaitly and Hinton (2015), "A simple way to initialize recurrent networks of rectified linear
units", introduced the two orders of pixels.
"""

from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

from tyro.conf import Positional

from experiments.row_digits.recipes import RECIPES
from seqmodels.cli import Baseline, Data, Metric, Run, define_experiment
from seqmodels.commands.error_analysis import errors
from seqmodels.errors import UserError
from seqmodels.models.classification.config import CLASSIFIER_TRAINING, ClassifierConfig
from seqmodels.train.config import FitConfig


@dataclass(frozen=True)
class Config:
    """Classify images of digits."""

    data: str | None = None
    """Folder with the four idx files of MNIST; by default scikit-learn's digits."""

    order: Literal["rows", "pixels", "permuted"] = "rows"
    """Steps of the sequence: rows, pixels, or pixels in one random order."""

    shift: int = 0
    """Maximum number of pixels by which training shifts an image in each direction."""

    network: ClassifierConfig = ClassifierConfig(cell="gru", hidden=64)
    training: FitConfig = replace(CLASSIFIER_TRAINING, evaluate_every=150, dispatch=10)

    def check(self) -> None:
        """Validate the config."""
        if self.shift < 0:
            raise UserError(f"--shift must be 0 or more, not {self.shift}")


def read(config: Config):
    """Read train, dev and test images."""
    from seqmodels.data.images.digits import read_mnist, sklearn_digits

    return read_mnist(config.data) if config.data else sklearn_digits()


def load(config: Config, metadata: dict[str, Any] | None) -> Data:
    """Batch the images; the model converts them to sequences."""
    from experiments.row_digits.nearest_mean import nearest_mean_accuracy
    from seqmodels.data.images.shifts import random_shifts
    from seqmodels.data.splits import Splits
    from seqmodels.train.examples import example_data, majority

    parts = read(config)
    shape = parts.train.pixels.shape[1:]
    if metadata is None:
        classes = [str(number) for number in range(int(parts.train.label.max()) + 1)]
        metadata = {"classes": classes, "shape": shape}
    if list(metadata["shape"]) != list(shape):
        size, trained = (" x ".join(map(str, each)) for each in (shape, metadata["shape"]))
        raise UserError(
            f"--data {config.data}: the images are {size}, but the run was trained on {trained}"
        )
    fields = Splits(*({"x": part.pixels, "label": part.label} for part in parts))
    nearest = (nearest_mean_accuracy(parts.train, part) for part in (parts.dev, parts.test))
    return example_data(
        fields,
        config.training,
        name=config.data or "scikit-learn's digits",
        unit="images",
        metadata=metadata,
        baselines=[Baseline("nearest mean image", *nearest), majority(fields)],
        augment=random_shifts(config.shift) if config.shift else None,
    )


def sequence_model(config: Config, metadata: dict[str, Any], rates: dict[str, Any]):
    """Return a recurrent classifier of the steps of an image."""
    from seqmodels.models.classification.recurrent_classifier import recurrent_classifier

    width = metadata["shape"][1] if config.order == "rows" else 1
    return recurrent_classifier(config.network, rates, width, len(metadata["classes"]))


def model(config: Config, metadata: dict[str, Any], rates: dict[str, Any]):
    """Return the recurrent classifier, applied to images."""
    from experiments.row_digits.image_steps import on_images

    return on_images(sequence_model(config, metadata, rates), config.order)


def task(config: Config, metadata: dict[str, Any]):
    """Predict the digit."""
    from seqmodels.models.classification.task import classifier_task

    return classifier_task(partial(model, config, metadata))


@dataclass(frozen=True)
class ImageArguments:
    """Which image to classify."""

    image: Positional[int]
    """Index of the image in the test split, from 0."""


def predict(run: Run, arguments: ImageArguments) -> None:
    """Print the most likely digits after each step, and draw all probabilities."""
    import numpy as np

    from experiments.row_digits.image_steps import image_steps
    from experiments.row_digits.pictures import draw_prediction
    from seqmodels.commands.output import print_picture
    from seqmodels.models.classification.prefixes import prefix_probabilities

    test, classes = read(run.config).test, run.metadata["classes"]
    if not 0 <= arguments.image < len(test.label):
        raise UserError(f"image {arguments.image}: give a number from 0 to {len(test.label) - 1}")
    image = test.pixels[arguments.image]
    steps = np.asarray(image_steps(image[None], run.config.order))[0]
    network = sequence_model(run.config, run.metadata, {})
    probabilities = prefix_probabilities(network, run.params, steps)
    for step in range(0, len(steps), -(-len(steps) // 28)):
        brightness = "".join(" .:-=+*#%@"[int(9.99 * value)] for value in steps[step])
        best = np.argsort(-probabilities[step])[:3]
        likely = "  ".join(f"{classes[i]} {probabilities[step, i]:.3f}" for i in best)
        print(f"{brightness}  {likely}")
    print(f"label {classes[test.label[arguments.image]]}")
    draw_prediction(image, probabilities, classes, run.path / "prediction.png")
    print_picture(run.path / "prediction.png")


def examples(config: Config) -> list[str]:
    """Return the names of the dev images."""
    return [f"dev image {number}" for number in range(len(read(config).dev.label))]


EXPERIMENT = define_experiment(
    __name__,
    metric=Metric("accuracy", lower_is_better=False),
    rates=("dropout", "smoothing"),
    smoke={"steps": 20, "evaluate_every": 10, "hidden": 8},
    recipes=RECIPES,
    commands=(predict, errors),
    examples=examples,
)
