import json
from pathlib import Path

import jax
import pytest
from matplotlib.image import imread

from experiments.long_memory.experiment import EXPERIMENT
from seqmodels.cli import status

SMOKE = ["--smoke", "--steps", "4", "--evaluate-every", "2", "--dispatch", "2"]
RUN = "runs/long_memory/one"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a finished run."""
    folder = tmp_path_factory.mktemp("long_memory")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        before = jax.config.jax_compilation_cache_dir
        assert status(EXPERIMENT, [*SMOKE, "--cell", "rnn", "--name", "one"]) == 0
        yield folder
        jax.config.update("jax_compilation_cache_dir", before)


@pytest.fixture
def run(folder, monkeypatch, capsys):
    """Run the command line in that folder: ``run(*arguments) -> (status, output, errors)``."""
    monkeypatch.chdir(folder)

    def call(*arguments):
        capsys.readouterr()
        code = status(EXPERIMENT, [str(argument) for argument in arguments])
        return code, *capsys.readouterr()

    return call


def write_run(name, errors, **config):
    """Write the files of a run that ``compare`` reads."""
    path = Path("runs/long_memory") / name
    path.mkdir(parents=True, exist_ok=True)
    content = json.loads(Path(RUN, "config.json").read_text())
    content["config"] |= config
    (path / "config.json").write_text(json.dumps(content))
    records = [{"split": "dev", "step": step, "error": e} for step, e in enumerate(errors)]
    (path / "metrics.jsonl").write_text("".join(json.dumps(r) + "\n" for r in records))


def test_compares_the_best_error_of_all_runs_of_the_problem(run, folder):
    assert run("compare", RUN)[0] == 0  # a single run
    write_run("a", [0.2, 1 / 120, 0.1], cell="gru", length=20)
    write_run("b", [1 / 30], cell="gru", length=20)
    write_run("c/best", [1 / 12], cell="rnn", length=20, clip_norm=1e9)  # of a sweep
    write_run("d", [0.001], cell="gru", length=20, task="parity")
    write_run("e", [], cell="gru", length=20)  # interrupted before its first evaluation
    code, output, _ = run("compare", RUN, "--like", "[a-e]")
    assert code == 0
    gru, tanh, picture = output.splitlines()
    assert gru.split() == ["gru", "T", "=", "20", "solved", "0.0500"]
    assert tanh.split() == ["tanh,", "not", "clipped", "T", "=", "20", "not", "solved", "0.5000"]
    assert picture.split() == ["picture", "runs/long_memory/adding.png"]
    assert imread(folder / "runs/long_memory/adding.png").std() > 0
    code, _, error = run("compare", RUN, "--like", "e")
    assert code == 2
    assert "no run has been evaluated yet" in error


def test_draws_the_gradient_flow_before_and_after_training(run, folder):
    code, output, _ = run("flow", RUN, "--rows", "2")
    assert code == 0
    assert [line.split()[0] for line in output.splitlines()] == ["untrained", "trained", "picture"]
    assert imread(folder / RUN / "gradient_flow.png").std() > 0


def test_prints_the_speed_of_every_engine_that_supports_the_cell(run):
    code, output, _ = run("speed", RUN, "--lengths", "2", "3")
    assert code == 0
    head, *lines = output.splitlines()
    assert head.split() == ["ms", "by", "engine", "T=2", "T=3"]
    assert [line.split()[0] for line in lines] == ["scan", "fused", "newton"]
    assert all(0 < float(number) < 1e5 for line in lines for number in line.split()[1:])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--cell", "brain"], "--cell brain: unknown cell; choose one of rnn"),
        (["--length", "1"], "--length 1: adding needs 2 or more"),
        (["--batch-size", "0"], "--batch-size"),
        (["--hidden", "0"], "--hidden"),
        (["--encoder", "-1"], "--encoder"),
        (["--engine", "steam"], "engine='steam' is unknown"),
        (["--name", "one"], "--overwrite"),
        (["evaluate", RUN, "--data", "x"], "--data: this experiment generates its data"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_an_error_takes_one_line(run, folder, arguments, message):
    smoke = SMOKE if arguments[0].startswith("--") else []
    code, _, error = run(*arguments, *smoke)
    assert code == 2
    assert message in error
    assert error.count("\n") == 1
