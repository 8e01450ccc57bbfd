"""Two processes train like one: equal losses, a lost host, checkpoints that one or two resume."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hosts_experiment import EXPERIMENTS, checked

from seqmodels.cli import status
from seqmodels.train.fit import fit
from seqmodels.train.runs.checkpoint import MANIFEST
from seqmodels.train.runs.run_directory import RunDirectory

TESTS = Path(__file__).parents[2]
ENVIRONMENT = {
    **os.environ,
    "PYTHONPATH": os.pathsep.join([str(TESTS.parent), str(TESTS)]),
    "JAX_PLATFORMS": "cpu",
}
ENVIRONMENT["XLA_FLAGS"] = ENVIRONMENT["XLA_FLAGS"].replace("count=8", "count=1")
TEXT = "".join(f"line {n} of {n * n}\n" for n in range(400))
FLAGS = {
    "toy": "",
    "char_generation": "--data text.txt --layers 1 --hidden 8 --embedding 4 --batch-size 4 "
    "--length 8",
}
COMMON = ["--name", "pair", "--steps", "20", "--evaluate-every", "5", "--dispatch", "5"]


def start_pair(folder, *flags, delay=0.0):
    """Start two processes that train together, the first host first."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    hosts = ["--coordinator", f"127.0.0.1:{port}", "--processes", "2", "--host-timeout", "10"]
    environment = ENVIRONMENT | {"XDG_CACHE_HOME": str(folder / "cache"), "DELAY": str(delay)}
    return [
        subprocess.Popen(
            [sys.executable, "-m", "hosts_experiment", *flags, *hosts, "--process", str(number)],
            cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for number in (0, 1)
    ]  # fmt: skip


def lose_a_host(folder, name, run):
    """Start two processes, kill one after a checkpoint, and wait until the other one gives up."""
    first, second = start_pair(folder, name, *COMMON, *FLAGS[name].split(), delay=0.2)
    deadline = time.monotonic() + 280
    while not list((folder / run).glob(f"checkpoints/*/{MANIFEST}")):
        assert time.monotonic() < deadline
        assert first.poll() is None, first.communicate()
        time.sleep(0.05)
    second.send_signal(signal.SIGKILL)
    second.communicate()
    first.communicate(timeout=120)
    assert first.returncode != 0


def resume_with_two(folder, name, run):
    """Complete the run with two processes and return what they print."""
    pair = start_pair(folder, name, "--resume", str(run))
    output = [process.communicate(timeout=280) for process in pair]
    assert [process.returncode for process in pair] == [0, 0], output
    return [out for out, _ in output]


@pytest.mark.usefixtures("one_device")
@pytest.mark.exhaustive  # six processes, one after the other
@pytest.mark.parametrize("name", ["toy", "char_generation"])
def test_one_or_two_processes_resume_what_two_began(name, workspace, capsys):
    (workspace / "text.txt").write_text(TEXT)
    run = Path("runs", name, "pair")
    lose_a_host(workspace, name, run)
    output = resume_with_two(workspace, name, run)
    experiment = checked(EXPERIMENTS[name]())
    assert f"evaluate {run}" in output[0]
    assert experiment.metric.name not in output[1]  # only the first host prints

    directory = RunDirectory(run)
    config = directory.config(experiment.config)
    data, rates = experiment.data(config, None), experiment.initial_rates(config)
    task = experiment.task(config, data.metadata)
    options = {"dev": data.dev, "metric": experiment.metric, "rates": rates}
    whole = fit(task, data.train, config.training, **options)
    records = directory.records()
    assert [r["step"] for r in records] == [r["step"] for r in whole.records]
    for name in (experiment.metric.name, "median"):  # that of all outputs of both hosts
        values = [[r[name] for r in each if name in r] for each in (records, whole.records)]
        np.testing.assert_allclose(*values, rtol=1e-5)

    assert status(experiment, ["--resume", str(run), "--steps", "25"]) == 0
    assert "step 25" in capsys.readouterr().out
