"""Categories from the command line: both levels, attributes, any alphabet."""

import json
from pathlib import Path

import pytest

from experiments.categories.experiment import EXPERIMENT
from seqmodels.cli import status


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("seqmodels.cli.prepare", lambda machine: None)  # jax is set up already


def test_ads_in_two_languages_go_through_every_command(capsys):
    # Texts cut to one length make one program of each kind.
    flags = ["--smoke", "--ads", "300", "--steps", "4", "--evaluate-every", "4", "--dispatch", "4"]
    flags += ["--max-symbols", "4", "--batch-size", "128", "--bag", "500"]
    assert status(EXPERIMENT, flags) == 0
    run = Path("runs/categories/001")
    assert status(EXPERIMENT, ["evaluate", str(run)]) == 0
    test = json.loads((run / "evaluation.json").read_text())["test"]
    assert test["coarse"] >= test["accuracy"] > 0
    capsys.readouterr()
    ad = ["уступлю велосипед . новые шины", "--attributes", "150", "Казань", ""]
    assert status(EXPERIMENT, ["predict", str(run), *ad, "--shown", "12"]) == 0
    coarse, fine = capsys.readouterr().out.strip().split("\n\n")
    chances = [
        dict(reversed(line.split()) for line in part.splitlines()) for part in (coarse, fine)
    ]
    for name, chance in chances[0].items():
        parts = [float(p) for sub, p in chances[1].items() if sub.startswith(name + ":")]
        assert sum(parts) == pytest.approx(float(chance), abs=4e-4)
    assert status(EXPERIMENT, ["predict", str(run), "x", "--attributes", "1"]) == 2
    assert "--attributes: give 3 of them, not 1" in capsys.readouterr().err
    assert status(EXPERIMENT, ["errors", str(run)]) == 0
    assert (run / "confusion.png").exists()


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--bag", "-1"], "--bag and --sparse-rate must be 0 or more"),
        (["--sparse-rate", "nan"], "--bag and --sparse-rate must be 0 or more"),
        (["--bag", "100", "--learning-rate", "0"], "--learning-rate must be above 0 with a --bag"),
    ],
)
def test_a_bags_numbers_get_one_line(flags, told, capsys):
    assert status(EXPERIMENT, flags) == 2
    error = capsys.readouterr().err
    assert told in error
    assert error.count("\n") == 1
