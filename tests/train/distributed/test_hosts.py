"""Two processes train as one: the same losses, a lost host, a checkpoint that one or two resume."""

import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hosts_experiment import EXPERIMENT

from seqmodels.train.fit import fit
from seqmodels.train.runs.run_directory import RunDirectory

pytestmark = pytest.mark.xdist_group("hosts")  # a fixture of theirs takes long

TESTS = Path(__file__).parents[2]
ENVIRONMENT = {
    **os.environ,
    "PYTHONPATH": os.pathsep.join([str(TESTS.parent), str(TESTS)]),
    "JAX_PLATFORMS": "cpu",
}
ENVIRONMENT["XLA_FLAGS"] = ENVIRONMENT["XLA_FLAGS"].replace("count=8", "count=1")
SMALL = ["--steps", "20", "--evaluate-every", "5", "--dispatch", "5", "--data", "text.txt"]
SMALL += [
    "--layers",
    "1",
    "--hidden",
    "8",
    "--embedding",
    "4",
    "--batch-size",
    "4",
    "--length",
    "8",
]
RUN = Path("runs", "char_generation", "pair")


def together(folder, *flags):
    """Two processes with the same flags, the first first."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    hosts = ["--coordinator", f"127.0.0.1:{port}", "--processes", "2", "--host-timeout", "15"]
    return [run(folder, *hosts, "--process", str(number), *flags) for number in (0, 1)]


def run(folder, *flags):
    environment = ENVIRONMENT | {"XDG_CACHE_HOME": str(folder / "cache")}
    return subprocess.Popen(
        [sys.executable, "-m", "hosts_experiment", *flags],
        cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def finish(processes):
    said = [process.communicate(timeout=280) for process in processes]
    assert [process.returncode for process in processes] == [0] * len(processes), said
    return [out for out, _ in said]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A run of two processes that was cut short when a host was lost."""
    folder = tmp_path_factory.mktemp("hosts")
    (folder / "text.txt").write_text("".join(f"line {n} of {n * n}\n" for n in range(400)))
    pair = together(folder, "--name", "pair", *SMALL, "--delay", "0.2")
    seals = folder / RUN / "checkpoints"
    deadline = time.monotonic() + 280
    while not list(seals.glob("*/seal.json")):
        assert time.monotonic() < deadline
        assert pair[0].poll() is None, pair[0].communicate()
        time.sleep(0.05)
    pair[1].send_signal(signal.SIGKILL)
    pair[1].communicate()
    pair[0].communicate(timeout=120)  # gives up by itself when the other is lost
    assert pair[0].returncode != 0
    return folder


def test_two_resume_what_two_began(folder):
    said = finish(together(folder, "--resume", RUN, "--delay", "0"))
    assert f"sample {RUN}" in said[0]
    assert "nats" not in said[1]  # the first host alone speaks
    directory = RunDirectory(folder / RUN)
    config = replace(directory.config(EXPERIMENT.config), data=str(folder / "text.txt"))
    data, numbers = EXPERIMENT.data(config, None), EXPERIMENT.numbers(config)
    options = {"dev": data.dev, "metric": EXPERIMENT.metric, "numbers": numbers}
    whole = fit(EXPERIMENT.task(config, data.extras), data.train, config, **options)
    records = directory.records()
    assert [r["step"] for r in records] == [r["step"] for r in whole.records]
    nats = [[r["nats"] for r in each] for each in (records, whole.records)]
    np.testing.assert_allclose(*nats, rtol=1e-5)


def test_one_resumes_what_two_made(folder):
    (said,) = finish([run(folder, "--resume", RUN, "--steps", "25")])
    assert "step 25" in said
