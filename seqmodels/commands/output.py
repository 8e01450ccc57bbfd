"""Lines that commands print."""

from pathlib import Path

from seqmodels.train.experiment import Experiment
from seqmodels.train.runs.run_directory import RunDirectory


def print_field(name: str, value: str) -> None:
    """Print a name and its value, aligned."""
    print(f"{name:<12}{value}", flush=True)


def print_picture(path: Path) -> None:
    """Print the path of a picture that was saved."""
    print_field("picture", RunDirectory(path).display_path())


def command_lines(experiment: Experiment, directory: RunDirectory) -> str:
    """Return the commands that use a run, one per line."""
    names = dict.fromkeys(("evaluate", *(command.__name__ for command in experiment.commands)))
    path = directory.display_path()
    return "\n".join(f"{'':12}{experiment.program} {name} {path}" for name in names)
