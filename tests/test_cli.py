"""The shared commands: training, resuming, evaluating, and one clear line for each mistake."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import jax
import pytest
from matplotlib.image import imread
from toy_experiment import EXPERIMENT

from seqmodels.cli import status

TESTS = Path(__file__).parent
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS.parent), str(TESTS)])}


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    names = "jax_platforms", "jax_compilation_cache_dir", "jax_disable_jit", "jax_debug_nans"
    before = {name: getattr(jax.config, name) for name in names}
    yield
    for name, value in before.items():
        jax.config.update(name, value)


def command(*arguments):
    return [sys.executable, "-m", "toy_experiment", *arguments]


def test_smoke_writes_everything_and_the_run_can_be_used(capsys):
    assert status(EXPERIMENT, ["--smoke", "--noise", "0.5"]) == 0
    run = Path("runs/toy/001")
    written = {path.name for path in run.iterdir()}
    assert {"config.json", "extras.json", "environment.json", "metrics.jsonl"} <= written
    assert {"checkpoints", "curves.png"} <= written
    assert imread(run / "curves.png").std() > 0
    assert json.loads((run / "config.json").read_text())["config"]["steps"] == 10
    text = capsys.readouterr().out
    first = ["device      cpu", "parameters  4", "data        made-up rows: train 40, dev 40, "]
    for line in [*first, "to beat     error 0.7500 (zero)", "run         runs/toy/001"]:
        assert line in text
    assert "evaluate runs/toy/001" in text
    assert "say runs/toy/001" in text

    assert status(EXPERIMENT, ["say", "runs/toy/001", "--word", "hey"]) == 0
    assert capsys.readouterr().out.startswith("hey 10 ['a', 'é'] 0.5")
    assert status(EXPERIMENT, ["evaluate", "runs/toy/001", "--data", "elsewhere"]) == 0
    assert "test    error" in capsys.readouterr().out
    dev = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()][-1]
    measured = json.loads((run / "evaluation.json").read_text())
    assert measured["dev"]["error"] == pytest.approx(dev["error"])

    wrong = [
        (["--resume", "runs/toy/001"], "is complete at step 10: give more with --steps"),
        (["--resume", "runs/toy/001", "--units", "5", "--steps", "20"], "does not fit the config"),
        (["--name", "001"], "exists: go on with --resume runs/toy/001"),
        (["--name", "001", "--overwrite", "--data", "missing"], "--data missing: there is no"),
        (["--name", "001", "--overwrite", "--engine", "warp"], "--engine warp is not there"),
        (["--resume", "runs/toy/001", "--engine", "warp", "--steps", "20"], "--engine warp is not"),
    ]
    before = {path: path.stat().st_mtime_ns for path in run.rglob("*")}
    for arguments, told in wrong:
        assert status(EXPERIMENT, arguments) == 2, arguments
        error = capsys.readouterr().err
        assert told in error
        assert error.count("\n") == 1, error
    assert before == {path: path.stat().st_mtime_ns for path in run.rglob("*")}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--device", "tpu"], "--device tpu: there is none here, only cpu"),
        (["--steps", "0"], "--steps must be 1 or more"),
        (["--learning-rate", "-1"], "--learning-rate must be 0 or more, not -1.0"),
        (["--weight-decay", "nan"], "--weight-decay must be 0 or more, not nan"),
        (["--b2", "1"], "--b2 must be 0 or more and below 1, not 1.0"),
        (["--momentum", "1"], "--momentum must be 0 or more and below 1, not 1.0"),
        (["--clip-norm", "0"], "--clip-norm must be above 0"),
        (["sweep", "--learning-rate", "1e-3", "-1"], "--learning-rate must be 0 or more, not -1.0"),
        (["--resume", "nowhere"], "nowhere is no run"),
        (["evaluate", "nowhere"], "nowhere is no run"),
        (["--data", "missing"], "--data missing"),
        (["--engine", "warp"], "--engine warp is not there"),
        (["sweep", "--engine", "warp", "--seed", "0", "1"], "--engine warp is not there"),
    ],
)
def test_mistakes_get_one_line_and_status_2(arguments, told, capsys):
    assert status(EXPERIMENT, arguments) == 2
    error = capsys.readouterr().err
    assert told in error
    assert error.count("\n") == 1
    assert not Path("runs").exists()


@pytest.mark.parametrize("flags", [["--colour", "3"], ["--steps", "many"], ["--optimizer", "x"]])
def test_wrong_flags_exit_with_status_2(flags, capsys):
    with pytest.raises(SystemExit) as exit:
        status(EXPERIMENT, flags)
    assert exit.value.code == 2
    assert flags[0] in capsys.readouterr().err


def test_divergence_has_a_status_of_its_own(capsys):
    assert status(EXPERIMENT, ["--explode", "3", "--steps", "5"]) == 1
    assert "training diverged at step 3" in " ".join(capsys.readouterr().out.split())


def test_help_that_nobody_reads_on_is_no_traceback():
    reader, writer = os.pipe()
    os.close(reader)
    found = subprocess.run(
        command("train", "--help"), env=ENVIRONMENT, stdout=writer, stderr=subprocess.PIPE
    )
    os.close(writer)
    assert (found.returncode, found.stderr) == (141, b"")


def test_help_needs_no_jax():
    script = (
        "import sys, toy_experiment as toy, seqmodels.cli as cli\n"
        "try: cli.main(toy.EXPERIMENT, ['train', '--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'jax', 'flax', 'optax', 'orbax', 'matplotlib', 'numpy'} & set(sys.modules)\n"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], env=ENVIRONMENT, capture_output=True, text=True, check=True
    )
    assert "--noise" in done.stdout
    assert "Rows of a batch." in done.stdout


def test_sigterm_and_resume_equal_an_uninterrupted_run_bit_for_bit():
    flags = ["--delay", "0.02", "--schedule", "plateau", "--average", "ema", "--accumulate", "2"]
    whole = subprocess.Popen(command(*flags, "--name", "whole"), env=ENVIRONMENT)
    parted = subprocess.Popen(
        command(*flags, "--name", "parted"), env=ENVIRONMENT, stdout=subprocess.PIPE, text=True
    )
    metrics, deadline = Path("runs/toy/parted/metrics.jsonl"), time.monotonic() + 120
    while not (metrics.exists() and metrics.read_text().count("\n") > 1):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    parted.send_signal(signal.SIGTERM)
    out, _ = parted.communicate()
    assert parted.returncode == 143
    assert "toy_experiment --resume runs/toy/parted" in " ".join(out.split())
    stopped = json.loads(metrics.read_text().splitlines()[-1])["step"]
    assert stopped < 60
    subprocess.run(command("--resume", "runs/toy/parted"), env=ENVIRONMENT, check=True)
    assert whole.wait() == 0
    assert final_files("whole") == final_files("parted")


def final_files(name):
    """Every array of the last state, read by orbax alone."""
    import numpy as np
    from orbax.checkpoint import v1 as ocp

    from seqmodels.train.fit import resume
    from seqmodels.train.runs.checkpoint import Checkpoints

    config = EXPERIMENT.config(average="ema", accumulate=2, schedule="plateau")
    batches, task = EXPERIMENT.data(config, None).train, EXPERIMENT.task(config, {})
    checkpoints = Checkpoints(Path("runs/toy") / name / "checkpoints")
    state = resume(task, batches, config, checkpoints, EXPERIMENT.numbers(config))
    assert int(state.step) == 60
    state = state._replace(key=jax.random.key_data(state.key))
    assert ocp.is_orbax_checkpoint(checkpoints.last_path())
    return [np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(state)]
