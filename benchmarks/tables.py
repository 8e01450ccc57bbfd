"""Results as Markdown tables: python -m benchmarks.tables [RESULTS.json]

A ratio is our time divided by another library's: below 1, seqmodels is faster.
"""

import statistics
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from benchmarks.cases import VARIANTS, Case
from benchmarks.rows import OURS, Row, is_peer, load_results
from benchmarks.run import OUTPUT

GATES = {"rnn": 1, "gru": 3, "lstm": 4}
MATMULS = {"forward": 2, "gradient": 6}  # matmuls of 2 T B H GH operations in each pass
TIME_COLUMNS = {
    "`auto`": (OURS,),
    "`mosaic`": ("ours:mosaic",),
    "`fused`": ("ours:fused",),
    "PyTorch, float16 or TF32": ("pytorch_float16", "pytorch_tf32"),
    "PyTorch, same dtype": ("pytorch",),
    "`jax.experimental.rnn`": ("jax_rnn",),
    "Flax NNX": ("flax_nnx",),
}


class Target(NamedTuple):
    """Upper limits of the geometric mean (None: no limit) and of the worst ratio."""

    mean: float | None
    worst: float


def jax_target(cell: str, kind: str) -> Target:
    """Return the target for the ratio to the fastest JAX peer."""
    return Target(0.90 if kind == "forward" else 0.80, 1.0)


def pytorch_target(cell: str, kind: str) -> Target:
    """Return the target for the ratio to PyTorch."""
    return Target(None if kind == "forward" else 0.90 if cell == "lstm" else 0.75, 1.3)


def is_pytorch(name: str) -> bool:
    """Return whether a name is one of the configurations of PyTorch."""
    return name.startswith("pytorch")


def ratio_to_jax(libraries: dict[str, Row]) -> Row | None:
    """Return our ratio to the fastest JAX peer."""
    return largest_ratio(libraries, lambda name: is_peer(name) and not is_pytorch(name))


def ratio_to_pytorch(libraries: dict[str, Row]) -> Row | None:
    """Return our ratio to the fastest configuration of PyTorch."""
    return largest_ratio(libraries, is_pytorch)


def largest_ratio(libraries: dict[str, Row], selected: Callable[[str], bool]) -> Row | None:
    """Return the ratio to the fastest of the selected libraries, if any was measured."""
    ratios = [row["ratio"] for name, row in libraries.items() if selected(name) and row["ratio"]]
    return max(ratios, key=lambda ratio: ratio["median"], default=None)


Select = Callable[[dict[str, Row]], Row | None]
COMPARISONS: dict[str, tuple[Select, Callable[[str, str], Target]]] = {
    "best JAX peer": (ratio_to_jax, jax_target),
    "PyTorch": (ratio_to_pytorch, pytorch_target),
}


def markdown(content: Row) -> Iterator[str]:
    """Yield the lines of all tables that a results file has rows for."""
    rows = content.get("grid", [])
    if summaries := summary_rows(content):
        yield from summary(summaries)
    for variant in sorted(set(map(variant_of, rows)), key=VARIANTS.index):
        of_variant = [row for row in rows if variant_of(row) == variant]
        table = ratios if all(OURS in row["libraries"] for row in of_variant) else times
        yield from ["", f"{variant}:", "", *table(of_variant)]
    if "systems" in content:
        yield from ["", *systems(content["systems"])]
    if "roofline" in content:
        yield from ["", *roofline(content["roofline"]), "", *rates_reached(content)]
    if "startup" in content:
        yield from ["", *startup(content["startup"])]


def summary_rows(content: Row) -> list[Row]:
    """Summarize the grid by variant, cell and pass: geometric mean and worst ratio over sizes.

    Summaries that the file stores are added, except where the grid has rows for the same group.
    """
    groups: dict[tuple[str, str, str], list[Row]] = {}
    for row in content.get("grid", []):
        groups.setdefault((variant_of(row), row["case"]["cell"], row["pass"]), []).append(row)
    found = []
    for (variant, cell, kind), rows in groups.items():
        if not any(library["ratio"] for row in rows for library in row["libraries"].values()):
            continue
        about = {"variant": variant, "cell": cell, "pass": kind, "sizes": len(rows)}
        spreads = {name: spread(rows, select) for name, (select, _) in COMPARISONS.items()}
        found.append({"name": f"{variant} {cell}", **about, **spreads})
    stored = [
        row
        for row in content.get("summary", [])
        if (row["variant"], row["cell"], row["pass"]) not in groups
    ]
    return sorted([*found, *stored], key=lambda row: VARIANTS.index(row["variant"]))


def spread(rows: list[Row], select: Select) -> Row | None:
    """Return the geometric mean and the worst of the selected ratios, and the worst one's size."""
    selected = {size_of(row): select(row["libraries"]) for row in rows}
    values = {size: ratio["median"] for size, ratio in selected.items() if ratio}
    if not values:
        return None
    size = max(values, key=values.__getitem__)
    mean = statistics.geometric_mean(values.values())
    return {"mean": mean, "worst": values[size], "size": size}


def summary(rows: list[Row]) -> Iterator[str]:
    """Yield the summary with the targets of the plain variant."""
    titles = [text for name in COMPARISONS for text in (f"vs {name}: mean", "worst")]
    yield from table_header("variant", "cell", "pass", "sizes", *titles)
    for row in rows:
        cells: list[str] = []
        for name, (_, target) in COMPARISONS.items():
            limit = target(row["cell"], row["pass"]) if row["variant"] == "plain" else None
            cells += spread_texts(row[name], limit)
        yield table_row(row["variant"], row["cell"], row["pass"], row["sizes"], *cells)


def spread_texts(found: Row | None, target: Target | None) -> tuple[str, str]:
    """Format the mean and the worst ratio."""
    if found is None:
        return "-", "-"
    mean = against_limit(found["mean"], target and target.mean)
    worst = against_limit(found["worst"], target and target.worst)
    return mean, f"{worst} at {found['size']}"


def against_limit(value: float, limit: float | None) -> str:
    """Format a number with its upper limit; a number above the limit is bold."""
    if limit is None:
        return f"{value:.2f}"
    return f"{value:.2f} ≤ {limit:.2f}" if value <= limit else f"**{value:.2f}** > {limit:.2f}"


def ratios(rows: list[Row]) -> Iterator[str]:
    """Yield our time and memory, and the ratio to each peer ± half the interquartile range."""
    peers = list(dict.fromkeys(name for row in rows for name in row["libraries"] if name != OURS))
    yield from table_header(
        "cell", "B, T, H", "pass", "ms", *peers, "memory", "compile s", "rounds"
    )
    for row in rows:
        ours, libraries = row["libraries"][OURS], row["libraries"]
        memory = row.get("memory_ratio")
        yield table_row(
            row["case"]["cell"],
            size_of(row),
            row["pass"],
            f"{ours['milliseconds']:.2f}",
            *(ratio_text(libraries.get(name)) for name in peers),
            f"{memory:.2f}" if memory else "-",
            f"{ours['compile_seconds']:.1f}",
            f"{row['rounds']} ({ours['disturbed']:.0%} disturbed)",
        )


def times(rows: list[Row]) -> Iterator[str]:
    """Yield the milliseconds of forward and gradient of each library."""
    measured = {name for row in rows for name in row["libraries"]}
    columns = {title: names for title, names in TIME_COLUMNS.items() if measured & set(names)}
    yield from table_header("dtype", "cell", "B, T, H", *columns)
    for name in dict.fromkeys(row["name"] for row in rows):
        passes = [row for row in rows if row["name"] == name]
        texts = []
        for names in columns.values():
            found = [key for key in names if key in passes[0]["libraries"]]
            times = [milliseconds_text(row["libraries"], key) for key in found for row in passes]
            texts.append(", ".join(times) or "-")
        yield table_row(
            passes[0]["case"]["dtype"], cell_text(passes[0]), size_of(passes[0]), *texts
        )


def milliseconds_text(libraries: dict[str, Row], name: str) -> str:
    """Format a time to three digits, or its range; the shortest time of a row is bold."""
    library = libraries[name]
    fastest = min(row["milliseconds"] for row in libraries.values())
    values = library["milliseconds"], library.get("milliseconds_max")
    text = " to ".join(f"{value:.3g}" for value in values if value is not None)
    return f"**{text}**" if library["milliseconds"] == fastest else text


def cell_text(row: Row) -> str:
    """Format the cell's name, and the number of members if there are several."""
    members = row["case"].get("members", 1)
    return row["case"]["cell"].upper() + (f", {members} members" if members > 1 else "")


def systems(rows: list[Row]) -> Iterator[str]:
    """Yield the throughput of whole steps in each library, and the ratios."""
    peers = list(dict.fromkeys(name for row in rows for name in row["libraries"] if name != OURS))
    yield from table_header("step", "ours", *peers, *(f"vs {name}" for name in peers))
    for row in rows:
        libraries = row["libraries"]
        speeds = [throughput(row, name) for name in (OURS, *peers)]
        speeds[0] += f" {row['unit']} per second"
        yield table_row(row["name"], *speeds, *(ratio_text(libraries.get(n)) for n in peers))


def throughput(row: Row, name: str) -> str:
    """Format the units that a library processes in a second."""
    milliseconds = row["libraries"].get(name, {}).get("milliseconds")
    return f"{1e3 * row['units'] / milliseconds:,.0f}" if milliseconds else "-"


def roofline(rates: list[Row]) -> Iterator[str]:
    """Yield the measured rates by number of cores."""
    counts = sorted({row["cores"] for row in rates})
    yield from table_header("rate", *(f"{n} core{'s' if n > 1 else ''}" for n in counts))
    for name, unit in dict.fromkeys((row["rate"], row["unit"]) for row in rates):
        values = {row["cores"]: row["value"] for row in rates if row["rate"] == name}
        yield table_row(f"{name}, {unit}", *(f"{values.get(n, float('nan')):.0f}" for n in counts))


def rates_reached(content: Row) -> Iterator[str]:
    """Yield GFLOP/s of each pass, and its share of the rate of a large matmul on all cores."""
    rates = [row for row in content["roofline"] if row["rate"] == "JAX matmul 1024"]
    plain = [row for row in content.get("grid", []) if variant_of(row) == "plain"]
    plain = [row for row in plain if row["case"]["cell"] in GATES]
    if not plain or not rates:
        return
    best = max(rates, key=lambda row: row["cores"])["value"]
    yield from table_header("B, T, H", *(f"{cell} {kind}" for cell in GATES for kind in MATMULS))
    reached = {(size_of(r), r["case"]["cell"], r["pass"]): gigaflops(r) for r in plain}
    for size in dict.fromkeys(map(size_of, plain)):
        speeds = [reached.get((size, cell, kind)) for cell in GATES for kind in MATMULS]
        yield table_row(size, *(f"{x:.0f} ({x / best:.0%})" if x else "-" for x in speeds))


def gigaflops(row: Row) -> float:
    """Return the matmul operations per second of a row; other operations are not counted."""
    case = Case(**row["case"])
    count = MATMULS[row["pass"]] * 2 * case.length * case.batch * case.hidden**2 * GATES[case.cell]
    return count / row["libraries"][OURS]["milliseconds"] / 1e6


def startup(rows: list[Row]) -> Iterator[str]:
    """Yield start-up and dispatch times with their targets."""
    yield from table_header("what", "measured", "target")
    for row in rows:
        target = "" if row["target"] is None else f"{row['target']:g} {row['unit']}"
        yield table_row(row["name"], f"{row['value']:.2f} {row['unit']}", target)


def variant_of(row: Row) -> str:
    """Return which of ``VARIANTS`` a row measures."""
    return Case(**row["case"]).variant


def size_of(row: Row) -> str:
    """Format batch, length and hidden."""
    return ", ".join(str(row["case"][name]) for name in ("batch", "length", "hidden"))


def ratio_text(library: Row | None) -> str:
    """Format the median ratio and half the interquartile range."""
    if library is None or library["ratio"] is None:
        return "-"
    found = library["ratio"]
    if found["high"] is None:
        return f"{found['median']:.2f}"
    return f"{found['median']:.2f} ±{(found['high'] - found['low']) / 2:.2f}"


def table_header(*titles: str) -> list[str]:
    """Return the first two lines of a table."""
    return [table_row(*titles), table_row(*(["---"] * len(titles)))]


def table_row(*cells: object) -> str:
    """Return one line of a table."""
    return f"| {' | '.join(map(str, cells))} |"


if __name__ == "__main__":
    print("\n".join(markdown(load_results(Path(sys.argv[1]) if sys.argv[1:] else OUTPUT))))
