"""Run directories of version 0.1 can be evaluated but not resumed."""

import json
from pathlib import Path

import pytest
from toy_experiment import EXPERIMENT, configure

from seqmodels.cli import status
from seqmodels.errors import UserError
from seqmodels.train.config import config_values
from seqmodels.train.fit import start
from seqmodels.train.runs import load_run
from seqmodels.train.runs.checkpoint import Checkpoints

CONFIG = configure(units=2, noise=0.25, average="ema")
RUN = Path("runs", "toy", "001")

pytestmark = pytest.mark.usefixtures("workspace", "one_device")


@pytest.fixture
def old_run(workspace):
    """Write a run as version 0.1 did."""
    data = EXPERIMENT.data(CONFIG, None)
    task = EXPERIMENT.task(CONFIG, data.metadata)
    state = start(task, data.train, CONFIG.training, EXPERIMENT.initial_rates(CONFIG))
    checkpoints = Checkpoints(RUN / "checkpoints")
    checkpoints.save(state, value=1.0, step=20)
    checkpoints.wait()
    step = RUN / "checkpoints" / "20"
    (step / "manifest.json").rename(step / "seal.json")
    values = config_values(CONFIG) | {"recipe": "quick"}
    content = {"experiment": "toy", "config": values}
    (RUN / "config.json").write_text(json.dumps(content, indent=1))
    (RUN / "extras.json").write_text(json.dumps(data.metadata))
    return state


def test_an_old_run_can_be_evaluated_and_used(old_run, capsys):
    assert status(EXPERIMENT, ["evaluate", str(RUN)]) == 0
    evaluation = json.loads((RUN / "evaluation.json").read_text())
    assert evaluation["step"] == 20
    assert evaluation["dev"]["error"] > 0
    capsys.readouterr()
    assert status(EXPERIMENT, ["say", str(RUN)]) == 0
    assert capsys.readouterr().out == "hello 20 ['a', 'é'] 0.25\n"
    run = load_run(RUN, EXPERIMENT)
    assert run.config == CONFIG
    assert (run.params["w"] == old_run.average["w"]).all()


def test_the_module_of_an_old_run_follows_from_its_name(old_run):
    with pytest.raises(UserError, match=r"a run of experiments\.toy\.experiment, which cannot"):
        load_run(RUN)
    from experiments.sentiment.experiment import EXPERIMENT as sentiment

    with pytest.raises(UserError, match=r"is a run of toy; use python -m experiments\.toy$"):
        load_run(RUN, sentiment)


@pytest.mark.parametrize("command", [[], ["sweep"]])
def test_an_old_run_cannot_be_resumed(old_run, command, capsys):
    before = {path: path.stat().st_mtime_ns for path in RUN.rglob("*")}
    assert status(EXPERIMENT, [*command, "--resume", str(RUN), "--steps", "90"]) == 2
    error = capsys.readouterr().err
    assert error.endswith("was made by seqmodels 0.1: it can be evaluated but not resumed\n")
    assert error.count("\n") == 1
    assert before == {path: path.stat().st_mtime_ns for path in RUN.rglob("*")}
