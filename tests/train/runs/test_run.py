"""Loading a trained run from its directory alone."""

import json

import jax
import numpy as np
import pytest
from toy_experiment import EXPERIMENT, configure

from seqmodels.errors import UserError
from seqmodels.train.fit import start
from seqmodels.train.runs import load_run
from seqmodels.train.runs.checkpoint import Checkpoints
from seqmodels.train.runs.run_directory import RunDirectory

CONFIG = configure(units=2, noise=0.25, seed=3)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A run with two checkpoints, of which the first is the best."""
    data = EXPERIMENT.data(CONFIG, None)
    task = EXPERIMENT.task(CONFIG, data.metadata)
    rates = EXPERIMENT.initial_rates(CONFIG)
    state = start(task, data.train, CONFIG.training, rates)
    directory = RunDirectory(tmp_path_factory.mktemp("runs") / "toy" / "001")
    directory.create(EXPERIMENT, CONFIG, data.metadata, None)
    checkpoints = Checkpoints(directory.checkpoints)
    for step, value in ((10, 1.0), (20, 2.0)):
        params = jax.tree.map(lambda leaf: leaf + step, state.params)  # noqa: B023
        checkpoints.save(state._replace(step=np.int32(step), params=params), value)
    checkpoints.wait()
    return directory.path, state


def test_a_path_is_enough(saved):
    path, state = saved
    run = load_run(path)
    assert run.experiment is EXPERIMENT
    assert run.experiment.program == "python -m toy_experiment"
    assert (run.config, run.metadata, run.step) == (CONFIG, {"symbols": ["a", "é"]}, 10)
    assert run.path == path
    np.testing.assert_array_equal(run.params["w"], state.params["w"] + 10)
    assert float(run.rates["noise"]) == 0.25
    batch = run.data().dev(0)
    carried = run.model.apply(run.params, np.zeros(4, np.float32), batch["x"])
    np.testing.assert_allclose(carried, (batch["x"] @ run.params["w"])[:, 0], rtol=1e-6)
    memory = run.task.memory(run.params, batch)
    _, metrics = run.task.measure(run.params, run.rates, memory, batch)
    assert metrics["error"].weight == 4


def test_a_step_selects_its_checkpoint(saved):
    path, state = saved
    run = load_run(str(path), step=20)
    assert run.step == 20
    np.testing.assert_array_equal(run.params["w"], state.params["w"] + 20)
    with pytest.raises(UserError, match="there is no undamaged checkpoint of step 30"):
        load_run(path, step=30)


def test_an_experiment_that_cannot_be_imported_must_be_passed(saved, tmp_path):
    path, _ = saved
    copy = tmp_path / "copy"
    copy.mkdir()
    for name in ("metadata.json", "checkpoints"):
        (copy / name).symlink_to(path / name)
    content = json.loads((path / "config.json").read_text())
    for module in ("notebook_of_someone", "seqmodels.errors"):
        (copy / "config.json").write_text(json.dumps(content | {"module": module}))
        with pytest.raises(UserError, match=f"a run of {module}, which cannot be imported"):
            load_run(copy)
        assert load_run(copy, EXPERIMENT).step == 10
