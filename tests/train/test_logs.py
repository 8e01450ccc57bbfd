"""What a user sees (progress bar, plain lines, curves), and totals that stay exact."""

import io
import sys
from types import ModuleType

import numpy as np
import pytest
from matplotlib.image import imread
from rich.console import Console

from seqmodels.data.batching import Batches
from seqmodels.errors import UserError
from seqmodels.train.config import Metric
from seqmodels.train.experiment import BaselineScore, Data, ThroughputUnit
from seqmodels.train.logs import draw_curves, tensorboard
from seqmodels.train.progress import ProgressReport
from seqmodels.train.records import ChunkSpan, add_totals, means, train_record
from seqmodels.train.state import ChunkOutput, StepInfo
from seqmodels.types import Task, Total

TASK = Task(None, None, None)


def record(step, **changes):
    return {
        "step": step, "split": "train", "loss": 2.0, "bits": 1.5, "gradient_norm": 0.25,
        "learning_rate": 0.1, "clipped": 0.0, "steps_per_second": 123.456, "compile_seconds": 3.0,
        **changes,
    }  # fmt: skip


def make_report(terminal):
    console = Console(file=io.StringIO(), force_terminal=terminal, width=150)
    return ProgressReport(
        100, Metric("bits"), ThroughputUnit("characters", 100.0), console=console
    ), console


def test_plain_lines_without_a_terminal():
    report, console = make_report(terminal=False)
    with report:
        for step in (10, 20, 100):
            report(record(step))
        report({"step": 100, "split": "dev", "bits": 1.25, "bleu": 31.5, "loss": 1.0})
    lines = console.file.getvalue().splitlines()
    numbers = "loss 2.0000  bits 1.5000  12,346 characters/s  gradient 0.25"
    expected = [
        "step 10: compiled in 3.0 s in total",
        f"step 10/100: {numbers}",
        f"step 100/100: {numbers}",
        "step 100: dev bits 1.2500  bleu 31.5000",
    ]
    assert lines in (expected, [*expected, ""])


def test_the_loss_is_not_printed_under_the_name_of_the_headline():
    report, console = make_report(terminal=False)
    lacking = record(100)
    del lacking["bits"]
    report(lacking)
    assert "loss 2.0000  12,346 characters/s" in console.file.getvalue()
    assert "bits" not in console.file.getvalue()


def test_bar_on_a_terminal():
    report, console = make_report(terminal=True)
    with report:
        report(record(10))
        report.bar.refresh()
    text = console.file.getvalue()
    assert "10/100" in text
    assert "12,346 characters/s" in text


def test_totals_add_up_in_float64():
    big = Total(np.full(1000, 1e8, np.float32), np.ones(1000, np.float32))
    small = Total(np.full(1000, 1.0, np.float32), np.zeros(1000, np.float32))
    totals = add_totals({"x": small}, add_totals({"x": big}, {}))
    assert totals == {"x": Total(1000 * 1e8 + 1000, 1000.0)}
    assert means(totals)["x"] == 1e8 + 1
    assert np.isnan(means({"y": Total(0.0, 0.0)})["y"])


def test_a_chunk_is_recorded_with_means_and_speed():
    output = ChunkOutput(
        metrics={"bits": Total(np.array([6.0, 2.0]), np.array([3.0, 1.0]))},
        info=StepInfo(
            loss=np.array([2.0, 4.0]),
            gradient_norm=np.array([1.0, 3.0]),
            clipped=np.array([0.0, 1.0]),
            learning_rate=np.array([0.1, 0.2]),
        ),
    )
    found = train_record(TASK, output, ChunkSpan(2, 2, 0.5, 1.0))
    assert found["bits"] == 2.0
    assert found["steps_per_second"] == 4.0
    assert (found["loss"], found["clipped"], found["learning_rate"]) == (3.0, 0.5, 0.2)


def test_throughput_has_the_unit_of_the_data_whatever_the_metrics_count():
    batches = Batches(lambda step, part: (), steps_per_epoch=10)
    data = Data(batches, None, None, "balls", {"train": 640}, "balls", {})
    assert data.step_unit == ThroughputUnit("balls", 64.0)
    report = ProgressReport(100, Metric("bits"), data.step_unit)
    assert "768 balls/s" in report.describe(record(10, steps_per_second=12.0))
    assert data._replace(sizes={}).step_unit == ThroughputUnit("steps", 1.0)
    assert "clipped 25%" in report.describe(record(10, clipped=0.25))


def test_curves_are_drawn(tmp_path):
    path = tmp_path / "curves.png"
    records, baseline = [record(step) for step in (10, 20)], BaselineScore("bigrams", 3.0)
    draw_curves(
        [*records, {"step": 20, "split": "dev", "bits": 1.0}], Metric("bits"), baseline, path
    )
    assert imread(path).std() > 0


def test_tensorboard_receives_every_entry_of_a_vector(tmp_path, monkeypatch):
    written = {}

    class SummaryWriter:
        def __init__(self, directory):
            pass

        def add_scalar(self, name, value, step):
            written[name] = value, step

        def flush(self):
            pass

    module = ModuleType("tensorboardX")
    module.SummaryWriter = SummaryWriter
    monkeypatch.setitem(sys.modules, "tensorboardX", module)
    tensorboard(tmp_path)({"step": 3, "split": "dev", "bits": 1.0, "by_class": [0.5, 0.25]})
    assert written == {
        "dev/bits": (1.0, 3), "dev/by_class/1": (0.5, 3), "dev/by_class/2": (0.25, 3),
    }  # fmt: skip


def test_tensorboard_names_the_missing_package(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(UserError, match=r"pip install 'seqmodels\[tensorboard\]'"):
        tensorboard(tmp_path)
