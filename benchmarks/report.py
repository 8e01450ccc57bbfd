"""Records of measurements, and the JSON file into which they are merged as they are made."""

import json
import os
import platform
import statistics
from collections.abc import Iterable
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import jax

from benchmarks.candidate import Candidate
from benchmarks.cases import Case
from benchmarks.timing import Samples, ratio
from seqmodels.engines.native.build import library

OURS = "ours"
LIBRARIES = ("jax", "torch", "flax", "dm-haiku", "equinox", "keras", "numpy")
Row = dict[str, Any]


def record(kind: str, case: Case, found: dict[str, Candidate], samples: Samples, clock: str) -> Row:
    """One row: a case and a pass with the times, ratios and memory of every candidate."""
    rows = {}
    for name, candidate in found.items():
        rows[name] = timings(samples, name) | {
            "compile_seconds": candidate.compile_seconds,
            "peak_bytes": candidate.peak_bytes,
        }
    row = {"name": case.name, "pass": kind, "case": asdict(case), "candidates": rows}
    return row | {"rounds": len(samples.rounds), "clock": clock}


def timings(samples: Samples, name: str) -> Row:
    """Milliseconds of a candidate, and our time in units of its."""
    return {
        "milliseconds": 1e3 * statistics.median(samples.quiet(name)[0]),
        "ours_over_it": None if name == OURS else ratio(samples, OURS, name)._asdict(),
        "disturbed": samples.disturbed(name),
    }


def environment() -> Row:
    """Where the numbers come from."""
    return {
        "machine": platform.processor() or platform.machine(),
        "model": cpu_model(),
        "device": jax.devices()[0].device_kind,
        "cores": len(os.sched_getaffinity(0)),
        "native": library() is not None,  # whether ``auto`` has compiled steps to choose
        "malloc": os.environ.get("GLIBC_TUNABLES", ""),
        "versions": {name: installed(name) for name in LIBRARIES},
    }


def installed(library: str) -> str | None:
    """Its version; None where it is missing."""
    try:
        return version(library)
    except PackageNotFoundError:
        return None


def cpu_model() -> str:
    """The processor's name and its widest vectors, as Linux tells them."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    facts = {
        key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)
    }
    wide = [name for name in ("avx512f", "avx2") if name in facts.get("flags", "").split()]
    return f"{facts.get('model name', 'unknown')} family {facts.get('cpu family')} {wide[:1]}"


def identity(row: Row) -> tuple:
    """What a row is a measurement of: a later one replaces it."""
    return row["name"], row.get("pass"), row.get("clock")


def saved(path: Path) -> Row:
    """What a file of results holds, section by section."""
    return json.loads(path.read_text()) if path.exists() else {}


def merge(path: Path, section: str, rows: Iterable[Row]) -> None:
    """Add rows to a section of a file; what was measured before is replaced."""
    content = saved(path)
    fresh = {identity(row): row for row in [*content.get(section, []), *rows]}
    content |= {"environment": environment(), section: list(fresh.values())}
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text(json.dumps(content, indent=1) + "\n")
    part.replace(path)  # whoever ends the run leaves a whole file
