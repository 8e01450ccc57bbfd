"""Write docs/performance.md, docs/scale.md and docs/speed.png: python -m benchmarks.pages

The pages are templates (``benchmarks/templates``) filled in with tables of saved results
(``benchmarks/results``).  ``tests/test_benchmarks.py`` fails if a page is out of date.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from string import Template

from benchmarks.page_tables import (
    chunk_memory_table,
    ctc_beam_table,
    ctc_loss_table,
    long_sequences_table,
    recurrences_table,
    startup_text,
    sweeps_table,
    systems_table,
)
from benchmarks.pictures import draw
from benchmarks.rows import Row, load_results
from benchmarks.tables import summary_rows, times

HERE = Path(__file__).parent
DOCS = HERE.parent / "docs"
SWEEPS = ("sweep_zen3", "sweep_ice_lake", "sweep_zen4")


def results(name: str) -> Row:
    """Load a saved results file."""
    return load_results(HERE / "results" / f"{name}.json")


def performance_fields() -> dict[str, str]:
    """Return the fields of the template of docs/performance.md."""
    default, native, gpu = (results(name) for name in ("cpu_default", "cpu_native", "gpu"))
    members = results("cpu_default_members")
    summaries = default.get("summary", []) + members.get("summary", [])
    installations = summary_rows(default | {"summary": summaries}), summary_rows(native)
    sections = ("grid", "summary", "systems", "startup", "long_sequences", "ctc")
    files = ("cpu_default", "cpu_default_members", "cpu_native", "gpu", "ctc")
    ctc = results("ctc")["ctc"]
    return {
        "recurrences": text(recurrences_table(*installations)),
        "systems": text(systems_table(default["systems"], native["systems"])),
        "startup": startup_text(default["startup"]),
        "ctc_loss": text(ctc_loss_table(ctc)),
        "ctc_beam": text(ctc_beam_table(ctc)),
        "gpu": text(times(gpu["grid"])),
        "long_sequences": text(long_sequences_table(gpu["long_sequences"])),
        "commands": text(line for name in files for line in commands(name, sections)),
    }


def scale_fields() -> dict[str, str]:
    """Return the fields of the template of docs/scale.md."""
    return {
        "sweeps": text(sweeps_table(*map(results, SWEEPS))),
        "sweep_commands": text(line for name in SWEEPS for line in commands(name, ("sweep",))),
        "chunk_memory": text(chunk_memory_table(results("chunk_memory")["chunk_memory"])),
    }


PAGES: dict[str, Callable[[], dict[str, str]]] = {
    "performance.md": performance_fields,
    "scale.md": scale_fields,
}


def render(page: str) -> str:
    """Return the text of a page."""
    template = Template((HERE / "templates" / page).read_text())
    return template.substitute(PAGES[page]())


def text(lines: Iterable[str]) -> str:
    """Join lines."""
    return "\n".join(lines)


def machine(content: Row) -> str:
    """Format the machine, its cores, the versions and the date of a results file."""
    about = content["environment"]
    names = {"jax": "JAX", "torch": "PyTorch", "cudnn": "cuDNN"}
    versions = [f"{names[key]} {value}" for key, value in about["versions"].items() if key in names]
    cores = [f"{about['cores']} cores"] if about["cores"] else []
    return ", ".join([about["machine"], *cores, *versions, about["date"]])


def commands(name: str, sections: Sequence[str]) -> Iterator[str]:
    """Yield the machine and the commands of a results file, as lines of a code block."""
    content = results(name)
    if content:
        yield f"    # {name}.json: {machine(content)}"
    found = [content.get("commands", {}).get(section, []) for section in sections]
    yield from (f"    {line}" for line in dict.fromkeys(chain(*found)))


if __name__ == "__main__":
    for page in PAGES:
        (DOCS / page).write_text(render(page))
    bars = {"Default": results("cpu_default"), 'After "make native"': results("cpu_native")}
    draw(bars, DOCS / "speed.png")
