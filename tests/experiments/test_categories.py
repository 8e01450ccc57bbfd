"""Categories from the command line: both levels, attributes, any alphabet."""

import json
from pathlib import Path

import pytest

from experiments.categories import EXPERIMENT
from seqmodels.cli import status


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("seqmodels.cli.prepare", lambda machine: None)  # jax is set up already


def test_ads_in_two_languages_go_through_every_command(capsys):
    assert status(EXPERIMENT, ["--smoke", "--ads", "300", "--steps", "6"]) == 0
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


def test_names_by_language_are_learnt_from_characters(tmp_path):
    (tmp_path / "names").mkdir()
    for language, letters in (("Greek", "ως"), ("Czech", "řž")):
        names = [letters[0] * (1 + n % 4) + letters[1] * (1 + n // 4) for n in range(48)]
        (tmp_path / "names" / f"{language}.txt").write_text("\n".join(names), encoding="utf-8")
    flags = ["--data", "names", "--symbols", "characters", "--steps", "160", "--hidden", "16"]
    flags += ["--evaluate-every", "40", "--dispatch", "40", "--learning-rate", "0.03"]
    assert status(EXPERIMENT, flags) == 0
    assert status(EXPERIMENT, ["evaluate", "runs/categories/001"]) == 0
    test = json.loads(Path("runs/categories/001/evaluation.json").read_text())["test"]
    assert test["accuracy"] == test["coarse"] == 1.0
