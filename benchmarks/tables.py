"""What a file of results says, as Markdown: python -m benchmarks.tables [RESULTS.json]

Ratios are our time in units of a peer's: below 1 we are faster.
"""

import statistics
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from benchmarks.cases import VARIANTS, Case
from benchmarks.report import OURS, Row, saved

DEFAULT = Path("runs/benchmarks/results.json")
GATES = {"rnn": 1, "gru": 3, "lstm": 4}
PASSES = {"forward": 2, "gradient": 6}  # matmuls of 2 T B H GH operations


class Bar(NamedTuple):
    """The geometric mean and the worst ratio that are aimed at; None: no aim."""

    mean: float | None
    worst: float


def jax_bar(cell: str, kind: str) -> Bar:
    """Beside the fastest JAX peer at each size."""
    return Bar(0.90 if kind == "forward" else 0.80, 1.0)


def pytorch_bar(cell: str, kind: str) -> Bar:
    """Beside PyTorch."""
    return Bar(None if kind == "forward" else 0.90 if cell == "lstm" else 0.75, 1.3)


def is_peer(name: str) -> bool:
    """Not one of our own engines."""
    return name.partition(":")[0] != OURS


def against_jax(candidates: dict[str, Row]) -> Row | None:
    """Our ratio to the fastest JAX peer."""
    rows = [row for name, row in candidates.items() if is_peer(name) and row["peak_bytes"]]
    return max((r["ours_over_it"] for r in rows), key=lambda r: r["median"], default=None)


def against_pytorch(candidates: dict[str, Row]) -> Row | None:
    """Our ratio to PyTorch in the fastest of its ways."""
    rows = [row for name, row in candidates.items() if name.startswith("pytorch")]
    return max((r["ours_over_it"] for r in rows), key=lambda r: r["median"], default=None)


Pick = Callable[[dict[str, Row]], Row | None]
AGAINST: dict[str, tuple[Pick, Callable[[str, str], Bar]]] = {
    "best JAX peer": (against_jax, jax_bar),
    "PyTorch": (against_pytorch, pytorch_bar),
}


def markdown(content: Row) -> Iterator[str]:
    """All tables that a file has rows for, a line at a time."""
    sections = {
        "rows": grid,
        "systems": systems,
        "roofline": lambda rows: roofline(rows, content.get("rows", [])),
        "startup": startup,
    }
    for name, lines in sections.items():
        if content.get(name):
            yield from lines(content[name])


def grid(rows: list[Row]) -> Iterator[str]:
    """The summary, then a table for each variant."""
    yield from summary(rows)
    for variant in sorted(set(map(variant_of, rows)), key=VARIANTS.index):
        yield from ["", f"{variant}:", ""]
        yield from ratios([row for row in rows if variant_of(row) == variant])


def summary(rows: list[Row]) -> Iterator[str]:
    """Geometric mean and worst ratio of each cell and pass, beside what is aimed at."""
    titles = [text for name in AGAINST for text in (f"of {name}: mean", "worst")]
    yield from head("variant", "cell", "pass", "sizes", *titles)
    keys = dict.fromkeys((variant_of(r), r["case"]["cell"], r["pass"]) for r in rows)
    for key in sorted(keys, key=lambda key: VARIANTS.index(key[0])):
        group = [r for r in rows if (variant_of(r), r["case"]["cell"], r["pass"]) == key]
        cells = [
            text
            for pick, bar in AGAINST.values()
            for text in spread(group, pick, bar(*key[1:]) if key[0] == "plain" else None)
        ]
        yield line(*key, len(group), *cells)


def spread(group: list[Row], pick: Pick, bar: Bar | None) -> tuple[str, str]:
    """Mean and worst with their bars, and the size of the worst."""
    found = {size_of(row): pick(row["candidates"]) for row in group}
    values = {size: ratio["median"] for size, ratio in found.items() if ratio}
    if not values:
        return "-", "-"
    mean, worst = statistics.geometric_mean(values.values()), max(values, key=values.__getitem__)
    return (
        judged(mean, bar and bar.mean),
        f"{judged(values[worst], bar and bar.worst)} at {worst}",
    )


def judged(value: float, bar: float | None) -> str:
    """A number beside its bar, bold where it lies above."""
    if bar is None:
        return f"{value:.2f}"
    return f"{value:.2f} ≤ {bar:.2f}" if value <= bar else f"**{value:.2f}** > {bar:.2f}"


def ratios(rows: list[Row]) -> Iterator[str]:
    """Our time, its ratio to each peer with half the distance of the quartiles, our memory."""
    peers = list(dict.fromkeys(name for row in rows for name in row["candidates"] if name != OURS))
    yield from head("cell", "B, T, H", "pass", "ms", *peers, "memory", "compile s", "rounds")
    for row in rows:
        ours, found = row["candidates"][OURS], row["candidates"]
        yield line(
            row["case"]["cell"],
            size_of(row),
            row["pass"],
            f"{ours['milliseconds']:.2f}",
            *(ratio_text(found.get(name)) for name in peers),
            memory_text(found),
            f"{ours['compile_seconds']:.1f}",
            f"{row['rounds']} ({ours['disturbed']:.0%} disturbed)",
        )


def systems(rows: list[Row]) -> Iterator[str]:
    """Whole steps beside the same in other libraries."""
    peers = list(dict.fromkeys(name for row in rows for name in row["candidates"] if name != OURS))
    yield from ["", *head("step", "ours", *peers, *(f"of {name}" for name in peers))]
    for row in rows:
        found = row["candidates"]
        speeds = [
            f"{row['units'] / found[name]['milliseconds'] * 1e3:,.0f}" if name in found else "-"
            for name in (OURS, *peers)
        ]
        speeds[0] += f" {row['unit']} a second"
        yield line(row["name"], *speeds, *(ratio_text(found.get(name)) for name in peers))


def roofline(rates: list[Row], rows: list[Row]) -> Iterator[str]:
    """Measured rates, and what share of the matmul rate each row of the grid reaches."""
    counts = sorted({row["cores"] for row in rates})
    yield from ["", *head("rate", *(f"{n} core{'s' if n > 1 else ''}" for n in counts))]
    for name, unit in dict.fromkeys((row["rate"], row["unit"]) for row in rates):
        found = {row["cores"]: row["value"] for row in rates if row["rate"] == name}
        yield line(f"{name}, {unit}", *(f"{found.get(n, float('nan')):.0f}" for n in counts))
    best = {row["cores"]: row["value"] for row in rates if row["rate"] == "JAX matmul 1024"}
    plain = [row for row in rows if variant_of(row) == "plain" and row["case"]["cell"] in GATES]
    if not plain or not best:
        return
    yield from ["", *head("B, T, H", *(f"{c} {p}" for c in GATES for p in PASSES))]
    reached = {(size_of(r), r["case"]["cell"], r["pass"]): gigaflops(r) for r in plain}
    for size in dict.fromkeys(map(size_of, plain)):
        speeds = [reached.get((size, cell, kind)) for cell in GATES for kind in PASSES]
        yield line(size, *(f"{x:.0f} ({x / best[counts[-1]]:.0%})" if x else "-" for x in speeds))


def gigaflops(row: Row) -> float:
    """Matmul operations in a second: whatever else a pass does is not counted."""
    case = Case(**row["case"])
    count = PASSES[row["pass"]] * 2 * case.length * case.batch * case.hidden**2 * GATES[case.cell]
    return count / row["candidates"][OURS]["milliseconds"] / 1e6


def startup(rows: list[Row]) -> Iterator[str]:
    """Each number beside its bar."""
    yield from ["", *head("what", "measured", "bar")]
    for row in rows:
        bar = "" if row["bar"] is None else f"{row['bar']:g} {row['unit']}"
        yield line(row["name"], f"{row['value']:.2f} {row['unit']}", bar)


def variant_of(row: Row) -> str:
    """Which of ``VARIANTS`` a row is of."""
    return Case(**row["case"]).variant


def size_of(row: Row) -> str:
    """B, T, H."""
    return ", ".join(str(row["case"][name]) for name in ("batch", "length", "hidden"))


def ratio_text(candidate: Row | None) -> str:
    """The median and half the distance of the quartiles."""
    if candidate is None:
        return "-"
    found = candidate["ours_over_it"]
    return f"{found['median']:.2f} ±{(found['high'] - found['low']) / 2:.2f}"


def memory_text(found: dict[str, Row]) -> str:
    """Our peak memory as a fraction of the least of the JAX peers'."""
    peers = [row["peak_bytes"] for name, row in found.items() if is_peer(name)]
    known = [peak for peak in peers if peak]
    return f"{found[OURS]['peak_bytes'] / min(known):.2f}" if known else "-"


def head(*titles: str) -> list[str]:
    """The first two lines of a table."""
    return [line(*titles), line(*(["---"] * len(titles)))]


def line(*cells: object) -> str:
    """A line of a table."""
    return f"| {' | '.join(map(str, cells))} |"


if __name__ == "__main__":
    print("\n".join(markdown(saved(Path(sys.argv[1]) if sys.argv[1:] else DEFAULT))))
