"""Run directories: names, strict configs, and what is logged."""

import json
from dataclasses import replace

import pytest
from toy_experiment import Config

from seqmodels.errors import UserError
from seqmodels.train.runs.run_directory import RunDirectory, read_config

CONFIG = Config(steps=7, data="somewhere")


def new(root, name=None, overwrite=False):
    run = RunDirectory.choose(str(root), "toy", name, overwrite)
    run.create("toy", CONFIG, {"symbols": ["é"]})
    return run


def test_runs_are_numbered_and_read_back(tmp_path):
    assert [new(tmp_path).path.name for _ in range(2)] == ["001", "002"]
    run = RunDirectory.open(tmp_path / "toy" / "002", "toy")
    assert run.config(Config) == CONFIG
    assert run.extras() == {"symbols": ["é"]}
    facts = json.loads(run.environment_file.read_text())
    assert {"packages", "device", "git_commit", "command"} <= facts.keys()
    assert facts["packages"]["jax"]


def test_a_name_that_is_taken_needs_overwrite(tmp_path):
    old = new(tmp_path, "mine")
    (old.path / "note").write_text("precious")
    with pytest.raises(UserError, match=r"--resume .*mine, replace it with --overwrite"):
        new(tmp_path, "mine")
    assert (old.path / "note").read_text() == "precious"
    assert not (new(tmp_path, "mine", overwrite=True).path / "note").exists()


def test_overwrite_takes_no_directory_that_is_no_run(tmp_path):
    (tmp_path / "toy" / "mine").mkdir(parents=True)
    with pytest.raises(UserError, match="exists"):
        new(tmp_path, "mine", overwrite=True)


def test_other_directories_and_other_experiments_are_told(tmp_path):
    with pytest.raises(UserError, match="is no run"):
        RunDirectory.open(tmp_path, "toy")
    with pytest.raises(UserError, match="is a run of toy"):
        RunDirectory.open(new(tmp_path).path, "other")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"colour": 3}, "unknown colour"),
        ({"steps": "many"}, "steps must be int, is 'many'"),
        ({"steps": 1.5}, "steps must be int"),
        ({"accumulate": True}, "accumulate must be int"),
    ],
)
def test_a_config_is_read_strictly(changes, told):
    values = {**vars(CONFIG), **changes}
    with pytest.raises(UserError, match=told):
        read_config(Config, values, "config.json")


def test_a_field_that_an_older_run_lacks_takes_its_default():
    values = {**vars(CONFIG), "noise": 0.7}
    del values["rows"]
    assert read_config(Config, values, "") == replace(CONFIG, noise=0.7, rows=Config().rows)


def test_whole_numbers_are_floats_too():
    assert read_config(Config, {**vars(CONFIG), "noise": 1}, "") == replace(CONFIG, noise=1.0)


def test_a_damaged_config_is_told(tmp_path):
    run = new(tmp_path)
    run.config_file.write_text('{"experiment": "to')
    with pytest.raises(UserError, match="cannot be read"):
        RunDirectory.open(run.path, "toy")


def test_rewind_forgets_what_came_later_and_half_lines(tmp_path):
    run = new(tmp_path)
    for step in (5, 10, 15):
        run.log({"step": step})
    with run.metrics_file.open("a") as file:
        file.write('{"step": 2')
    run.rewind(10)
    assert run.records() == [{"step": 5}, {"step": 10}]
