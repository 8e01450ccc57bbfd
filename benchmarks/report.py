"""Records of measurements: merged into a JSON file, printed as tables of ratios."""

import json
import os
import platform
import statistics
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.candidate import Candidate
from benchmarks.cases import Case
from benchmarks.timing import Samples, ratio

OURS = "ours"
LIBRARIES = ("jax", "torch", "flax", "dm-haiku", "equinox", "keras", "numpy")


def record(
    kind: str, case: Case, found: dict[str, Candidate], samples: Samples, clock: str
) -> dict:
    """One row: a case and a pass with the times, ratios and memory of every candidate."""
    rows = {}
    for name, candidate in found.items():
        ratios = None if name == OURS else ratio(samples, OURS, name)._asdict()
        rows[name] = {
            "milliseconds": 1e3 * statistics.median(samples.quiet(name)[0]),
            "ours_over_it": ratios,
            "compile_seconds": candidate.compile_seconds,
            "peak_bytes": candidate.peak_bytes,
            "disturbed": samples.disturbed(name),
        }
    row = {"name": case.name, "pass": kind, "case": asdict(case), "candidates": rows}
    return row | {"rounds": len(samples.rounds), "clock": clock}


def environment() -> dict:
    """Where the numbers come from."""
    cores = len(os.sched_getaffinity(0))
    return {
        "machine": platform.processor() or platform.machine(),
        "model": cpu_model(),
        "cores": cores,
        "versions": {name: version(name) for name in LIBRARIES},
    }


def cpu_model() -> str:
    """The processor's name and its widest vectors."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    facts = {
        key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)
    }
    wide = [name for name in ("avx512f", "avx2") if name in facts.get("flags", "").split()]
    return f"{facts.get('model name', 'unknown')} family {facts.get('cpu family')} {wide[:1]}"


def merge(path: Path, rows: list[dict]) -> None:
    """Add rows to a file; one that measured the same case and pass before is replaced."""
    old = json.loads(path.read_text())["rows"] if path.exists() else []
    fresh = {(row["name"], row["pass"], row["clock"]): row for row in [*old, *rows]}
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {"environment": environment(), "rows": list(fresh.values())}
    path.write_text(json.dumps(content, indent=1) + "\n")


def show(rows: list[dict], console: Console | None = None) -> None:
    """A table: our time, and our time as a fraction of each peer's (below 1: we are faster)."""
    peers = list(dict.fromkeys(name for row in rows for name in row["candidates"] if name != OURS))
    table = Table("case", "pass", "ms", *peers, "memory", "compile s", "rounds", "disturbed")
    for row in rows:
        ours = row["candidates"][OURS]
        cells = [ratio_text(row["candidates"].get(name)) for name in peers]
        compile_seconds = f"{ours['compile_seconds']:.1f}"
        counts = str(row["rounds"]), f"{ours['disturbed']:.0%}"
        milliseconds = f"{ours['milliseconds']:.2f}"
        memory = memory_text(row["candidates"])
        table.add_row(
            row["name"], row["pass"], milliseconds, *cells, memory, compile_seconds, *counts
        )
    (console or Console(width=180)).print(table)


def ratio_text(candidate: dict | None) -> str:
    """The median and half the distance of the quartiles."""
    if candidate is None:
        return "-"
    found = candidate["ours_over_it"]
    return f"{found['median']:.2f} ±{(found['high'] - found['low']) / 2:.2f}"


def memory_text(rows: dict) -> str:
    """Our peak memory as a fraction of the best JAX peer's."""
    peers = [row["peak_bytes"] for name, row in rows.items() if name != OURS and row["peak_bytes"]]
    return f"{rows[OURS]['peak_bytes'] / min(peers):.2f}" if peers else "-"


def summary(rows: list[dict]) -> list[str]:
    """Geometric mean and worst of the ratios against PyTorch and against the best JAX peer."""
    lines = []
    for key in dict.fromkeys((row["case"]["cell"], variant(row), row["pass"]) for row in rows):
        group = [row for row in rows if (row["case"]["cell"], variant(row), row["pass"]) == key]
        texts = [f"{label} {spread(group, pick)}" for label, pick in AGAINST.items()]
        lines.append(f"{' '.join(key):34s} {'   '.join(texts)}")
    return lines


def variant(row: dict) -> str:
    return Case(**row["case"]).variant


def against_pytorch(candidates: dict) -> float | None:
    return candidates["pytorch"]["ours_over_it"]["median"] if "pytorch" in candidates else None


def against_jax(candidates: dict) -> float | None:
    peers = [row for name, row in candidates.items() if name != OURS and row["peak_bytes"]]
    return max((row["ours_over_it"]["median"] for row in peers), default=None)


AGAINST = {"PyTorch": against_pytorch, "best JAX peer": against_jax}


def spread(group: list[dict], pick) -> str:
    found = [value for value in (pick(row["candidates"]) for row in group) if value is not None]
    if not found:
        return "-"
    return f"{statistics.geometric_mean(found):.2f} (worst {max(found):.2f})"
