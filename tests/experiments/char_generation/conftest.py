"""A trained run, which all tests of char generation share."""

from contextlib import redirect_stdout
from functools import partial
from io import StringIO
from pathlib import Path
from typing import NamedTuple

import pytest
from command_line import command_runner, skip_configuration
from few_devices import pretend

from experiments.char_generation.experiment import EXPERIMENT
from seqmodels.cli import status
from seqmodels.data.text import python_sources

TEXT = "".join(f"def f{n}(x):\n    return '{n}' + x\n\n" for n in range(120))
SMOKE = ["--smoke", "--layers", "1", "--batch-size", "4", "--length", "4"]
SMOKE += ["--steps", "4", "--evaluate-every", "2", "--dispatch", "2"]


class TrainedRun(NamedTuple):
    """A folder with text.txt and runs/char_generation/one, and what training printed."""

    folder: Path
    out: str


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """Train on the beginning of the default text."""
    folder = tmp_path_factory.mktemp("char_generation")
    (folder / "text.txt").write_text(TEXT)
    beginning = partial(python_sources.python_sources, limit=60_000)
    flags = ["--cell", "rnn", "--tied", "--embedding", "16", "--splits", "0.95", "0.05", "0"]
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(StringIO()) as out:
        pretend(patch, 1)
        patch.chdir(folder)
        skip_configuration(patch)
        patch.setattr(python_sources, "python_sources", beginning)
        assert status(EXPERIMENT, [*SMOKE, *flags, "--name", "one"]) == 0
    return TrainedRun(folder, out.getvalue())


@pytest.fixture
def command(trained, monkeypatch, capsys):
    """Return a function that runs the command line in the folder of the trained run."""
    beginning = partial(python_sources.python_sources, limit=60_000)
    monkeypatch.setattr(python_sources, "python_sources", beginning)
    return command_runner(EXPERIMENT, trained.folder, monkeypatch, capsys)
