"""Run directories: names, strict configs, and records."""

import json

import pytest
from toy_experiment import EXPERIMENT, Config, configure

from seqmodels.errors import UserError
from seqmodels.train.config import config_values, with_values
from seqmodels.train.runs.run_directory import RunDirectory, read_config

CONFIG = configure(steps=7, data="somewhere")
VALUES = config_values(CONFIG)


def new(root, name=None, overwrite=False, recipe=None):
    run = RunDirectory.choose(str(root), "toy", name, overwrite)
    run.create(EXPERIMENT, CONFIG, {"symbols": ["é"]}, recipe)
    return run


def test_runs_are_numbered_and_can_be_read(tmp_path):
    assert [new(tmp_path, recipe=name).path.name for name in (None, "quick")] == ["001", "002"]
    run = RunDirectory.open(tmp_path / "toy" / "002", EXPERIMENT)
    assert run.config(Config) == CONFIG
    assert run.metadata() == {"symbols": ["é"]}
    assert (run.experiment_name(), run.experiment_module()) == ("toy", "toy_experiment")
    assert run.recipe() == "quick"
    assert RunDirectory.open(tmp_path / "toy" / "001").recipe() is None
    environment = json.loads(run.environment_file.read_text())
    assert {"packages", "device", "git_commit", "command"} <= environment.keys()
    assert environment["packages"]["jax"]


def test_an_existing_name_needs_overwrite(tmp_path):
    old = new(tmp_path, "mine")
    (old.path / "note").write_text("precious")
    with pytest.raises(UserError, match=r"--resume .*mine, replace it with --overwrite"):
        new(tmp_path, "mine")
    assert (old.path / "note").read_text() == "precious"
    assert not (new(tmp_path, "mine", overwrite=True).path / "note").exists()


def test_overwrite_does_not_replace_a_directory_that_is_not_a_run(tmp_path):
    (tmp_path / "toy" / "mine").mkdir(parents=True)
    with pytest.raises(UserError, match="exists"):
        new(tmp_path, "mine", overwrite=True)


def test_other_directories_and_other_experiments_are_refused(tmp_path):
    with pytest.raises(UserError, match=r"is not a run directory; .* runs/toy/001$"):
        RunDirectory.open(tmp_path, EXPERIMENT)
    run = new(tmp_path)
    content = json.loads(run.config_file.read_text())
    content |= {"experiment": "other", "module": "experiments.other.experiment"}
    run.config_file.write_text(json.dumps(content))
    with pytest.raises(UserError, match=r"is a run of other; use python -m experiments\.other$"):
        RunDirectory.open(run.path, EXPERIMENT)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"colour": 3}, "unknown colour"),
        ({"steps": "many"}, "steps must be int, is 'many'"),
        ({"steps": 1.5}, "steps must be int"),
        ({"accumulate": True}, "accumulate must be int"),
    ],
)
def test_a_config_is_read_strictly(changes, message):
    with pytest.raises(UserError, match=message):
        read_config(Config, VALUES | changes, "config.json")


def test_a_field_that_an_older_run_lacks_takes_its_default():
    values = {name: x for name, x in VALUES.items() if name not in ("rows", "momentum")}
    expected = with_values(CONFIG, {"noise": 0.7, "rows": Config().rows})
    assert read_config(Config, values | {"noise": 0.7}, "") == expected


def test_an_integer_is_read_as_a_float():
    assert read_config(Config, VALUES | {"noise": 1}, "") == with_values(CONFIG, {"noise": 1.0})


def test_a_damaged_config_is_refused(tmp_path):
    run = new(tmp_path)
    run.config_file.write_text('{"experiment": "to')
    with pytest.raises(UserError, match="cannot be read"):
        RunDirectory.open(run.path, EXPERIMENT)


def test_rewind_removes_later_records_and_incomplete_lines(tmp_path):
    run = new(tmp_path)
    for step in (5, 10, 15):
        run.log({"step": step})
    with run.metrics_file.open("a") as file:
        file.write('{"step": 2')
    run.rewind(10)
    assert run.records() == [{"step": 5}, {"step": 10}]
