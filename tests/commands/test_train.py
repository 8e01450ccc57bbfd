"""Training from the command line: what a run leaves behind, resuming, divergence, recipes."""

import json
import os
import signal
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import jax
import numpy as np
import pytest
from matplotlib.image import imread
from orbax.checkpoint import v1 as ocp
from toy_experiment import EXPERIMENT, configure

from seqmodels.cli import main, status
from seqmodels.train.fit import resume
from seqmodels.train.runs import load_run
from seqmodels.train.runs.checkpoint import Checkpoints

pytestmark = pytest.mark.usefixtures("workspace", "one_device")


def test_a_smoke_run_writes_everything_and_can_be_used(capsys):
    assert status(EXPERIMENT, ["--smoke", "--noise", "0.5"]) == 0
    run = Path("runs/toy/001")
    files = {path.name for path in run.iterdir()}
    assert {"config.json", "metadata.json", "environment.json", "metrics.jsonl"} <= files
    assert {"checkpoints", "curves.png"} <= files
    assert imread(run / "curves.png").std() > 0
    config = json.loads((run / "config.json").read_text())
    assert config["config"]["steps"] == 10
    assert (config["module"], config["recipe"]) == ("toy_experiment", None)
    out = capsys.readouterr().out
    for line in (
        "device      cpu",
        "parameters  4",
        "data        generated rows: train 40, dev 40, test 40 rows",
        "baseline    error dev 0.7500  test 0.7000 (zero)\nbaseline    error dev 1.5000 (one)\n",
        "run         runs/toy/001",
    ):
        assert line in out
    assert "toy_experiment evaluate runs/toy/001" in out
    assert "toy_experiment say runs/toy/001" in out
    assert "expected" not in out

    assert status(EXPERIMENT, ["say", "runs/toy/001", "--word", "hey"]) == 0
    assert capsys.readouterr().out.startswith("hey 10 ['a', 'é'] 0.5")
    assert status(EXPERIMENT, ["evaluate", "runs/toy/001", "--data", "elsewhere"]) == 0
    assert "test        error" in capsys.readouterr().out
    dev = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()][-1]
    evaluation = json.loads((run / "evaluation.json").read_text())
    assert evaluation["dev"]["error"] == pytest.approx(dev["error"])
    check_mistakes(run, capsys)


def test_a_script_suggests_commands_with_its_path(monkeypatch):
    main = ModuleType("__main__")
    monkeypatch.setitem(sys.modules, "__main__", main)
    monkeypatch.setattr(sys, "argv", ["balls/train.py"])
    experiment = replace(EXPERIMENT, config=type("Config", (), {"__module__": "__main__"}))
    assert experiment.program == "toy"  # a notebook
    main.__file__ = "/home/me/balls/train.py"
    assert experiment.program == "python balls/train.py"


def check_mistakes(run, capsys):
    """Check that wrong flags change no file of an existing run."""
    wrong = [
        (["--resume", "runs/toy/001"], "is complete at step 10; train longer with --steps"),
        (["--resume", "runs/toy/001", "--units", "5", "--steps", "20"], "does not fit the config"),
        (["--name", "001"], "exists: continue it with --resume runs/toy/001"),
        (["--name", "001", "--overwrite", "--data", "missing"], "--data missing: there is no"),
        (["--name", "001", "--overwrite", "--engine", "warp"], "--engine warp is unknown"),
        (["--resume", "runs/toy/001", "--engine", "warp", "--steps", "20"], "--engine warp is unk"),
    ]
    before = {path: path.stat().st_mtime_ns for path in run.rglob("*")}
    for arguments, message in wrong:
        assert status(EXPERIMENT, arguments) == 2, arguments
        error = capsys.readouterr().err
        assert message in error
        assert error.count("\n") == 1, error
    assert before == {path: path.stat().st_mtime_ns for path in run.rglob("*")}


def test_a_run_records_its_recipe_and_prints_the_expected_result(capsys):
    assert status(EXPERIMENT, ["--recipe", "quick"]) == 0
    out = capsys.readouterr().out
    assert "expected    test error 0.5 +- 0.1 (2 seeds, 0.1 processor minutes)" in out
    run = load_run("runs/toy/001")
    assert run.directory.recipe() == "quick"
    assert (run.config.noise, run.config.training.optimizer.momentum) == (0.0, 0.5)
    assert status(EXPERIMENT, ["--resume", "runs/toy/001", "--steps", "10"]) == 0
    assert "expected    test error 0.5" in capsys.readouterr().out
    assert load_run("runs/toy/001").directory.recipe() == "quick"


def test_divergence_has_its_own_status(capsys):
    assert status(EXPERIMENT, ["--explode", "3", "--steps", "5"]) == 1
    assert "training diverged at step 3" in " ".join(capsys.readouterr().out.split())


def terminate_after_two_records(metrics):
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if metrics.exists() and metrics.read_text().count("\n") > 1:
            os.kill(os.getpid(), signal.SIGTERM)
            return
        time.sleep(0.005)


def test_resuming_after_sigterm_equals_an_uninterrupted_run_bit_for_bit(capsys):
    flags = ["--schedule", "plateau", "--average", "ema", "--accumulate", "2"]
    assert status(EXPERIMENT, [*flags, "--name", "whole"]) == 0
    metrics = Path("runs/toy/parted/metrics.jsonl")
    killer = threading.Thread(target=terminate_after_two_records, args=[metrics])
    killer.start()
    with pytest.raises(SystemExit) as exit:
        main(EXPERIMENT, [*flags, "--name", "parted", "--delay", "0.01"])
    killer.join()
    assert exit.value.code == 143
    out = capsys.readouterr().out
    assert "python -m toy_experiment --resume runs/toy/parted" in " ".join(out.split())
    assert json.loads(metrics.read_text().splitlines()[-1])["step"] < 60
    assert status(EXPERIMENT, ["--resume", "runs/toy/parted", "--delay", "0"]) == 0
    assert final_arrays("whole") == final_arrays("parted")


def final_arrays(name):
    """Return the bytes of every array of a run's last state."""
    config = configure(average="ema", accumulate=2, schedule="plateau")
    batches, task = EXPERIMENT.data(config, None).train, EXPERIMENT.task(config, {})
    checkpoints = Checkpoints(Path("runs/toy") / name / "checkpoints")
    rates = EXPERIMENT.initial_rates(config)
    state = resume(task, batches, config.training, checkpoints, rates)
    assert int(state.step) == 60
    state = state._replace(key=jax.random.key_data(state.key))
    assert ocp.is_orbax_checkpoint(checkpoints.last_path())
    return [np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(state)]
