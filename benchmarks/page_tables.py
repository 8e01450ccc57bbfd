"""Tables of docs/performance.md and docs/scale.md; see ``benchmarks.pages``."""

from collections.abc import Iterator
from itertools import product

from benchmarks.cases import VARIANTS
from benchmarks.rows import OURS, Row
from benchmarks.tables import (
    COMPARISONS,
    GATES,
    table_header,
    table_row,
    throughput,
)

INSTALLATIONS = ("default", "native")
PASSES = ("forward", "gradient")
PEERS = ("pytorch", "flax_nnx")
WAYS = {"slice 1": "one by one", "slice 4": "slices of 4", "slice 16": "slices of 16"}


def ratio_cell(value: float | None) -> str:
    """Format a ratio; a ratio above 1 is bold."""
    if value is None:
        return "-"
    return f"**{value:.2f}**" if round(value, 2) > 1 else f"{value:.2f}"


def recurrences_table(*installations: list[Row]) -> Iterator[str]:
    """Yield mean ratios of forward and gradient, and the worst of both, by variant and cell."""
    columns = (f"{name} vs {peer}" for name, peer in product(INSTALLATIONS, COMPARISONS))
    yield from table_header("variant", "cell", *columns)
    groups: list[dict[tuple[str, str], list[Row]]] = [{} for _ in installations]
    for group, rows in zip(groups, installations, strict=True):
        for row in rows:
            group.setdefault((row["variant"], row["cell"]), []).append(row)
    for key in product(VARIANTS, GATES):
        if any(key in group for group in groups):
            found = [group.get(key, []) for group in groups]
            texts = (spread_text(rows, peer) for rows, peer in product(found, COMPARISONS))
            yield table_row(key[0], key[1].upper(), *texts)


def spread_text(passes: list[Row], peer: str) -> str:
    """Format the mean of each pass, and the worst of all passes in brackets."""
    if not passes:
        return "-"
    means = ", ".join(ratio_cell(row[peer]["mean"]) for row in passes)
    return f"{means} ({ratio_cell(max(row[peer]['worst'] for row in passes))})"


def systems_table(*installations: list[Row]) -> Iterator[str]:
    """Yield our throughput and the ratios of whole steps."""
    columns = ("per second", "vs PyTorch", "vs Flax NNX")
    titles = (f"{name} {column}" for name, column in product(INSTALLATIONS, columns))
    yield from table_header("step", "unit", *titles)
    for group in zip(*installations, strict=True):
        texts = []
        for row in group:
            ratios = [row["libraries"].get(name, {}).get("ratio") for name in PEERS]
            texts += [throughput(row, OURS), *(ratio_cell(r and r["median"]) for r in ratios)]
        yield table_row(group[0]["name"], group[0]["unit"], *texts)


def startup_text(rows: list[Row]) -> str:
    """Format the start-up and dispatch times that have a target, in one line."""
    values = {row["name"]: f"{row['value']:.3g} {row['unit']}" for row in rows if row["target"]}
    return "; ".join(f"{name} **{value}**" for name, value in values.items())


def long_sequences_table(rows: list[Row]) -> Iterator[str]:
    """Yield milliseconds and ratios to the scan of the engines that gain from a GPU."""
    titles = (f"{kind} ms, vs scan" for kind in PASSES)
    yield from table_header("cell", "engine", "T", *titles, "iterations")
    groups: dict[tuple[str, str, int], dict[str, Row]] = {}
    for row in rows:
        if row["engine"] not in ("scan", "newton full") and row["milliseconds"]:
            groups.setdefault((row["cell"], row["engine"], row["length"]), {})[row["pass"]] = row
    for (cell, engine, length), passes in sorted(groups.items(), key=lambda item: item[0][::2]):
        texts = (f"{passes[p]['milliseconds']:.3g}, {passes[p]['of_scan']:.2g}" for p in PASSES)
        iterations = passes["forward"]["iterations"]
        yield table_row(f"`{cell}`", f"`{engine}`", f"{length:,}", *texts, iterations)


def sweeps_table(*contents: Row) -> Iterator[str]:
    """Yield the times of one step of one member, by population and way to train it."""
    titles = ("alone", *WAYS.values(), "all at once", "MB alone, all at once")
    yield from table_header("processor", "H", "N", *titles)
    for content in contents:
        processor = content["environment"]["machine"].split(", ")[0]
        groups: dict[tuple[int, int], dict[str, Row]] = {}
        for row in content["sweep"]:
            groups.setdefault((row["hidden"], row["members"]), {})[row["way"]] = row
        for (hidden, members), rows in groups.items():
            together = rows.pop(f"slice {members}") if members > 1 else None
            memory = [row and row["megabytes"] for row in (rows["alone"], together)]
            sizes = ", ".join("-" if size is None else f"{size:.0f}" for size in memory)
            texts = [sweep_text(rows.get(way)) for way in ("alone", *WAYS)]
            yield table_row(processor, hidden, members, *texts, sweep_text(together), sizes)


def sweep_text(row: Row | None) -> str:
    """Format wall and processor milliseconds, and the latter's ratio to a run alone."""
    if row is None:
        return "-"
    times = f"{row['wall_ms']:.2f}, {row['cpu_ms']:.2f}"
    return times if row["way"] == "alone" else f"{times} ({row['cpu_of_alone']:.2f})"


def chunk_memory_table(rows: list[Row]) -> Iterator[str]:
    """Yield megabytes by cell and engine, with a column for each chunk."""
    chunks = list(dict.fromkeys(row["chunk"] for row in rows))
    yield from table_header("cell", "engine", *(f"`chunk={chunk}`" for chunk in chunks))
    for cell, engine in dict.fromkeys((row["cell"], row["engine"]) for row in rows):
        found = [row for row in rows if (row["cell"], row["engine"]) == (cell, engine)]
        sizes = {row["chunk"]: f"{row['megabytes']:.0f} MB" for row in found}
        yield table_row(cell.upper(), f"`{engine}`", *(sizes.get(chunk, "-") for chunk in chunks))


def ctc_loss_table(rows: list[Row]) -> Iterator[str]:
    """Yield milliseconds of the CTC loss, and the ratio of our time to that of other libraries."""
    yield from table_header("T, B, V, L", "ms", "vs optax", "vs PyTorch")
    for row in rows:
        if found := row.get("libraries"):
            peers = (found.get(name, {}).get("ratio") for name in ("optax", "pytorch"))
            ratios = (f"{ratio['median']:.2f}" if ratio else "-" for ratio in peers)
            size = ", ".join(map(str, row["size"]))
            yield table_row(size, f"{found['ours']['milliseconds']:.2f}", *ratios)


def ctc_beam_table(rows: list[Row]) -> Iterator[str]:
    """Yield milliseconds per line of CTC decoding."""
    yield from table_header("decoding", "ms per line")
    for row in rows:
        if "way" in row:
            yield table_row(row["way"], f"{row['milliseconds']:.2g}")
