"""Members to train at the same time: by backend, and halved until they fit into memory."""

import jax.numpy as jnp
import pytest
from toy_experiment import EXPERIMENT, configure, sweep_data

from seqmodels.train.program import Program
from seqmodels.train.sweep import slices
from seqmodels.train.sweep.points import SweepOptions
from seqmodels.train.sweep.slices import choose_slice, fit_memory
from seqmodels.train.sweep.sweep import sweep

pytestmark = pytest.mark.usefixtures("one_device")


def test_all_members_on_an_accelerator_and_few_or_one_on_a_cpu(monkeypatch):
    assert [choose_slice(64, size) for size in (100, 1_000_000)] == [16, 1]
    assert choose_slice(4, 100) == 4
    monkeypatch.setattr(slices.jax, "default_backend", lambda: "gpu")
    assert choose_slice(64, 1_000_000) == 64


@pytest.mark.parametrize(("free", "expected"), [(1e9, 12), (900, 6), (250, 2), (0, 1)])
def test_slices_are_halved_until_they_fit(monkeypatch, free, expected):
    monkeypatch.setattr(slices, "free_bytes", lambda: free)
    tried = []

    def build(slice):
        tried.append(slice)
        program = Program(lambda x: x)
        monkeypatch.setattr(program, "temporary_bytes", lambda *_: 100 * slice, raising=False)
        return program

    assert fit_memory(build, 12, ())[1] == expected
    assert tried[0] == 12


def test_a_program_reports_its_temporary_memory():
    program = Program(lambda x: jnp.sort(x * 2.0)[::-1] @ jnp.sin(x))
    small, large = (program.temporary_bytes(jnp.ones(size)) for size in (1 << 12, 1 << 16))
    assert large > small


def test_a_sweep_reports_that_memory_is_short(monkeypatch, capsys):
    monkeypatch.setattr(slices, "free_bytes", lambda: 0)
    result = sweep(
        sweep_data,
        [{"seed": seed} for seed in range(3)],
        configure(steps=5, evaluate_every=5, dispatch=5),
        metric=EXPERIMENT.metric,
        initial_rates=EXPERIMENT.initial_rates,
        options=SweepOptions(slice=3),
    )
    assert len(result.rows) == 3
    assert "only 1 of 3 members fit into memory at a time" in capsys.readouterr().out
