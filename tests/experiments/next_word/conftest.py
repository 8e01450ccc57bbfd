"""A trained run, which all tests of next word share."""

from pathlib import Path

import numpy as np
import pytest
from command_line import command_runner, skip_configuration
from few_devices import pretend

from experiments.next_word.experiment import EXPERIMENT
from seqmodels.cli import status

WORDS = ["the", "a", "<unk>", "cat", "dog", "sat", "ran", "on", "mat"]
SMOKE = ["--smoke", "--batch-size", "2", "--length", "4", "--dispatch", "2"]
SMOKE += ["--steps", "4", "--evaluate-every", "4"]


def random_lines(seed, count):
    random = np.random.default_rng(seed)
    return "".join(" ".join(random.choice(WORDS, 6)) + " \n" for _ in range(count))


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """Return a folder with a corpus in PTB's format and a finished run, runs/next_word/one."""
    folder = tmp_path_factory.mktemp("next_word")
    with pytest.MonkeyPatch.context() as patch:
        pretend(patch, 1)
        patch.chdir(folder)
        skip_configuration(patch)
        Path("ptb").mkdir()
        for seed, (part, count) in enumerate((("train", 60), ("valid", 5), ("test", 4))):
            Path("ptb", f"ptb.{part}.txt").write_text(random_lines(seed, count))
        assert status(EXPERIMENT, [*SMOKE, "--data", "ptb", "--tied", "--name", "one"]) == 0
    return folder


@pytest.fixture
def command(folder, monkeypatch, capsys):
    """Return a function that runs the command line in the folder."""
    return command_runner(EXPERIMENT, folder, monkeypatch, capsys)


@pytest.fixture
def train(command):
    """Return a function that trains with the flags of the shared run."""
    return lambda *arguments: command(*SMOKE, *arguments)
