"""Points of a sweep: the flags with several values, and the members that follow from them.

--learning-rate 1e-3 3e-3 --seed 0 1 2      every combination of the listed values
--learning-rate log:1e-4:1e-2 --points 32   draws from ranges, each with every listed value
--table members.csv                         one row per member, one column per flag

This module does not import jax.
"""

import csv
import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from itertools import product
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args, get_origin, get_type_hints

from seqmodels.errors import UserError
from seqmodels.train.config import config_values, training_part

Point = dict[str, Any]  # field name -> value


@dataclass(frozen=True)
class SweepOptions:
    """How the members of a sweep are chosen and run.

    Each option above with a single value may have several values or a range:
    "--learning-rate 1e-3 3e-3 --seed 0 1 2" trains every combination, and
    "--learning-rate log:1e-4:1e-2 --points 32" draws from a range.
    """

    points: int = 16
    """Number of draws if a flag is a range such as log:1e-4:1e-2 or linear:0:0.5."""

    table: str | None = None
    """CSV file with one row per member and one column per flag (learning_rate, seed, ...)."""

    order: Literal["shared", "own"] = "shared"
    """Order of the data: the same for all members, or its own for each seed."""

    slice: int = 0
    """Members to train at the same time; 0 chooses by backend, model size and memory."""

    keep_members: bool = False
    """Save every member at its best evaluation, for ``ensemble``, and not only the best one."""

    halve_at: tuple[int, ...] = ()
    """Steps after which the worse half of the members is dropped, at the next evaluation."""

    perturb_every: int = 0
    """Steps between replacements of the worst quarter by perturbed copies of the best, or 0."""


class Range(NamedTuple):
    """Uniform or log-uniform distribution between two bounds."""

    low: float
    high: float
    log: bool
    whole: bool

    def draw(self, generator: random.Random) -> float | int:
        """Draw one value."""
        if self.log:
            value = math.exp(generator.uniform(math.log(self.low), math.log(self.high)))
        else:
            value = generator.uniform(self.low, self.high)
        return round(value) if self.whole else value


Axis = Range | tuple[Any, ...]


def take_axes(arguments: Sequence[str], config: type) -> tuple[dict[str, Axis], list[str]]:
    """Separate the flags with several values or a range from all other arguments."""
    hints = _sweepable(config)
    axes: dict[str, Axis] = {}
    rest: list[str] = []
    for flag, values in _flags(arguments):
        name = flag.removeprefix("--").replace("-", "_")
        swept = len(values) > 1 or any(value.startswith(("log:", "linear:")) for value in values)
        if flag.startswith("--") and name in hints and swept:
            axes[name] = _axis(flag, hints[name], values)
        else:
            rest += [flag, *values] if flag else values
    return axes, rest


def _flags(arguments: Sequence[str]) -> list[tuple[str, list[str]]]:
    """Return each flag with its values; arguments before the first flag belong to the flag ''."""
    groups: list[tuple[str, list[str]]] = [("", [])]
    for argument in arguments:
        if argument.startswith("--"):
            flag, equals, value = argument.partition("=")
            groups.append((flag, [value] if equals else []))
        else:
            groups[-1][1].append(argument)
    return groups


def _sweepable(config: type) -> dict[str, Any]:
    """Return the type of every field that holds a single value."""
    values, hints = config_values(config()), _hints(config())
    return {n: hints[n] for n, value in values.items() if not isinstance(value, tuple | bool)}


def _hints(config: Any) -> dict[str, Any]:
    hints = get_type_hints(type(config))
    for field in fields(config):
        part = getattr(config, field.name)
        hints |= _hints(part) if is_dataclass(part) else {}
    return hints


def _axis(flag: str, hint: Any, values: list[str]) -> Axis:
    kind, *bounds = values[0].split(":")
    if kind not in ("log", "linear") or hint not in (int, float):
        return tuple(_read(flag, hint, value) for value in values)
    if len(values) > 1 or len(bounds) != 2:
        raise UserError(
            f"{flag} {' '.join(values)}: give a single range such as {flag} log:1e-4:1e-2"
        )
    low, high = (_read(flag, float, bound) for bound in bounds)
    if not (low > 0 or kind == "linear") or not low < high:
        raise UserError(
            f"{flag} {values[0]}: the lower bound comes first, and log bounds must be above 0"
        )
    return Range(low, high, kind == "log", hint is int)


def _read(flag: str, hint: Any, text: str) -> Any:
    if get_origin(hint) is Literal:
        if text not in get_args(hint):
            raise UserError(f"{flag} {text}: choose from {', '.join(get_args(hint))}")
        return text
    if hint not in (int, float):
        return text
    try:
        return hint(text)
    except ValueError as error:
        raise UserError(f"{flag} {text}: expected a number ({hint.__name__})") from error


def make_points(axes: Mapping[str, Axis], options: SweepOptions, config: Any) -> list[Point]:
    """Combine every row of the table, every draw, and every combination of listed values."""
    if not axes and options.table is None:
        raise UserError(
            "nothing to sweep: give a flag several values (--seed 0 1 2), a range "
            "(--learning-rate log:1e-4:1e-2), or a --table"
        )
    lists = {name: axis for name, axis in axes.items() if not isinstance(axis, Range)}
    ranges = {name: axis for name, axis in axes.items() if isinstance(axis, Range)}
    rows = read_table(options.table, type(config)) if options.table else [{}]
    generator = random.Random(training_part(config).seed)
    count = options.points if ranges else 1
    draws = [{n: axis.draw(generator) for n, axis in ranges.items()} for _ in range(count)]
    grid = [dict(zip(lists, values, strict=True)) for values in product(*lists.values())]
    return [{**row, **draw, **cell} for row in rows for draw in draws for cell in grid]


def read_table(path: str, config: type) -> list[Point]:
    """Read the members that a CSV file lists."""
    try:
        with Path(path).open(newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, ValueError) as error:
        raise UserError(f"--table {path} cannot be read: {error}") from error
    hints = _sweepable(config)
    names = list(rows[0]) if rows else []
    unknown = [name for name in names if name not in hints]
    if not rows or unknown:
        problem = f"unknown columns {', '.join(map(str, unknown))}" if rows else "no rows"
        raise UserError(
            f"--table {path}: {problem}; "
            "the header names flags such as learning_rate,seed, and each row is a member"
        )
    return [
        {name: _read(f"--table {path}: {name}", hints[name], row[name] or "") for name in names}
        for row in rows
    ]


def group_by_program(points: Sequence[Point], rates: set[str]) -> list[list[int]]:
    """Group the indices of points that differ only in ``rates`` and so share a program."""
    groups: dict[tuple, list[int]] = {}
    for index, point in enumerate(points):
        shape = tuple((name, value) for name, value in point.items() if name not in rates)
        groups.setdefault(shape, []).append(index)
    return list(groups.values())
