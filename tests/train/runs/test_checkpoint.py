"""Checkpoints survive kills and damage: damage is named, and the last undamaged one is used."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from toy_experiment import EXPERIMENT, configure

from seqmodels.errors import UserError
from seqmodels.train.fit import resume, start
from seqmodels.train.runs.checkpoint import MANIFEST, OLD_MANIFEST, Checkpoints

CONFIG = configure(average="ema")
BATCHES = EXPERIMENT.data(CONFIG, None).train
TASK = EXPERIMENT.task(CONFIG, {})
RATES = EXPERIMENT.initial_rates(CONFIG)
TESTS = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def state():
    return start(TASK, BATCHES, CONFIG.training, RATES)


def at(state, step):
    params = jax.tree.map(lambda leaf: leaf + step, state.params)
    return state._replace(step=jnp.int32(step), params=params)


def restore(checkpoints):
    return resume(TASK, BATCHES, CONFIG.training, checkpoints, RATES)


@pytest.fixture(scope="module")
def saved(state, tmp_path_factory):
    directory = tmp_path_factory.mktemp("saved")
    checkpoints = Checkpoints(directory, keep=3)
    for step in (10, 20, 30):
        checkpoints.save(at(state, step), float(step))
    checkpoints.wait()
    return directory


@pytest.fixture
def copy(saved, tmp_path):
    """A copy of the saved checkpoints, and the lines that they report."""
    lines = []
    shutil.copytree(saved, tmp_path / "copy")
    return Checkpoints(tmp_path / "copy", keep=3, report=lines.append), lines


def test_the_restored_state_equals_the_saved_one(copy, state):
    checkpoints, lines = copy
    restored, expected = restore(checkpoints), at(state, 30)
    assert jax.tree.structure(restored) == jax.tree.structure(expected)
    for one, other in zip(jax.tree.leaves(restored), jax.tree.leaves(expected), strict=True):
        assert one.dtype == other.dtype
        assert bool(jnp.all(one == other))
    assert lines == []


def test_evaluation_reads_the_averaged_weights_of_the_best(copy, state):
    checkpoints, _ = copy
    params, step = checkpoints.restore_params(state.params)
    assert step == 10 == checkpoints.best()
    np.testing.assert_array_equal(params["w"], state.average["w"])


def test_the_last_and_the_best_are_kept(state, tmp_path):
    checkpoints = Checkpoints(tmp_path, keep=2)
    for step, value in ((1, 5.0), (2, 1.0), (3, 4.0), (4, None), (5, 3.0)):
        checkpoints.save(at(state, step), value)
    checkpoints.wait()
    assert checkpoints.steps() == [2, 4, 5]
    assert checkpoints.best() == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["2", "4", "5"]


def files(directory):
    return [path for path in sorted(directory.rglob("*")) if path.is_file()]


def truncate(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


@pytest.mark.parametrize("harm", [truncate, flip, Path.unlink])
def test_any_damage_to_any_file_is_detected(copy, harm):
    checkpoints, _ = copy
    step = checkpoints.directory / "30"
    for path in files(step):
        if path.stat().st_size:
            content = path.read_bytes()
            harm(path)
            if path.name != MANIFEST or harm is not flip:  # one bit of it may be in the value
                assert checkpoints.damage(30), path
            path.write_bytes(content)
    assert checkpoints.damage(30) is None


@pytest.mark.parametrize("harm", [truncate, Path.unlink])
def test_the_last_undamaged_checkpoint_is_used_and_reported(copy, harm):
    checkpoints, lines = copy
    harm(max(files(checkpoints.directory / "30"), key=lambda path: path.stat().st_size))
    assert int(restore(checkpoints).step) == 20
    assert len(lines) == 1
    assert lines[0].startswith(f"skipping checkpoint {checkpoints.directory / '30'}: ")
    assert checkpoints.last_path() == checkpoints.directory / "20"


def test_a_run_without_an_undamaged_checkpoint_is_refused(copy):
    checkpoints, lines = copy
    for step in checkpoints.steps():
        (checkpoints.directory / str(step) / MANIFEST).unlink()
    with pytest.raises(UserError, match="no undamaged checkpoint in"):
        restore(checkpoints)
    assert len(lines) == 3


@pytest.mark.parametrize("values", [{"units": 4}, {"optimizer": "sgd"}, {"accumulate": 2}])
def test_a_config_that_does_not_fit_is_refused(copy, values):
    config = configure(**{"average": "ema", **values})
    batches, task = EXPERIMENT.data(config, None).train, EXPERIMENT.task(config, {})
    with pytest.raises(UserError, match="does not fit the config"):
        resume(task, batches, config.training, copy[0], RATES)


def test_old_manifests_are_read(copy):
    checkpoints, lines = copy
    for step in checkpoints.steps():
        path = checkpoints.directory / str(step) / MANIFEST
        path.rename(path.with_name(OLD_MANIFEST))
    assert int(restore(checkpoints).step) == 30
    assert checkpoints.best() == 10
    assert lines == []


def test_a_kill_while_saving_costs_at_most_one_checkpoint(tmp_path):
    command = [sys.executable, "-m", "toy_experiment", "train", "--runs", str(tmp_path)]
    flags = ["--evaluate-every", "1", "--dispatch", "1", "--steps", "100000", "--average", "ema"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS.parent), str(TESTS)])}
    directory = tmp_path / "toy" / "001" / "checkpoints"
    process = subprocess.Popen(command + flags, env=environment, stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 120
        while len(list(directory.glob(f"*/{MANIFEST}"))) < 2 or not list(directory.glob("*tmp*")):
            assert time.monotonic() < deadline
            assert process.poll() is None
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    config = json.loads((directory.parent / "config.json").read_text())
    assert config["module"] == "toy_experiment"  # not __main__
    names = [int(path.name) for path in directory.glob("*") if path.name.isdigit()]
    restored = restore(Checkpoints(directory, report=lambda text: None))
    assert int(restored.step) >= max(names) - 1 > 0
