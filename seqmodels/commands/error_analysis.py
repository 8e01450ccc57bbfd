"""The ``errors`` command: what a classifier gets wrong, printed, drawn and written to a table."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqmodels.commands.output import print_field, print_picture, print_strongest_baseline
from seqmodels.errors import UserError
from seqmodels.train.config import Metric
from seqmodels.train.experiment import Data
from seqmodels.train.runs.run import Run, load_run
from seqmodels.train.runs.run_directory import RunDirectory

if TYPE_CHECKING:
    from seqmodels.diagnostics.errors.constraints import Candidate, Constraint
    from seqmodels.diagnostics.errors.predictions import Predictions


@dataclass(frozen=True)
class ErrorsArguments:
    """What to analyze."""

    target: float = 0.0
    """Irreducible error, for example that of a person."""

    worst: int = 100
    """Number of mistakes to write to a table, in which a person labels their causes."""

    causes: str | None = None
    """Table of mistakes with a completed column "cause"; prints only the causes."""

    constraint: tuple[str, ...] = ()
    """Such as "params<=1e6" or "latency_ms<=5"; prints the best run that meets all of them."""


def errors(run: Run, arguments: ErrorsArguments) -> None:
    """Analyze errors: all three splits, confusions, calibration, and the worst mistakes on dev.

    The dev split is inspected in detail; of the test split only the error is computed.
    """
    from seqmodels.data.splits import Splits
    from seqmodels.diagnostics.errors.predictions import collect_predictions

    constraints = [read_constraint(text) for text in arguments.constraint]
    data = run.data()
    if arguments.causes:
        dev = collect_predictions(run.model, run.params, data.dev)
        print_causes(Path(arguments.causes), dev.error)
        return
    predictions = {
        split: collect_predictions(run.model, run.params, getattr(data, split))
        for split in Splits._fields
    }
    print_errors(predictions, data, arguments.target, run.experiment.metric)
    inspect_dev(run, predictions["dev"], arguments.worst)
    if constraints:
        print_choice(run, constraints)


def print_errors(
    predictions: Mapping[str, "Predictions"], data: Data, target: float, metric: Metric
) -> None:
    """Print the error of each split, and the bias, variance and mismatch that follow."""
    from seqmodels.diagnostics.errors.bias_variance import bias_variance

    errors = {split: found.error for split, found in predictions.items()}
    print_splits("error", errors)
    print_splits("majority", {split: p.majority_error for split, p in predictions.items()})
    print_splits("macro F1", {split: p.macro_f1 for split, p in predictions.items()})
    print_field("target", f"error {target:.4f}")
    for split in ("dev", "test"):
        print_strongest_baseline(data, metric, split)
    parts = bias_variance(errors, target)
    print_field("", "  ".join(f"{name} {x:+.4f}" for name, x in parts._asdict().items()))
    print_field("", parts.advice())


def print_splits(name: str, values: Mapping[str, float]) -> None:
    """Print one number per split."""
    print_field(name, "  ".join(f"{split} {value:.4f}" for split, value in values.items()))


def inspect_dev(run: Run, dev: "Predictions", worst: int) -> None:
    """Draw the confusion matrix and the calibration, and write the worst mistakes."""
    from seqmodels.diagnostics.errors.calibration import calibration
    from seqmodels.diagnostics.errors.mistakes import write_mistakes
    from seqmodels.diagnostics.plots.confusion_matrix import draw_confusion_matrix
    from seqmodels.diagnostics.plots.reliability_diagram import draw_reliability_diagram

    classes, folder = run.metadata["classes"], run.path
    examples: Sequence[str] = run.experiment.examples(run.config) if run.experiment.examples else ()
    confidence = calibration(dev.probabilities, dev.labels)
    print_field("calibration", f"expected error on dev {confidence.error:.4f}")
    draw_confusion_matrix(dev.labels, dev.classes, classes, folder / "confusion.png")
    draw_reliability_diagram(confidence, folder / "reliability.png")
    write_mistakes(folder / "mistakes.csv", dev, examples, classes, worst)
    print_picture(folder / "confusion.png")
    print_picture(folder / "reliability.png")
    path = RunDirectory(folder / "mistakes.csv").display_path()
    command = f"errors {run.directory.display_path()} --causes {path}"
    print_field("mistakes", f'{path}: complete the column "cause", then run {command}')


def print_causes(path: Path, error: float) -> None:
    """Print the labeled causes, each with the error that would remain without it."""
    from rich.console import Console
    from rich.table import Table

    from seqmodels.diagnostics.errors.mistakes import read_causes

    table = Table("cause", "mistakes", "error without it")
    for cause in read_causes(path, error):
        table.add_row(cause.name, str(cause.mistakes), f"{cause.remaining_error:.4f}")
    Console().print(table)
    print(f"dev error now {error:.4f}")


def read_constraint(text: str) -> "Constraint":
    """Parse a constraint such as "params<=1e6".

    >>> read_constraint("latency_ms <= 5")
    Constraint(name='latency_ms', is_upper=True, bound=5.0)
    """
    from seqmodels.diagnostics.errors.constraints import COSTS, Constraint

    pattern = rf"\s*({'|'.join(COSTS)})\s*(<=|>=)\s*([\d.eE+-]+)\s*"
    match = re.fullmatch(pattern, text)
    try:
        name, relation, bound = match.groups() if match else ("", "", "")
        return Constraint(name, relation == "<=", float(bound))
    except ValueError:
        raise UserError(
            f'--constraint "{text}" is not understood; write one of {", ".join(COSTS)}, '
            '<= or >=, and a number, as in "params<=1e6"'
        ) from None


def print_choice(run: Run, constraints: "Sequence[Constraint]") -> None:
    """Print the runs on the same data, and the best of those that meet every constraint."""
    from rich.console import Console
    from rich.table import Table

    from seqmodels.diagnostics.errors.constraints import best_candidate

    runs, metric = run.path.parent, run.experiment.metric
    paths = [path for path in sorted(runs.iterdir()) if is_comparable(path, run)]
    candidates = [load_candidate(run, path) for path in paths]
    table = Table("run", f"dev {metric.name}", *candidates[0].costs)
    for candidate in candidates:
        style = None if candidate.meets(constraints) else "dim"
        costs = [f"{value:,.6g}" for value in candidate.costs.values()]
        table.add_row(candidate.name, f"{candidate.value:.4f}", *costs, style=style)
    Console().print(table)
    best = best_candidate(candidates, metric, constraints)
    if best is None:
        raise UserError("no run meets every --constraint; loosen one, or train a smaller model")
    print(f"best within the constraints: {RunDirectory(runs / best.name).display_path()}")


def is_comparable(path: Path, run: Run) -> bool:
    """Return whether a directory holds an evaluated run on the same data."""
    directory = RunDirectory(path)
    if not (directory.config_file.is_file() and any(directory.checkpoints.glob("*"))):
        return False
    data: Any = getattr(directory.config(type(run.config)), "data", None)
    same = data == getattr(run.config, "data", None)
    return same and any(record["split"] == "dev" for record in directory.records())


def load_candidate(run: Run, path: Path) -> "Candidate":
    """Return another run's best dev value and the costs of its model."""
    from seqmodels.diagnostics.errors.constraints import Candidate, model_costs

    other, metric = load_run(path, run.experiment), run.experiment.metric
    records = other.directory.records()
    values = [record[metric.name] for record in records if record["split"] == "dev"]
    costs = model_costs(other.task, other.params, other.rates, other.data().dev(0))
    return Candidate(path.name, min(values, key=metric.signed), costs)
