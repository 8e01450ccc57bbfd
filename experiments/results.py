"""Tables of results, generated from the recipes of all experiments.

python -m experiments results            write docs/results.md and the experiments' READMEs
python -m experiments results --check    fail if they are out of date
"""

import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from seqmodels.errors import UserError
from seqmodels.train.experiment import Experiment, Recipe, Result

FOLDER = Path(__file__).parent
PAGE = FOLDER.parent / "docs" / "results.md"
BEGIN, END = "<!-- results -->", "<!-- /results -->"
HEADER = """# Results

This page is generated from the recipes of the experiments by `python -m experiments results`. Each
recipe runs with

    python -m experiments.NAME --recipe RECIPE --data PATH

(without `--data` if the data is bundled), and then with the command in the last column. A value is
the mean over the seeds; the number after ± is the largest deviation of a seed. Times are processor
time for one seed. What was tried is in the README of each experiment.
"""
COLUMNS = ("recipe", "data", "split", "metric", "value", "reference", "seeds", "minutes", "command")


def names() -> list[str]:
    """Return the names of all experiments."""
    return sorted(path.parent.name for path in FOLDER.glob("*/experiment.py"))


def load_experiment(name: str) -> Experiment:
    """Import an experiment."""
    return import_module(f"experiments.{name}.experiment").EXPERIMENT


def table(recipes: dict[str, Recipe]) -> str:
    """Return a Markdown table with one row per result."""
    rows = [COLUMNS, tuple("---" for _ in COLUMNS)]
    for name, recipe in recipes.items():
        for number, result in enumerate(recipe.results):
            rows.append(_row(name, recipe, result, first=number == 0))
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _row(name: str, recipe: Recipe, result: Result, first: bool) -> tuple[str, ...]:
    spread = f" ± {result.spread:g}" if result.spread else ""
    return (
        f"`{name}`" if first else "",
        recipe.data if first else "",
        result.split,
        result.metric,
        f"{result.value:g}{spread}",
        result.reference,
        " ".join(map(str, recipe.seeds)) if first else "",
        f"{recipe.minutes:g}" if first and recipe.minutes else "",
        f"`{result.command}`",
    )


def machines(recipes: dict[str, Recipe]) -> str:
    """Return the hardware of each recipe, and its protocol."""
    lines = []
    for name, recipe in recipes.items():
        parts = [part for part in (recipe.machine, recipe.note) if part]
        if parts:
            lines.append(f"- `{name}`: {'. '.join(part.rstrip('.') for part in parts)}.\n")
    return "".join(lines)


def results(recipes: dict[str, Recipe]) -> str:
    """Return the table of an experiment, followed by hardware and protocol."""
    return f"{table(recipes)}\n{machines(recipes)}"


def page(experiments: Sequence[Experiment]) -> str:
    """Return the page of all results."""
    parts = [HEADER]
    for experiment in experiments:
        if experiment.recipes:
            link = f"[{experiment.name}](../experiments/{experiment.name}/README.md)"
            parts.append(f"\n## {link}\n\n{results(dict(experiment.recipes))}")
    return "".join(parts)


def filled(readme: str, content: str) -> str:
    """Return a README with the text between its markers replaced."""
    before, begin, rest = readme.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise UserError(f"the README lacks the lines {BEGIN} and {END}")
    return f"{before}{BEGIN}\n{content}{END}{after}"


def documents() -> dict[Path, str]:
    """Return the up-to-date content of every generated document."""
    experiments = [load_experiment(name) for name in names()]
    content = {PAGE: page(experiments)}
    for experiment in experiments:
        readme = FOLDER / experiment.name / "README.md"
        content[readme] = filled(readme.read_text("utf-8"), results(dict(experiment.recipes)))
    return content


def main(arguments: Sequence[str]) -> None:
    """Write the documents, or check them."""
    stale = [path for path, text in documents().items() if path.read_text("utf-8") != text]
    if "--check" in arguments:
        for path in stale:
            print(f"{path} is out of date; run python -m experiments results", file=sys.stderr)
        sys.exit(bool(stale))
    for path in stale:
        path.write_text(documents()[path], "utf-8")
        print(f"wrote {path}")
