"""Tables, results files and cases of the benchmarks."""

import json
from importlib.util import find_spec
from itertools import chain

import pytest

from benchmarks import pages
from benchmarks.pictures import draw, relative_times
from benchmarks.rows import format_results, load_results, memory_ratio, merge_results, row_key
from benchmarks.run import Config, select_cases, shorten
from benchmarks.tables import against_limit, markdown, summary, summary_rows

SIZE = {"batch": 2, "length": 3, "hidden": 4}


def row(cell: str, kind: str, hidden: int, ratios: dict[str, float]) -> dict:
    """Return a row of the grid with these ratios of our time to that of other libraries."""
    times = {"milliseconds": 2.0, "disturbed": 0.0, "compile_seconds": 1.0, "peak_bytes": 8}
    libraries = {"ours": times | {"ratio": None}}
    for name, ratio in ratios.items():
        spread = {"median": ratio, "low": ratio - 0.1, "high": ratio + 0.1}
        peak = None if name == "pytorch" else 4
        libraries[name] = times | {"ratio": spread, "peak_bytes": peak}
    case = {"cell": cell} | SIZE | {"hidden": hidden}
    about = {"name": f"{cell} {hidden}", "pass": kind, "case": case, "clock": "wall", "rounds": 8}
    return about | {"libraries": libraries, "memory_ratio": memory_ratio(libraries)}


ROWS = [
    row("lstm", "gradient", 32, {"pytorch": 0.5, "haiku": 0.4, "flax_nnx": 0.9, "ours:scan": 5.0}),
    row("lstm", "gradient", 64, {"pytorch": 2.0, "haiku": 0.4}),
]


def test_summary_uses_the_fastest_peer_at_each_size_and_ignores_our_engines():
    (text,) = list(summary(summary_rows({"grid": ROWS})))[2:]
    # sqrt(0.9 * 0.4) = 0.6 and sqrt(0.5 * 2.0) = 1.0
    assert text == (
        "| plain | lstm | gradient | 2 | 0.60 ≤ 0.80 | 0.90 ≤ 1.00 at 2, 3, 32 "
        "| **1.00** > 0.90 | **2.00** > 1.30 at 2, 3, 64 |"
    )
    assert against_limit(0.5, None) == "0.50"


def test_stored_summaries_fill_only_the_groups_without_rows():
    (computed,) = summary_rows({"grid": ROWS})
    assert computed["PyTorch"] == {"mean": pytest.approx(1.0), "worst": 2.0, "size": "2, 3, 64"}
    stored = [computed | {"sizes": 99}, computed | {"variant": "masked", "sizes": 99}]
    found = summary_rows({"grid": ROWS, "summary": stored})
    assert [(row["variant"], row["sizes"]) for row in found] == [("plain", 2), ("masked", 99)]


def test_markdown_has_a_table_for_each_section():
    system = {"name": "char", "unit": "characters", "units": 10, "clock": "wall", "rounds": 8}
    system["libraries"] = {name: ROWS[0]["libraries"][name] for name in ("ours", "pytorch")}
    rate = {"rate": "JAX matmul 1024", "cores": 2, "value": 100.0, "unit": "GFLOP/s"}
    start = {"name": "import", "value": 0.5, "unit": "s", "target": 1.0}
    lines = list(
        markdown({"grid": ROWS, "systems": [system], "roofline": [rate], "startup": [start]})
    )
    assert "| lstm | 2, 3, 32 | gradient | 2.00 | 0.50 ±0.10 | 0.40 ±0.10" in "\n".join(lines)
    assert "| 5.00 ±0.10 | 2.00 | 1.0 | 8 (0% disturbed) |" in "\n".join(lines)  # 8 of 4 bytes
    assert "| char | 5,000 characters per second | 5,000 | 0.50 ±0.10 |" in lines
    # 6 matmuls of 2 * 3 * 2 * 32 * 4 * 32 operations in 2 ms, of 100 GFLOP/s
    assert "| 2, 3, 32 | - | - | - | - | - | 0 (0%) |" in lines
    assert lines[-1] == "| import | 0.50 s | 1 s |"
    widths = {line.count("|") for line in lines if line.startswith(("| lstm | 2", "| cell |"))}
    assert len(widths) == 1


def test_a_later_row_replaces_the_earlier_row_of_the_same_measurement(tmp_path):
    path = tmp_path / "results.json"
    merge_results(path, "grid", ROWS, "first")
    merge_results(path, "grid", [ROWS[0] | {"rounds": 99}], "second")
    merge_results(path, "startup", [{"name": "import"}], "second")
    assert [r["rounds"] for r in load_results(path)["grid"]] == [99, 8]
    assert [row_key(r)[0] for r in json.loads(path.read_text())["startup"]] == ["import"]
    commands = load_results(path)["commands"]
    assert commands == {"grid": ["first", "second"], "startup": ["second"]}


@pytest.mark.parametrize(("flags", "count"), [({}, 3 * 8 + 5 * 2 * 2), ({"cells": ("rnn",)}, 18)])
def test_every_combination_of_variant_cell_and_size_is_selected(flags, count):
    assert len(list(select_cases(Config(**flags)))) == count


def test_quick_selects_few_cases_and_another_file():
    config = shorten(Config(quick=True))
    assert len(list(select_cases(config))) == 4
    assert config.parts == ("grid",)
    assert config.output != Config().output
    assert shorten(Config(quick=True, cells=("rnn",))).cells == ("rnn",)


def test_bars_show_the_time_of_each_library_relative_to_ours(tmp_path):
    times = relative_times(ROWS, "lstm", "gradient")
    assert times["ours"] == 1.0
    assert times["haiku"] == pytest.approx(2.5)
    assert times["pytorch"] == pytest.approx(1.0)  # 1 / sqrt(0.5 * 2.0)
    draw({"Default": {"grid": ROWS}}, tmp_path / "x.png")
    assert (tmp_path / "x.png").stat().st_size > 1000


@pytest.mark.parametrize("page", pages.PAGES)
def test_pages_are_up_to_date(page):
    """If this fails, run ``python -m benchmarks.pages``."""
    assert (pages.DOCS / page).read_text() == pages.render(page)


RESULTS = sorted((pages.HERE / "results").glob("*.json"))


@pytest.mark.parametrize("path", RESULTS, ids=lambda path: path.stem)
def test_saved_results_have_commands_of_this_repository(path):
    content = load_results(path)
    sections = set(content) - {"environment", "commands", "notes"}
    assert sections == set(content["commands"])
    for command in chain(*content["commands"].values()):
        if command != "make native":
            python, flag, module = command.split()[:3]
            assert (python, flag) == ("python", "-m")
            assert find_spec(module) is not None
    assert path.read_text() == format_results(content)
    assert list(markdown(content)) or sections <= {"sweep", "chunk_memory", "ctc", "diagonals"}
