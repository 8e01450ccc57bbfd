"""Commands that use a trained run: ``predict`` and ``score``. Imports nothing heavy."""

from dataclasses import dataclass
from functools import partial

from seqmodels.cli import Run


@dataclass(frozen=True)
class EarlyArguments:
    """Which curves to score."""

    days: tuple[float, ...] = ()
    """Days since detection after which curves end; by default curves are complete."""

    dev: bool = False
    """Score the dev split, to choose settings, instead of the test split."""


def score(run: Run, arguments: EarlyArguments) -> None:
    """Print the accuracy, that of Ia or not, and the area under the ROC curve; draw them by day."""
    from experiments.supernovae.early import early_scores
    from experiments.supernovae.pictures import draw_early_scores
    from seqmodels.commands.output import print_picture

    data = run.data()
    scores, batches = [], data.dev if arguments.dev else data.test
    for days in arguments.days or (float("inf"),):
        scores.append(early_scores(run.model, run.params, batches, days))
        numbers = (days, *scores[-1])
        print("day {:>6.1f}  accuracy {:.4f}  Ia {:.4f}  AUC {:.4f}".format(*numbers))
    if arguments.days:
        draw_early_scores(arguments.days, scores, run.path / "early.png")
        print_picture(run.path / "early.png")


@dataclass(frozen=True)
class CurveArguments:
    """Which supernova to classify."""

    name: str | None = None
    """Name (SNID) of a test curve; by default the first one."""


def predict(run: Run, arguments: CurveArguments) -> None:
    """Print the probability of each type, and draw the curve with the probabilities by night."""
    from experiments.supernovae.experiment import read
    from experiments.supernovae.light_curves import DAY
    from experiments.supernovae.pictures import draw_light_curve
    from seqmodels.commands.output import print_picture
    from seqmodels.diagnostics.plots.probability_curves import draw_sequence_and_probabilities
    from seqmodels.models.classification.prefixes import prefix_probabilities

    test, classes, path = read(run.config).test, run.metadata["classes"], run.path
    name = arguments.name or test.names[0]
    row = test.find(name)
    nights = test.curve(row)
    probabilities = prefix_probabilities(run.model, run.params, nights)
    for label, probability in zip(classes, probabilities[-1], strict=True):
        print(f"{probability:.4f}  {label}")
    print(f"{name} is of type {test.types[row]}")
    draw_sequence_and_probabilities(
        partial(draw_light_curve, nights=nights),
        nights[:, DAY],
        probabilities,
        classes,
        "days since the first night",
        path / "prediction.png",
    )
    print_picture(path / "prediction.png")
