"""The evaluate command: numbers in a line, vectors in a table, baselines by split."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from toy_metrics import experiment

from seqmodels.cli import Metric, status

pytestmark = pytest.mark.usefixtures("workspace", "one_device")
SMALL = ["--steps", "10", "--evaluate-every", "5", "--noise", "0"]


def test_vectors_are_printed_as_a_table_and_stored_as_lists(capsys):
    toy = experiment("rmse")
    assert status(toy, SMALL) == 0
    out = capsys.readouterr().out
    run = Path("runs/toy/001")
    records = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    best = min((r for r in records if r["split"] == "dev"), key=lambda record: record["rmse"])
    step, value = best["step"], best["rmse"]
    scored = "  ".join(f"{name} {best[name]:.4f}" for name in ("median", "first"))
    assert f"step {step}: dev rmse {value:.4f}  {scored}\n" in out
    assert f"best        dev rmse {value:.4f} at step {step}; baseline 0.7500 (zero)\n" in out

    assert status(toy, ["evaluate", str(run)]) == 0
    lines = capsys.readouterr().out.splitlines()
    found = json.loads((run / "evaluation.json").read_text())
    assert found["dev"]["rmse_by_sign"] == pytest.approx(best["rmse_by_sign"])
    assert lines[1].startswith(f"dev         error {best['error']:.4f}  rmse {value:.4f}  prec")
    titles = ["by_sign dev", "by_sign test", "rmse_by_sign dev", "rmse_by_sign test"]
    assert [title.strip() for title in lines[3].split("  ") if title.strip()] == titles
    for number, name in enumerate(("negative", "positive")):
        entries = [
            found[s][n][number] for n in ("by_sign", "rmse_by_sign") for s in ("dev", "test")
        ]
        assert lines[4 + number].split() == [name, *(f"{entry:.4f}" for entry in entries)]
    assert lines[6:] == [
        "baseline    dev rmse 0.7500 (zero)",
        "baseline    test rmse 0.7000 (zero)",
    ]


def test_the_strongest_baseline_depends_on_the_direction_and_there_may_be_none(capsys):
    toy = replace(experiment("error"), metric=Metric("error", lower_is_better=False))
    assert status(toy, SMALL) == 0
    assert "; baseline 1.5000 (one)\n" in capsys.readouterr().out

    def load(config, metadata):
        return toy.data(config, metadata)._replace(baselines=())

    without = replace(toy, data=load)
    assert status(without, SMALL) == 0
    assert status(without, ["evaluate", "runs/toy/002"]) == 0
    assert status(without, ["sweep", "--seed", "0", "1", *SMALL]) == 0
    assert "baseline" not in capsys.readouterr().out
