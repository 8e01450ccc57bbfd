"""Lines that commands print."""

from pathlib import Path

from seqmodels.train.config import Metric
from seqmodels.train.experiment import Data, Experiment, strongest
from seqmodels.train.runs.run_directory import RunDirectory


def print_field(name: str, value: str) -> None:
    """Print a name and its value, aligned."""
    print(f"{name:<12}{value}", flush=True)


def print_baselines(data: Data, metric: Metric) -> None:
    """Print every baseline with its values on dev and test."""
    for baseline in data.baselines:
        splits = {"dev": baseline.dev, "test": baseline.test}
        values = (f"{split} {x:.4f}" for split, x in splits.items() if x is not None)
        print_field("baseline", f"{metric.name} {'  '.join(values)} ({baseline.name})")


def print_strongest_baseline(data: Data, metric: Metric, split: str) -> None:
    """Print the strongest of the baselines that were evaluated on a split, if there are any."""
    baseline = strongest(data.baselines, metric, split)
    if baseline is not None:
        text = f"{split} {metric.name} {baseline.value:.4f} ({baseline.name})"
        print_field("baseline", text)


def print_picture(path: Path) -> None:
    """Print the path of a picture that was saved."""
    print_field("picture", RunDirectory(path).display_path())


def command_lines(experiment: Experiment, directory: RunDirectory) -> str:
    """Return the commands that use a run, one per line."""
    names = dict.fromkeys(("evaluate", *(command.__name__ for command in experiment.commands)))
    path = directory.display_path()
    return "\n".join(f"{'':12}{experiment.program} {name} {path}" for name in names)
