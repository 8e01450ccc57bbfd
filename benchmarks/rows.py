"""Result rows, and the JSON file that stores them.

A file of results has these keys:

- ``environment``: processor, cores, versions and date.
- ``commands``: for each section, the commands that measured it.
- ``notes``: free text about the file.  Optional.
- ``grid``, ``systems``, ``roofline``, ``startup``, ``long_sequences``, ``sweep``,
  ``chunk_memory``, ``ctc``, ``diagonals``: sections of rows.
- ``summary``: means over sizes whose rows were not saved; see ``tables.summary``.
"""

import json
import os
import platform
import shlex
import statistics
import sys
from collections.abc import Iterable
from dataclasses import asdict
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.cases import Case
from benchmarks.timing import Samples, ratio

if TYPE_CHECKING:  # benchmarks.roofline pins its process to cores before JAX is imported
    from benchmarks.implementation import Implementation

OURS = "ours"
PACKAGES = ("jax", "torch", "optax", "flax", "dm-haiku", "equinox", "keras", "numpy")
Row = dict[str, Any]


def make_row(
    kind: str, case: Case, found: "dict[str, Implementation]", samples: Samples, clock: str
) -> Row:
    """Return the times, ratios and memory of every library for one case and pass."""
    libraries = {
        name: summarize(samples, name)
        | {"compile_seconds": it.compile_seconds, "peak_bytes": it.peak_bytes}
        for name, it in found.items()
    }
    return {
        "name": case.name,
        "pass": kind,
        "case": asdict(case),
        "libraries": libraries,
        "memory_ratio": memory_ratio(libraries),
        "rounds": len(samples.rounds),
        "clock": clock,
    }


def summarize(samples: Samples, name: str) -> Row:
    """Return a library's milliseconds and the ratio of our time to its time."""
    return {
        "milliseconds": 1e3 * statistics.median(samples.quiet(name)[0]),
        "ratio": None if name == OURS else ratio(samples, OURS, name)._asdict(),
        "disturbed": samples.disturbed(name),
    }


def is_peer(name: str) -> bool:
    """Return whether a name is another library, not one of our engines."""
    return name.partition(":")[0] != OURS


def memory_ratio(libraries: dict[str, Row]) -> float | None:
    """Return our peak memory divided by the smallest peak of the JAX peers, if known."""
    peaks = [row["peak_bytes"] for name, row in libraries.items() if is_peer(name)]
    known = [peak for peak in peaks if peak]
    return libraries[OURS]["peak_bytes"] / min(known) if known else None


def environment() -> Row:
    """Describe the machine and the installed versions."""
    import jax

    from seqmodels.engines.native.build import library

    return {
        "machine": cpu_model(),
        "device": jax.devices()[0].device_kind,
        "cores": len(os.sched_getaffinity(0)),
        "native": library() is not None,  # whether ``auto`` can choose the engine ``native``
        "malloc": os.environ.get("GLIBC_TUNABLES", ""),
        "versions": {name: installed_version(name) for name in PACKAGES},
        "date": date.today().isoformat(),
    }


def installed_version(package: str) -> str | None:
    """Return the version of a package, or None if it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def cpu_model() -> str:
    """Return the processor's name, family and widest vector instructions, from Linux."""
    path = Path("/proc/cpuinfo")
    if not path.exists():
        return platform.processor() or platform.machine()
    pairs = (line.partition(":") for line in path.read_text().splitlines())
    facts = {key.strip(): value.strip() for key, _, value in pairs}
    flags = facts.get("flags", "").split()
    vectors = [name for name in ("avx512f", "avx2") if name in flags][:1]
    model = facts.get("model name", "unknown processor")
    return ", ".join([f"{model}, family {facts.get('cpu family')}", *vectors])


def row_key(row: Row) -> tuple:
    """Return what a row measures; a later row with the same key replaces it."""
    return row["name"], row.get("pass"), row.get("clock")


def command_line(module: str) -> str:
    """Return the command that started this process."""
    return " ".join(["python -m", module, shlex.join(sys.argv[1:])]).strip()


def load_results(path: Path) -> Row:
    """Return the content of a results file, or an empty dict if there is none."""
    return json.loads(path.read_text()) if path.exists() else {}


def merge_results(path: Path, section: str, rows: Iterable[Row], command: str) -> None:
    """Add rows and their command to a section of a file; rows with the same key are replaced."""
    content = load_results(path)
    merged = {row_key(row): row for row in [*content.get(section, []), *rows]}
    commands = content.get("commands", {})
    commands[section] = list(dict.fromkeys([*commands.get(section, []), command]))
    content |= {"environment": environment(), "commands": commands}
    content[section] = list(merged.values())
    save_results(path, content)


def save_results(path: Path, content: Row) -> None:
    """Write a results file atomically, so that an interrupted run leaves a complete file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text(format_results(content))
    part.replace(path)


def format_results(content: Row) -> str:
    """Return the content as JSON with one row per line."""
    lines = []
    for key, value in content.items():
        text = json.dumps(value)
        if isinstance(value, list):
            text = "[\n  " + ",\n  ".join(map(json.dumps, value)) + "\n ]"
        lines.append(f" {json.dumps(key)}: {text}")
    return "{\n" + ",\n".join(lines) + "\n}\n"
