"""The command ``errors``: what a classifier gets wrong, printed, drawn and written down."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from seqmodels.commands.arguments import ErrorsArguments
from seqmodels.data.splits import Splits
from seqmodels.diagnostics.errors.calibration import reliability
from seqmodels.diagnostics.errors.constraints import Candidate, best, costs, read_constraint
from seqmodels.diagnostics.errors.mistakes import (
    Answers,
    answers,
    read_causes,
    read_errors,
    write_mistakes,
)
from seqmodels.diagnostics.plots.confusion import draw_confusion, draw_reliability
from seqmodels.errors import UserError
from seqmodels.models.classification.classifier import Classifier
from seqmodels.train.experiment import Data, Experiment, Run, load_run
from seqmodels.train.runs.run_directory import RunDirectory


def report(
    experiment: Experiment,
    run: Run,
    arguments: ErrorsArguments,
    model: Classifier,
    classes: Sequence[str],
    shown: Sequence[str],
) -> None:
    """All that the run's answers to train, dev and test tell; ``shown`` is each dev example.

    The dev split is what a person looks into; the test split is only counted.
    """
    limits = [read_constraint(text) for text in arguments.constraint]
    data = experiment.data(run.config, run.extras)
    if arguments.causes:
        print_causes(Path(arguments.causes), answers(model, run.params, data.dev).error)
        return
    given = {split: answers(model, run.params, getattr(data, split)) for split in Splits._fields}
    print_errors(given, data, arguments.target, experiment.metric.name)
    inspect(run.directory.path, given["dev"], classes, shown, arguments.worst)
    if limits:
        print_choice(experiment, run, limits)


def inspect(
    folder: Path, given: Answers, classes: Sequence[str], shown: Sequence[str], worst: int
) -> None:
    """Draw confusions and calibration; write the worst mistakes down."""
    found = reliability(given.probabilities, given.labels)
    print(f"calibration expected error on dev {found.error:.4f}")
    chosen = given.probabilities.argmax(axis=1)
    draw_confusion(given.labels, chosen, classes, folder / "confusion.png")
    draw_reliability(found, folder / "reliability.png")
    write_mistakes(folder / "mistakes.csv", given, shown, classes, worst)
    for name in ("confusion.png", "reliability.png"):
        print(f"drawn       {folder / name}")
    print(f"mistakes    {folder / 'mistakes.csv'}: fill in the column cause, give it to --causes")


def print_errors(given: Mapping[str, Answers], data: Data, target: float, metric: str) -> None:
    """The error of each split, and how bias, variance and mismatch read from them."""
    errors = {split: found.error for split, found in given.items()}
    print_splits("error", errors)
    print_splits("majority", {split: found.majority for split, found in given.items()})
    print_splits("macro F1", {split: found.macro_f1 for split, found in given.items()})
    baseline = data.baseline
    print(f"beside      target {target:.4f}  {metric} {baseline.value:.4f} ({baseline.name})")
    reading = read_errors(errors, target)
    print("            " + "  ".join(f"{k} {v:+.4f}" for k, v in reading._asdict().items()))
    print(f"            {reading.advice()}")


def print_splits(name: str, values: Mapping[str, float]) -> None:
    """One number of each split."""
    print(f"{name:<12}" + "  ".join(f"{split} {value:.4f}" for split, value in values.items()))


def print_causes(path: Path, error: float) -> None:
    """A person's causes as a table, each with the error that would be left without it."""
    table = Table("cause", "mistakes", "error without it")
    for cause in read_causes(path, error):
        table.add_row(cause.name, str(cause.mistakes), f"{cause.ceiling:.4f}")
    Console().print(table)
    print(f"dev error now {error:.4f}")


def print_choice(experiment: Experiment, run: Run, limits: list) -> None:
    """The runs on the same data, and the best of those that meet every constraint."""
    runs = run.directory.path.parent
    paths = [path for path in sorted(runs.iterdir()) if is_like(path, run)]
    candidates = [candidate(experiment, path) for path in paths]
    chosen = best(candidates, experiment.metric, limits)
    table = Table("run", f"dev {experiment.metric.name}", *candidates[0].costs)
    for each in candidates:
        style = None if all(limit.met(each.costs) for limit in limits) else "dim"
        numbers = [f"{value:,.6g}" for value in each.costs.values()]
        table.add_row(each.name, f"{each.value:.4f}", *numbers, style=style)
    Console().print(table)
    if chosen is None:
        raise UserError("no run meets every --constraint: loosen one, or train a smaller model")
    print(f"best within the constraints: {runs / chosen.name}")


def is_like(path: Path, run: Run) -> bool:
    """Whether a directory holds a run on the same data that was measured on dev."""
    directory = RunDirectory(path)
    if not (directory.config_file.is_file() and any(directory.checkpoints.glob("*"))):
        return False
    same = vars(directory.config(type(run.config))).get("data") == vars(run.config).get("data")
    return same and any(record["split"] == "dev" for record in directory.records())


def candidate(experiment: Experiment, path: Path) -> Candidate:
    """A run, its best value on dev, and what its model costs."""
    run = load_run(experiment, str(path))
    metric, records = experiment.metric, run.directory.records()
    values = [r[metric.name] for r in records if r["split"] == "dev"]
    batch = experiment.data(run.config, run.extras).dev(0)
    return Candidate(path.name, min(values, key=metric.signed), costs(run, batch))
