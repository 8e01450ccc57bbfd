"""Overviews for ``--help``: an experiment with its commands and recipes, and all experiments."""

import re
import shutil
import textwrap
from collections.abc import Mapping, Sequence

from seqmodels.train.experiment import Experiment

INDENT = " " * 4
WIDEST = 120  # columns


def overview(experiment: Experiment, commands: Mapping[str, str]) -> str:
    """Return the usage, description, commands and recipes of an experiment.

    commands: description of each command; its first paragraph is shown
    """
    program = experiment.program
    parts = [
        f"usage: {program} [COMMAND] [OPTIONS]",
        wrap(experiment.about),
        "Commands; the default is train:",
        columns({name: about.partition("\n\n")[0] for name, about in commands.items()}),
        wrap("The options of a command are listed by its own --help, for example"),
        f"{INDENT}{program} train --help",
    ]
    if experiment.recipes:
        recipes = {
            name: f"{recipe.data}: {recipe.expectation()}"
            for name, recipe in experiment.recipes.items()
        }
        parts += ["Recipes, for --recipe NAME:", columns(recipes)]
    return "\n\n".join(parts)


def experiment_list(experiments: Sequence[Experiment]) -> str:
    """Return a line for each experiment: name, number of recipes, first line of the docstring."""
    lines = []
    width = max(len(experiment.name) for experiment in experiments)
    for experiment in experiments:
        count = len(experiment.recipes)
        recipes = f"{count:2} {'recipe' if count == 1 else 'recipes'}"
        about = experiment.about.partition("\n")[0].partition(": ")[2]
        lines.append(f"{INDENT}{experiment.name:<{width}}  {recipes:<10}  {about}")
    program = f"{INDENT}python -m experiments.NAME"
    start = f"Train one, or list its commands and recipes:\n\n{program}\n{program} --help"
    return "\n".join(["Experiments:", "", *lines, "", start])


def wrap(text: str) -> str:
    """Wrap paragraphs at the width of the terminal, and fit blocks of commands to it."""
    blocks = [block for block in re.split(r"\n\s*\n", text.strip("\n")) if block.strip()]
    return "\n\n".join(
        _commands(block.splitlines()) if block.startswith(INDENT) else _fill(block)
        for block in blocks
    )


def paragraphs(text: str) -> str:
    """Wrap paragraphs, indented by one column: tyro would join lines that begin with a letter."""
    return "\n".join(_fill(block, " ", " ") for block in text.split("\n\n"))


def columns(rows: Mapping[str, str]) -> str:
    """Return a name and a wrapped text on each line."""
    widest = max(map(len, rows))
    indent = INDENT + " " * (widest + 2)
    return "\n".join(
        _fill(text, f"{INDENT}{name:<{widest}}  ", indent) for name, text in rows.items()
    )


def _commands(lines: Sequence[str]) -> str:
    """Return commands as they are if they fit, otherwise each comment below its command.

    A line that is indented further continues the command above it.
    """
    if max(map(len, lines)) <= _width():
        return "\n".join(lines)
    text = re.sub(rf"\n{INDENT}\s+", " ", "\n".join(lines))
    fitted = []
    for line in text.splitlines():
        command, *comment = re.split(r"\s{2,}", line.strip(), maxsplit=1)
        fitted.append(_continued(command))
        fitted += [_fill(text, 2 * INDENT, 2 * INDENT) for text in comment]
    return "\n".join(fitted)


def _continued(command: str) -> str:
    """Break a long command outside of its quotes, with a backslash at the end of each line."""
    quoted = re.sub(r'"[^"]*"', lambda match: match[0].replace(" ", "\0"), command)
    lines = _fill(quoted, INDENT, 2 * INDENT, room=2).split("\n")
    return " \\\n".join(lines).replace("\0", " ")


def _fill(text: str, first: str = "", later: str = "", room: int = 0) -> str:
    return textwrap.fill(
        re.sub(r"\s+", " ", text),
        _width() - room,
        initial_indent=first,
        subsequent_indent=later,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _width() -> int:
    return min(shutil.get_terminal_size().columns, WIDEST)
