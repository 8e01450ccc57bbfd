"""How many members run at once: a rule for the backend, and half as many until memory has room."""

import jax.numpy as jnp
import pytest
from toy_experiment import EXPERIMENT, Config

from seqmodels.train.config import Metric
from seqmodels.train.program import Program
from seqmodels.train.sweep import slices
from seqmodels.train.sweep.points import SweepOptions
from seqmodels.train.sweep.slices import choose_slice, fit_memory
from seqmodels.train.sweep.sweep import Problem, sweep

pytestmark = pytest.mark.usefixtures("one_device")


def test_all_at_once_on_an_accelerator_few_or_one_on_a_cpu(monkeypatch):
    assert [choose_slice(64, size) for size in (100, 1_000_000)] == [16, 1]
    assert choose_slice(4, 100) == 4
    monkeypatch.setattr(slices.jax, "default_backend", lambda: "gpu")
    assert choose_slice(64, 1_000_000) == 64


@pytest.mark.parametrize(("room", "fitting"), [(1e9, 12), (900, 6), (250, 2), (0, 1)])
def test_slices_are_halved_until_they_fit(monkeypatch, room, fitting):
    monkeypatch.setattr(slices, "free_bytes", lambda: room)
    asked = []

    def build(slice):
        asked.append(slice)
        program = Program(lambda x: x)
        monkeypatch.setattr(program, "temporary_bytes", lambda *_: 100 * slice, raising=False)
        return program

    assert fit_memory(build, 12, ())[1] == fitting
    assert asked[0] == 12


def test_a_program_knows_what_it_needs():
    program = Program(lambda x: jnp.sort(x * 2.0)[::-1] @ jnp.sin(x))
    need = [program.temporary_bytes(jnp.ones(size)) for size in (1 << 12, 1 << 16)]
    assert need[1] > need[0]


def test_a_sweep_says_that_memory_is_short(monkeypatch, capsys):
    monkeypatch.setattr(slices, "free_bytes", lambda: 0)

    def problem(config):
        data = EXPERIMENT.data(config, None)
        return Problem(EXPERIMENT.task(config, data.extras), data.train, data.dev)

    points = [{"seed": seed} for seed in range(3)]
    options = {"metric": Metric("error"), "names": EXPERIMENT.hyper}
    config = Config(steps=5, evaluate_every=5, dispatch=5)
    found = sweep(problem, points, config, options=SweepOptions(slice=3), **options)
    assert len(found.rows) == 3
    assert "memory has room for 1 of 3 members at a time" in capsys.readouterr().out
