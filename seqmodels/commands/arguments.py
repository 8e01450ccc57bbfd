"""What the commands that look into a run may be asked; imports nothing heavy."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from seqmodels.train.experiment import Experiment, Run


@dataclass(frozen=True)
class ErrorsArguments:
    """What to compare the errors with."""

    target: float = 0.0
    """Error that the best imaginable model would still make, a careful person's for example."""

    worst: int = 100
    """Mistakes to write down for a person to label with their cause."""

    causes: str | None = None
    """File of mistakes in which a person filled in the column "cause": prints them as a table."""

    constraint: tuple[str, ...] = ()
    """Like "params<=1e6" or "latency_ms<=5": the best of this experiment's runs that meets all."""


def errors_command(
    experiment: Callable[[], Experiment],
    build: Callable[..., Any],
    shown: Callable[[Any], Sequence[str]],
) -> tuple[type, Callable[[Run, ErrorsArguments], None]]:
    """The command ``errors`` of a classifier.

    build: ``(config, extras, hyper) -> Classifier``; ``extras["classes"]`` names its classes
    shown: ``(config) -> texts``, what a person is shown of each dev example
    """

    def errors(run: Run, arguments: ErrorsArguments) -> None:
        """Where the errors come from: three splits, confusions, calibration, worst mistakes."""
        from seqmodels.commands.errors import report

        model = build(run.config, run.extras, {})
        report(experiment(), run, arguments, model, run.extras["classes"], shown(run.config))

    return ErrorsArguments, errors


@dataclass(frozen=True)
class CompareArguments:
    """What to compare."""

    like: str = "*"
    """Names of the runs to compare, as a pattern."""


@dataclass(frozen=True)
class FlowArguments:
    """What to measure."""

    rows: int = 32
    """Sequences."""


@dataclass(frozen=True)
class SpeedArguments:
    """What to time."""

    lengths: tuple[int, ...] = (100, 300, 1000, 3000)
    """Values of T."""
