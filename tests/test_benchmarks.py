"""What the benchmark makes of its records; that it times anything rightly is shown elsewhere."""

import json

import pytest

from benchmarks.pictures import draw
from benchmarks.report import identity, merge, saved
from benchmarks.run import Config, cases
from benchmarks.tables import judged, markdown, summary

SIZE = {"batch": 2, "length": 3, "hidden": 4}


def row(cell: str, kind: str, hidden: int, ratios: dict[str, float]) -> dict:
    """A row of the grid with these ratios of our time to that of peers."""
    timed = {"milliseconds": 2.0, "disturbed": 0.0, "compile_seconds": 1.0, "peak_bytes": 8}
    found = {"ours": timed | {"ours_over_it": None}}
    for name, ratio in ratios.items():
        spread = {"median": ratio, "low": ratio - 0.1, "high": ratio + 0.1}
        peak = None if name == "pytorch" else 4
        found[name] = timed | {"ours_over_it": spread, "peak_bytes": peak}
    case = {"cell": cell} | SIZE | {"hidden": hidden}
    about = {"name": f"{cell} {hidden}", "pass": kind, "case": case, "clock": "wall", "rounds": 8}
    return about | {"candidates": found}


ROWS = [
    row("lstm", "gradient", 32, {"pytorch": 0.5, "haiku": 0.4, "flax_nnx": 0.9, "ours:scan": 5.0}),
    row("lstm", "gradient", 64, {"pytorch": 2.0, "haiku": 0.4}),
]


def test_summary_takes_the_best_peer_of_each_size_and_none_of_our_engines():
    (text,) = list(summary(ROWS))[2:]
    # sqrt(0.9 * 0.4) = 0.6 and sqrt(0.5 * 2.0) = 1.0
    assert text == (
        "| plain | lstm | gradient | 2 | 0.60 ≤ 0.80 | 0.90 ≤ 1.00 at 2, 3, 32 "
        "| **1.00** > 0.90 | **2.00** > 1.30 at 2, 3, 64 |"
    )
    assert judged(0.5, None) == "0.50"


def test_markdown_has_a_table_for_each_section():
    system = {"name": "char", "unit": "characters", "units": 10, "clock": "wall", "rounds": 8}
    system["candidates"] = {name: ROWS[0]["candidates"][name] for name in ("ours", "pytorch")}
    rate = {"rate": "JAX matmul 1024", "cores": 2, "value": 100.0, "unit": "GFLOP/s"}
    start = {"name": "import", "value": 0.5, "unit": "s", "bar": 1.0}
    lines = list(
        markdown({"rows": ROWS, "systems": [system], "roofline": [rate], "startup": [start]})
    )
    assert "| lstm | 2, 3, 32 | gradient | 2.00 | 0.50 ±0.10 | 0.40 ±0.10" in "\n".join(lines)
    assert "| char | 5,000 characters a second | 5,000 | 0.50 ±0.10 |" in lines
    # 6 matmuls of 2 * 3 * 2 * 32 * 4 * 32 operations in 2 ms, of 100 GFLOP/s
    assert "| 2, 3, 32 | - | - | - | - | - | 0 (0%) |" in lines
    assert lines[-1] == "| import | 0.50 s | 1 s |"
    widths = {line.count("|") for line in lines if line.startswith(("| lstm | 2", "| cell |"))}
    assert len(widths) == 1


def test_rows_are_merged_by_what_they_measured(tmp_path):
    path = tmp_path / "results.json"
    merge(path, "rows", ROWS)
    merge(path, "rows", [ROWS[0] | {"rounds": 99}])
    merge(path, "startup", [{"name": "import"}])
    assert [r["rounds"] for r in saved(path)["rows"]] == [99, 8]
    assert [identity(r)[0] for r in json.loads(path.read_text())["startup"]] == ["import"]


@pytest.mark.parametrize(("flags", "count"), [({}, 3 * 8 + 5 * 2 * 2), ({"cells": ("rnn",)}, 18)])
def test_the_grid_has_its_cases(flags, count):
    assert len(list(cases(Config(**flags)))) == count


def test_a_picture_is_drawn(tmp_path):
    draw(
        [row("lstm", kind, 32, {"pytorch": 0.5, "haiku": 0.4}) for kind in ("forward", "gradient")],
        tmp_path / "x.png",
    )
    assert (tmp_path / "x.png").stat().st_size > 1000
