"""The command line: help without jax, exit statuses, and one clear line for each mistake."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from toy_experiment import EXPERIMENT

from seqmodels.cli import TrainArguments, main, parse, status
from seqmodels.train.config import config_values

TESTS = Path(__file__).parent
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS.parent), str(TESTS)])}

pytestmark = pytest.mark.usefixtures("workspace")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--device", "tpu"], "--device tpu: not available here; use --device cpu"),
        (["--steps", "0"], "--steps must be 1 or more"),
        (["--rows", "0"], "--rows must be 1 or more"),
        (["--learning-rate", "-1"], "--learning-rate must be 0 or more, not -1.0"),
        (["--weight-decay", "nan"], "--weight-decay must be 0 or more, not nan"),
        (["--b2", "1"], "--b2 must be 0 or more and below 1, not 1.0"),
        (["--momentum", "1"], "--momentum must be 0 or more and below 1, not 1.0"),
        (["--clip-norm", "0"], "--clip-norm must be above 0"),
        (["sweep", "--learning-rate", "1e-3", "-1"], "--learning-rate must be 0 or more, not -1.0"),
        (["--resume", "nowhere"], "nowhere is not a run directory"),
        (["--resume", "nowhere", "--recipe", "quick"], "leave out --recipe"),
        (["evaluate", "nowhere"], "nowhere is not a run directory"),
        (["--data", "missing"], "--data missing"),
        (["--engine", "warp"], "--engine warp is unknown"),
        (["sweep", "--engine", "warp", "--seed", "0", "1"], "--engine warp is unknown"),
        (["--recipe", "slow"], "--recipe slow is unknown; toy has: quick, published"),
        (["--recipe=slow"], "--recipe slow is unknown; toy has: quick, published"),
        (["--recipe", "published"], "needs rows of Doe (1999), 40 / 40 / 40; give its path with"),
    ],
)
def test_mistakes_are_reported_in_one_line_with_status_2(arguments, message, capsys):
    assert status(EXPERIMENT, arguments) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not Path("runs").exists()


@pytest.mark.parametrize(
    "arguments",
    [["--colour", "3"], ["--steps", "many"], ["--optimizer", "x"], ["praise", "RUN"], ["say"]],
)
def test_unknown_flags_values_and_commands_exit_with_status_2(arguments, capsys):
    with pytest.raises(SystemExit) as exit:
        status(EXPERIMENT, arguments)
    assert exit.value.code == 2
    assert {"say": "RUN"}.get(arguments[0], arguments[0]) in capsys.readouterr().err


def values_of(*arguments):
    parsed = parse(EXPERIMENT, ["train", *arguments])
    assert isinstance(parsed, TrainArguments)
    return config_values(parsed.config) | {"recipe": parsed.run.recipe}


def test_flags_override_the_recipe_and_the_recipe_overrides_defaults():
    default, recipe = values_of(), values_of("--recipe", "quick")
    flags = {"steps": 5, "evaluate_every": 5, "noise": 0.0, "momentum": 0.5}
    assert recipe == default | flags | {"recipe": "quick"}
    assert values_of("--recipe", "quick", "--steps", "7")["steps"] == 7
    assert values_of("--recipe", "published", "--data", "somewhere")["data"] == "somewhere"
    assert values_of("--recipe", "quick", "--smoke")["steps"] == 10
    assert values_of("--data", "None")["data"] is None


def overview(capsys, columns, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(columns))
    with pytest.raises(SystemExit) as exit:
        main(EXPERIMENT, ["--help"])
    assert exit.value.code == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_the_overview_lists_commands_and_recipes_and_fits_the_terminal(
    columns, capsys, monkeypatch
):
    text = overview(capsys, columns, monkeypatch)
    assert max(map(len, text.splitlines())) <= columns
    names = re.findall(r"^    (\w+)  ", text, re.MULTILINE)
    assert names == ["train", "sweep", "evaluate", "ensemble", "say", "quick", "published"]
    words = " ".join(text.split())
    assert "Say a word, and describe the run." in words
    assert "quick generated rows, 40 / 40 / 40: test error 0.5 +- 0.1 (2 seeds, 0.1 pro" in words
    assert "published rows of Doe (1999), 40 / 40 / 40: not measured" in words


def test_help_of_a_command_shows_its_own_flags_first(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit) as exit:
        status(EXPERIMENT, ["sweep", "--help"])
    assert exit.value.code == 0
    text = capsys.readouterr().out
    titles = re.findall(r"^\W*((?:\w+ )?options)\W*$", text, re.MULTILINE)
    parts = ["training", "optimizer", "sweep", "run", "machine"]
    assert titles == ["options", *(f"{part} options" for part in parts)]
    positions = [
        text.index(flag) for flag in ("--noise", "--steps", "--b1", "--halve-at", "--no-jit")
    ]
    assert positions == sorted(positions)
    assert "{None}" not in text
    assert "(default: )" not in text
    assert max(map(len, text.splitlines())) <= 80


def test_help_imports_no_jax_and_tolerates_a_reader_that_has_gone():
    script = """
import os, sys
import toy_experiment as toy, seqmodels.cli as cli

def help():
    try:
        cli.main(toy.EXPERIMENT, ["train", "--help"])
    except SystemExit as exit:
        return exit.code

assert help() == 0
heavy = {"jax", "flax", "optax", "orbax", "matplotlib", "numpy"} & set(sys.modules)
assert not heavy, heavy
reader, writer = os.pipe()
os.close(reader)
os.dup2(writer, sys.stdout.fileno())
assert help() == 141
"""
    done = subprocess.run(
        [sys.executable, "-c", script], env=ENVIRONMENT, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "--noise" in done.stdout
    assert "Rows of a batch." in done.stdout
