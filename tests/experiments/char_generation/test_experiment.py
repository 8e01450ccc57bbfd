import json
import re
import resource
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import matplotlib.image
import numpy as np
import pytest

from experiments.char_generation.experiment import EXPERIMENT
from seqmodels.cli import status
from seqmodels.data.text import python_sources

pytestmark = pytest.mark.xdist_group("char_generation")  # a fixture of theirs takes long

TEXT = "".join(f"def f{n}(x):\n    return '{n}' + x\n\n" for n in range(120))
SMOKE = ["--smoke", "--layers", "1", "--batch-size", "4", "--length", "4"]
SMOKE += ["--steps", "4", "--evaluate-every", "2", "--dispatch", "2"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a text and a finished run on it."""
    folder = tmp_path_factory.mktemp("char")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        before = jax.config.jax_compilation_cache_dir
        Path("text.txt").write_text(TEXT)
        assert status(EXPERIMENT, [*SMOKE, "--data", "text.txt", "--name", "one"]) == 0
        yield folder
        jax.config.update("jax_compilation_cache_dir", before)


RUN = "runs/char_generation/one"


@pytest.fixture
def run(folder, monkeypatch, capsys):
    """Calls the command line in that folder: ``run(*arguments) -> (status, output, errors)``."""
    monkeypatch.chdir(folder)

    def call(*arguments):
        capsys.readouterr()
        code = status(EXPERIMENT, [str(argument) for argument in arguments])
        return code, *capsys.readouterr()

    return call


def test_smoke_leaves_a_run_behind(folder):
    written = {path.name for path in (folder / RUN).iterdir()}
    assert {"config.json", "extras.json", "metrics.jsonl", "curves.png", "checkpoints"} <= written
    dev = json.loads((folder / RUN / "metrics.jsonl").read_text().splitlines()[-1])
    assert dev["split"] == "dev"
    assert 0 < dev["nats"] < 5


def test_the_default_text_is_the_python_library(run, monkeypatch):
    beginning = partial(python_sources.python_sources, limit=300_000)
    monkeypatch.setattr(python_sources, "python_sources", beginning)
    flags = ["--name", "python", "--cell", "rnn", "--tied", "--embedding", "16"]
    code, output, _ = run(*SMOKE, *flags, "--splits", "0.95", "0.05", "0")
    assert code == 0
    assert re.search(r"the Python standard library: train \d+,", output)
    assert "to beat     nats 2." in output
    assert "python -m experiments.char_generation sample runs/char_generation/python" in output

    code, output, _ = run("evaluate", "runs/char_generation/python")
    assert code == 0
    assert "dev " in output
    assert "test " not in output  # it has none


def test_layers_compute_in_bfloat16_and_all_else_in_float32(run):
    config = EXPERIMENT.config(data="text.txt", hidden=16, embedding=8, length=8, batch_size=4)
    data, found = EXPERIMENT.data(config, None), {}
    for precision in ("float32", "bfloat16"):
        task = EXPERIMENT.task(replace(config, precision=precision), data.extras)
        params, batch = task.init(jax.random.key(0)), data.train(0)
        memory = task.memory(params, batch)

        @jax.jit
        def step(params, memory, batch, task=task):
            return jax.value_and_grad(task.loss, has_aux=True)(params, {}, memory, batch, None)

        (loss, (memory, _)), grads = step(params, memory, batch)
        assert all(x.dtype == jnp.float32 for x in jax.tree.leaves((loss, memory, grads)))
        program = str(jax.make_jaxpr(step)(params, memory, batch))
        assert ("bf16" in program) == (precision == "bfloat16")
        found[precision] = loss
    assert found["bfloat16"] != found["float32"]
    np.testing.assert_allclose(found["bfloat16"], found["float32"], rtol=1e-2)


def test_sampling_goes_on_from_the_prime(run):
    code, text, _ = run("sample", RUN, "--prime", "def f", "--length", "40", "--seed", "3")
    assert code == 0
    assert text.startswith("def f")
    assert len(text) == len("def f") + 40 + len("\n")
    assert text == run("sample", RUN, "--prime", "def f", "--length", "40", "--seed", "3")[1]
    flags = ["--temperature", "0", "--count", "2", "--length", "10"]
    code, texts, _ = run("sample", RUN, *flags)
    first, second = texts.split("---\n")
    assert first == second


def test_evaluation_tells_bits_and_perplexity(run, folder):
    code, output, _ = run("evaluate", RUN)
    assert code == 0
    results = json.loads((folder / RUN / "evaluation.json").read_text())["test"]
    assert results["perplexity"] == pytest.approx(2 ** results["bits"])
    assert f"perplexity {results['perplexity']:.4f}" in output


def test_inspection_draws_and_lists_units(run, folder):
    (folder / "look.txt").write_text(TEXT[:300])
    code, output, _ = run("inspect", RUN, "--text", "look.txt", "--shown", "80")
    assert code == 0
    lines = output.splitlines()
    assert [line.split("  ")[0] for line in lines[:3]] == [
        "position in line", "inside quotes", "indentation"
    ]  # fmt: skip
    assert all("r=" in line for line in lines[:3])
    assert matplotlib.image.imread(folder / RUN / "activations.png").std() > 0


def write_odd_texts(folder):
    (folder / "latin").write_bytes("é".encode("latin1") * 10)
    (folder / "empty").touch()
    (folder / "short").write_text("too short")
    (folder / "nothing").mkdir(exist_ok=True)
    (folder / "look").write_text("def é")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--data", "missing"], "cannot read missing"),
        (["--data", "latin"], "latin is not UTF-8"),
        (["--data", "empty"], "empty is empty"),
        (["--data", "nothing"], "nothing holds no text files"),
        (["--data", "short"], "give more text"),
        (["--data", "text.txt", "--cell", "brain"], "--cell brain is unknown: choose from rnn"),
        (["--data", "text.txt", "--tied", "--hidden", "9"], "tied embeddings"),
        (["--data", "text.txt", "--name", "one"], "--overwrite"),
        (["--data", "text.txt", "--splits", "1", "1", "1"], "sum to 1"),
        (["--data", "text.txt", "--dropout", "1.5"], "--dropout"),
        (["--data", "text.txt", "--layers", "0"], "--layers"),
        (["sample", "runs/none"], "runs/none is no run"),
        (["sample", RUN, "--prime", "déf"], "--prime: the model never saw 'é'"),
        (["sample", RUN, "--prime", ""], "--prime is empty"),
        (["sample", RUN, "--length", "0"], "--length must be 1 or more"),
        (["inspect", RUN, "--text", "missing"], "cannot read missing"),
        (["inspect", RUN, "--text", "look"], "'é'"),
        (["inspect", RUN, "--read", "1"], "--text: nothing changes"),
        (["evaluate", RUN, "--data", "look"], "'é'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_mistake_is_told_in_one_line(run, folder, arguments, told):
    write_odd_texts(folder)
    smoke = SMOKE if arguments[0].startswith("--") else []
    code, _, error = run(*smoke, *arguments)
    assert code == 2
    assert told in error
    assert error.count("\n") == 1


def test_help_is_instant():
    command = [sys.executable, "-X", "importtime", "-m", "experiments.char_generation", "--help"]
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[3])
    assert done.returncode == 0
    assert "sample" in done.stdout
    assert " jax" not in done.stderr
    # Seconds of computing, since a busy machine is no failure.
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before < 0.5
