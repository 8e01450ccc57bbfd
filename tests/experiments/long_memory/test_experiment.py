import json
from pathlib import Path

import jax
import matplotlib.image
import pytest

from experiments.long_memory.experiment import EXPERIMENT, Config, outcome
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
    """Calls the command line in that folder: ``run(*arguments) -> (status, output, errors)``."""
    monkeypatch.chdir(folder)

    def call(*arguments):
        capsys.readouterr()
        code = status(EXPERIMENT, [str(argument) for argument in arguments])
        return code, *capsys.readouterr()

    return call


def write_run(name, errors, **config):
    """What ``compare`` reads of a run."""
    path = Path("runs/long_memory") / name
    path.mkdir(parents=True, exist_ok=True)
    values = json.loads(Path(RUN, "config.json").read_text())
    values["config"] |= config
    (path / "config.json").write_text(json.dumps(values))
    records = [{"split": "dev", "step": step, "error": e} for step, e in enumerate(errors)]
    (path / "metrics.jsonl").write_text("".join(json.dumps(r) + "\n" for r in records))


def test_the_best_error_of_all_runs_of_the_task_is_compared(run, folder):
    assert run("compare", RUN)[0] == 0  # also where there is one run alone
    write_run("a", [0.2, 1 / 120, 0.1], cell="gru", length=20)
    write_run("b", [1 / 30], cell="gru", length=20)
    write_run("c/best", [1 / 12], cell="rnn", length=20, clip_norm=1e9)  # of a sweep
    write_run("d", [0.001], cell="gru", length=20, task="parity")
    write_run("e", [], cell="gru", length=20)  # stopped before its first evaluation
    code, output, _ = run("compare", RUN, "--like", "[a-e]")
    assert code == 0
    gru, tanh, _ = output.splitlines()
    assert gru.split() == ["gru", "T", "=", "20", "solved", "0.0500"]
    assert tanh.split() == ["tanh,", "not", "clipped", "T", "=", "20", "not", "solved", "0.5000"]
    assert matplotlib.image.imread(folder / "runs/long_memory/adding.png").std() > 0
    code, _, error = run("compare", RUN, "--like", "e")
    assert code == 2
    assert "no run has been evaluated yet" in error


def test_flow_is_drawn_before_and_after(run, folder):
    code, output, _ = run("flow", RUN, "--rows", "2")
    assert code == 0
    assert [line.split()[0] for line in output.splitlines()] == ["untrained", "trained", "drawn"]
    assert matplotlib.image.imread(folder / RUN / "gradient_flow.png").std() > 0


def test_speed_is_told_of_every_engine_that_takes_the_cell(run):
    code, output, _ = run("speed", RUN, "--lengths", "2", "3")
    assert code == 0
    head, *lines = output.splitlines()
    assert head.split() == ["ms", "by", "engine", "T=2", "T=3"]
    assert [line.split()[0] for line in lines] == ["scan", "fused", "newton"]
    assert all(0 < float(number) < 1e5 for line in lines for number in line.split()[1:])


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--cell", "brain"], "--cell brain is unknown: choose from rnn"),
        (["--length", "1"], "--length 1: adding needs 2 or more"),
        (["--batch-size", "0"], "--batch-size"),
        (["--hidden", "0"], "--hidden"),
        (["--encoder", "-1"], "--encoder"),
        (["--engine", "steam"], "engine='steam' is unknown"),
        (["--name", "one"], "--overwrite"),
        (["evaluate", RUN, "--data", "x"], "--data: this experiment makes its own data"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_mistake_is_told_in_one_line(run, folder, arguments, told):
    smoke = SMOKE if arguments[0].startswith("--") else []
    code, _, error = run(*arguments, *smoke)
    assert code == 2
    assert told in error
    assert error.count("\n") == 1


def test_rows_are_named_as_in_the_lecture():
    class Empty:
        def records(self):
            return []

    assert outcome(Empty(), Config(cell="irnn")).name == "identity"
    assert outcome(Empty(), Config(cell="rnn", clip_norm=1e9)).name == "tanh, not clipped"
    assert outcome(Empty(), Config(cell="gru", chrono=True)).name == "gru, chrono"
