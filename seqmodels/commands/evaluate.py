"""The ``evaluate`` command: metrics of a trained run on its dev and test splits."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from seqmodels.commands.output import print_field, print_strongest_baseline
from seqmodels.errors import UserError
from seqmodels.train.config import config_values, with_values
from seqmodels.train.runs.run import Run

if TYPE_CHECKING:
    from seqmodels.train.records import Record


@dataclass(frozen=True)
class EvaluateArguments:
    """What to evaluate on."""

    data: str | None = None
    """Other data than the run was trained on, in the same format."""


def evaluate(run: Run, arguments: EvaluateArguments) -> None:
    """Print the metrics of the best checkpoint on dev and test; write evaluation.json."""
    from seqmodels.train.evaluator import Evaluator

    config = with_data(run.config, arguments.data)
    data = run.experiment.data(config, run.metadata)
    measure = Evaluator(run.task, run.config.training.dispatch)
    print(f"{run.directory.display_path()} at step {run.step:,}, {data.name}")
    splits = {"dev": data.dev, "test": data.test}
    results: dict[str, Record] = {}
    for split, batches in splits.items():
        if batches is not None:
            results[split] = measure(run.params, run.rates, batches)
            print_field(split, scalar_line(results[split]))
    print_vectors(results, run.task.labels)
    for split in results:
        print_strongest_baseline(data, run.experiment.metric, split)
    text = json.dumps({"step": run.step, "data": data.name, **results}, indent=1)
    (run.path / "evaluation.json").write_text(text + "\n")


def scalar_line(record: "Record") -> str:
    """Return the metrics that are numbers.

    >>> scalar_line({"error": 0.25, "by_class": [0.5, 0.0], "seconds": 1.0})
    'error 0.2500'
    """
    numbers = {name: x for name, x in record.items() if isinstance(x, float) and name != "seconds"}
    return "  ".join(f"{name} {value:.4f}" for name, value in numbers.items())


def print_vectors(results: Mapping[str, "Record"], labels: Mapping[str, Sequence[str]]) -> None:
    """Print the metrics that are vectors, a row per entry; those with the same rows share a table.

    labels: names of the rows of each metric; by default numbers from 1
    """
    columns: dict[tuple[str, ...], dict[str, list[float]]] = {}
    for split, record in results.items():
        for name, values in record.items():
            if isinstance(values, list) and not any(isinstance(x, list) for x in values):
                rows = labels.get(name, range(1, len(values) + 1))
                table = columns.setdefault(tuple(map(str, rows)), {})
                table[f"{name} {split}"] = values
    for rows, table in columns.items():
        print_table(rows, dict(sorted(table.items())))


def print_table(rows: Sequence[str], columns: Mapping[str, Sequence[float]]) -> None:
    """Print a table of numbers."""
    from rich.console import Console
    from rich.table import Table

    table = Table("", box=None, pad_edge=False, header_style="bold")
    for name in columns:
        table.add_column(name, justify="right", no_wrap=True)
    for row, *values in zip(rows, *columns.values(), strict=True):
        table.add_row(row, *(f"{value:.4f}" for value in values))
    console = Console()
    if not console.is_terminal:
        console.width = 160  # room for every column in a file
    console.print(table)


def with_data(config: Any, path: str | None) -> Any:
    """Return the config with another data path."""
    if path is None:
        return config
    if "data" not in config_values(config):
        raise UserError("--data: this experiment generates its data; leave the flag out")
    return with_values(config, {"data": path})
