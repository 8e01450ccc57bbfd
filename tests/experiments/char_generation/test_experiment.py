"""Char generation: training, precision, evaluation, errors of the user."""

import json
import re
import resource
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.char_generation.experiment import EXPERIMENT, Config
from seqmodels.train.config import with_values

RUN = "runs/char_generation/one"
SMOKE = ["--smoke", "--batch-size", "4", "--length", "4"]


def test_training_writes_a_run(trained):
    run = trained.folder / RUN
    written = {path.name for path in run.iterdir()}
    assert {"config.json", "metadata.json", "metrics.jsonl", "curves.png", "checkpoints"} <= written
    dev = json.loads((run / "metrics.jsonl").read_text().splitlines()[-1])
    assert dev["split"] == "dev"
    assert 0 < dev["nats"] < 5


def test_training_prints_data_baseline_and_commands(trained):
    assert re.search(r"the Python standard library: train \d+,", trained.out)
    assert "baseline    nats dev 2." in trained.out
    assert "python -m experiments.char_generation sample runs/char_generation/one" in trained.out


def test_bfloat16_affects_layers_but_not_parameters_states_and_loss(command):
    values = {"data": "text.txt", "hidden": 16, "embedding": 8, "length": 8, "batch_size": 4}
    values |= {"layers": 1}
    config = with_values(Config(), values)
    data, losses = EXPERIMENT.data(config, None), {}
    assert data.sizes["test"] > 0
    assert data.test is not None
    for precision in ("float32", "bfloat16"):
        task = EXPERIMENT.task(with_values(config, {"precision": precision}), data.metadata)
        params, batch = task.init(jax.random.key(0)), data.train(0)
        memory = task.memory(params, batch)

        @jax.jit
        def step(params, memory, batch, task=task):
            return jax.value_and_grad(task.loss, has_aux=True)(params, {}, memory, batch, None)

        (loss, (memory, _)), grads = step(params, memory, batch)
        assert all(x.dtype == jnp.float32 for x in jax.tree.leaves((loss, memory, grads)))
        program = str(jax.make_jaxpr(step)(params, memory, batch))
        assert ("bf16" in program) == (precision == "bfloat16")
        losses[precision] = loss
    assert losses["bfloat16"] != losses["float32"]
    np.testing.assert_allclose(losses["bfloat16"], losses["float32"], rtol=1e-2)


def test_evaluation_prints_bits_and_perplexity(trained, command):
    result = command("evaluate", RUN)
    assert result.status == 0
    metrics = json.loads((trained.folder / RUN / "evaluation.json").read_text())["dev"]
    assert metrics["perplexity"] == pytest.approx(2 ** metrics["bits"])
    assert f"perplexity {metrics['perplexity']:.4f}" in result.out
    assert "test " not in result.out  # the split is empty


@pytest.fixture
def bad_texts(trained):
    folder = trained.folder
    (folder / "latin").write_bytes("é".encode("latin1") * 10)
    (folder / "empty").touch()
    (folder / "short").write_text("too short")
    (folder / "nothing").mkdir(exist_ok=True)
    (folder / "accent").write_text("def é")


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--data", "missing"], "cannot read missing"),
        (["--data", "latin"], "latin is not UTF-8"),
        (["--data", "empty"], "empty is empty"),
        (["--data", "nothing"], "nothing contains no UTF-8 text files"),
        (["--data", "short"], "give more data"),
        (["--data", "text.txt", "--cell", "brain"], "--cell brain: unknown cell"),
        (["--data", "text.txt", "--tied", "--hidden", "9"], "tied embeddings"),
        (["--data", "text.txt", "--name", "one"], "--overwrite"),
        (["--data", "text.txt", "--splits", "1", "1", "1"], "sum to 1"),
        (["--data", "text.txt", "--dropout", "1.5"], "--dropout"),
        (["--data", "text.txt", "--layers", "0"], "--layers"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
@pytest.mark.usefixtures("bad_texts")
def test_training_errors_take_one_line(command, flags, message):
    result = command(*SMOKE, *flags)
    assert result.status == 2
    assert message in result.err
    assert result.err.count("\n") == 1


@pytest.mark.usefixtures("bad_texts")
def test_evaluation_requires_known_characters(command):
    result = command("evaluate", RUN, "--data", "accent")
    assert result.status == 2
    assert "'é'" in result.err
    assert result.err.count("\n") == 1


def test_help_is_instant():
    command = [sys.executable, "-X", "importtime", "-m", "experiments.char_generation", "--help"]
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[3])
    assert done.returncode == 0
    assert "sample" in done.stdout
    assert " jax" not in done.stderr
    # Processor time, because other processes may slow down the wall clock.
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before < 0.5
