"""Points of a sweep: which flags take several values, and the members that follow; imports no jax.

--learning-rate 1e-3 3e-3 --seed 0 1 2      every combination of listed values
--learning-rate log:1e-4:1e-2 --points 32   draws from ranges, each with every listed value
--table members.csv                         a line for each member, a column for each flag
"""

import csv
import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import product
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args, get_origin, get_type_hints

from seqmodels.errors import UserError
from seqmodels.train.config import FitConfig

Point = dict[str, Any]  # config field -> this member's value


@dataclass(frozen=True)
class SweepOptions:
    """How the members of a sweep are made and run."""

    points: int = 16
    """Draws, where a flag is given a range such as log:1e-4:1e-2 or linear:0:0.5."""

    table: str | None = None
    """CSV file of members: a column for each flag (learning_rate, seed, ...), a line for each."""

    order: Literal["shared", "own"] = "shared"
    """Batches: the same for all members, or for each seed its own order."""

    slice: int = 0
    """Members that run at the same time; 0 chooses by backend, size and memory."""

    halve_at: tuple[int, ...] = ()
    """Steps at which the worse half of the members is dropped (at the next evaluation)."""

    perturb_every: int = 0
    """Steps after which the worst quarter goes on from perturbed copies of the best; 0 never."""


class Range(NamedTuple):
    """Numbers between two bounds, uniform, or uniform in their logarithm."""

    low: float
    high: float
    log: bool
    whole: bool

    def draw(self, generator: random.Random) -> float | int:
        if self.log:
            value = math.exp(generator.uniform(math.log(self.low), math.log(self.high)))
        else:
            value = generator.uniform(self.low, self.high)
        return round(value) if self.whole else value


Axis = Range | tuple[Any, ...]


def take_axes(
    arguments: Sequence[str], config: type[FitConfig]
) -> tuple[dict[str, Axis], list[str]]:
    """The flags of the config with several values or a range, and all other arguments."""
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
    """Each flag with the values after it; what stands before any flag belongs to the flag ''."""
    groups: list[tuple[str, list[str]]] = [("", [])]
    for argument in arguments:
        if argument.startswith("--"):
            flag, equals, value = argument.partition("=")
            groups.append((flag, [value] if equals else []))
        else:
            groups[-1][1].append(argument)
    return groups


def _sweepable(config: type[FitConfig]) -> dict[str, Any]:
    """Type of every field that holds one value."""
    hints, default = get_type_hints(config), config()
    values = {field.name: getattr(default, field.name) for field in fields(config)}
    return {n: hints[n] for n, value in values.items() if not isinstance(value, tuple | bool)}


def _axis(flag: str, hint: Any, values: list[str]) -> Axis:
    kind, *bounds = values[0].split(":")
    if kind not in ("log", "linear") or hint not in (int, float):
        return tuple(_read(flag, hint, value) for value in values)
    if len(values) > 1 or len(bounds) != 2:
        raise UserError(f"{flag} {' '.join(values)}: give one range, such as {flag} log:1e-4:1e-2")
    low, high = (_read(flag, float, bound) for bound in bounds)
    if not (low > 0 or kind == "linear") or not low < high:
        raise UserError(f"{flag} {values[0]}: the bounds must rise, and log needs them above 0")
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
        raise UserError(f"{flag} {text}: it takes numbers ({hint.__name__})") from error


def make_points(axes: Mapping[str, Axis], options: SweepOptions, config: FitConfig) -> list[Point]:
    """Every line of the table with every draw and every combination of the listed values."""
    if not axes and options.table is None:
        raise UserError(
            "sweep needs members: give a flag several values (--seed 0 1 2), a range "
            "(--learning-rate log:1e-4:1e-2), or a --table"
        )
    lists = {name: axis for name, axis in axes.items() if not isinstance(axis, Range)}
    ranges = {name: axis for name, axis in axes.items() if isinstance(axis, Range)}
    rows = read_table(options.table, type(config)) if options.table else [{}]
    generator = random.Random(config.seed)
    count = options.points if ranges else 1
    draws = [{n: axis.draw(generator) for n, axis in ranges.items()} for _ in range(count)]
    grid = [dict(zip(lists, values, strict=True)) for values in product(*lists.values())]
    return [{**row, **draw, **cell} for row in rows for draw in draws for cell in grid]


def read_table(path: str, config: type[FitConfig]) -> list[Point]:
    """The members that a CSV file lists."""
    try:
        with Path(path).open(newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, ValueError) as error:
        raise UserError(f"--table {path} cannot be read: {error}") from error
    hints = _sweepable(config)
    names = list(rows[0]) if rows else []
    unknown = [name for name in names if name not in hints]
    if not rows or unknown:
        raise UserError(
            f"--table {path}: {'unknown ' + ', '.join(map(str, unknown)) if rows else 'no lines'}; "
            "the first line names fields such as learning_rate,seed, each other one is a member"
        )
    return [
        {name: _read(f"--table {path}: {name}", hints[name], row[name] or "") for name in names}
        for row in rows
    ]


def by_program(points: Sequence[Point], numbers: set[str]) -> list[list[int]]:
    """Indices of the points that one compiled program serves: what else differs is no number."""
    groups: dict[tuple, list[int]] = {}
    for index, point in enumerate(points):
        shape = tuple((name, value) for name, value in point.items() if name not in numbers)
        groups.setdefault(shape, []).append(index)
    return list(groups.values())
