"""The command line of an experiment, run within the process of a test."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from seqmodels.cli import status
from seqmodels.train.experiment import Experiment


class Output(NamedTuple):
    """Exit status and output of a command."""

    status: int
    out: str
    err: str


def command_runner(
    experiment: Experiment,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Callable[..., Output]:
    """Return a function of the arguments that runs the command line in a folder."""
    monkeypatch.chdir(folder)
    skip_configuration(monkeypatch)

    def run(*arguments: str) -> Output:
        capsys.readouterr()
        code = status(experiment, list(arguments))
        return Output(code, *capsys.readouterr())

    return run


def skip_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the tests' own configuration of jax."""
    monkeypatch.setattr("seqmodels.cli.prepare", lambda machine: None)
