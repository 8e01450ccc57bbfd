"""The mixture of a sweep's members, next to averaging their answers by hand."""

import json
from pathlib import Path

import numpy as np
import pytest
from toy_experiment import EXPERIMENT

from seqmodels.cli import load_run, status

pytestmark = pytest.mark.usefixtures("workspace", "one_device")

SMALL = ["--steps", "20", "--evaluate-every", "10", "--dispatch", "10"]
GRID = ["--learning-rate", "1e-3", "1e-1", "--average", "none", "ema"]  # two programs


def answers(run, batches):
    """Return the states after each batch, by the equation of the toy's recurrence."""
    params = {name: np.asarray(x, np.float64) for name, x in run.params.items()}
    state, states = 0.0, []
    for step in range(batches.steps_per_epoch):
        state = np.tanh(params["a"] * state) + (batches(step)["x"] @ params["w"])[:, 0]
        states.append(state)
    return np.stack(states)


def test_the_mixture_equals_averaging_the_answers_of_the_members(capsys):
    assert status(EXPERIMENT, ["sweep", "--keep-members", *GRID, *SMALL]) == 0
    assert "toy_experiment ensemble runs/toy/001\n" in capsys.readouterr().out
    members = [load_run(f"runs/toy/001/members/{i:03d}", EXPERIMENT) for i in range(4)]
    batches = members[0].data().dev
    targets = np.stack([batches(step)["y"] for step in range(batches.steps_per_epoch)])
    states = [answers(member, batches) for member in members]
    errors = [np.mean((state - targets) ** 2) for state in states]

    assert status(EXPERIMENT, ["ensemble", "runs/toy/001"]) == 0
    found = json.loads(Path("runs/toy/001/ensemble.json").read_text())
    assert found["members"] == [f"{i:03d}" for i in np.argsort(errors)]
    assert found["dev"]["members"] == pytest.approx(sorted(errors), rel=1e-5)
    mixture = np.mean((np.mean(states, axis=0) - targets) ** 2)
    assert found["dev"]["mixture"]["error"] == pytest.approx(mixture, rel=1e-5)

    assert status(EXPERIMENT, ["ensemble", "runs/toy/001", "--count", "1"]) == 0
    out = capsys.readouterr().out
    assert f"dev         error {min(errors):.4f}  mean of the members {min(errors):.4f}" in out


def test_members_must_have_been_saved(capsys):
    assert status(EXPERIMENT, ["--smoke"]) == 0
    assert status(EXPERIMENT, ["ensemble", "runs/toy/001"]) == 2
    assert "runs/toy/001 has no saved members; give a sweep" in capsys.readouterr().err
    assert status(EXPERIMENT, ["ensemble", "runs/toy/001", "--count", "0"]) == 2
    assert "--count must be 1 or more" in capsys.readouterr().err
