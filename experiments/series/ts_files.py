"""Reader for the ``.ts`` format of the UCR/UEA archive.

    @dimensions 2
    @classLabel true yes no
    @data
    1.0,2.0,3.0:0.5,0.4,?:yes

Each line after ``@data`` is a series. Colons separate its variables, which have the same length,
and its label, which comes last. ``?`` is a missing value. Files may be gzipped (``.ts.gz``).

Bagnall et al. (2018), "The UEA multivariate time series classification archive", arXiv:1811.00075.
"""

import gzip
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from seqmodels.errors import UserError

ENDINGS = ("_TRAIN.ts", "_TRAIN.ts.gz")


class Series(NamedTuple):
    """A series of steps and variables, and the name of its class."""

    values: Float[np.ndarray, "T D"]
    label: str


class Archive(NamedTuple):
    """The two splits in which the archive publishes a data set."""

    train: list[Series]
    test: list[Series]


def read_archive(path: str | Path) -> Archive:
    """Read the training and test series of a folder, or of a training file and its test file."""
    path = Path(path).expanduser()
    found = [p for ending in ENDINGS for p in path.glob("*" + ending)] if path.is_dir() else [path]
    if len(found) != 1 or not found[0].name.endswith(ENDINGS):
        raise UserError(
            f"--data {path}: give a NAME_TRAIN.ts, or a folder with one such file; NAME_TEST.ts "
            "must be in the same folder, and both may be gzipped (.ts.gz)"
        )
    parts = [read_series(found[0]), read_series(_test_file(found[0]))]
    widths = {series.values.shape[1] for part in parts for series in part}
    if len(widths) != 1:
        counts = ", ".join(str(width) for width in sorted(widths))
        raise UserError(f"--data {path}: series have different numbers of variables: {counts}")
    return Archive(*parts)


def _test_file(train: Path) -> Path:
    name = train.name.removesuffix(".gz").replace("_TRAIN.ts", "_TEST.ts")
    choices = [train.with_name(name), train.with_name(name + ".gz")]
    return next((choice for choice in choices if choice.exists()), choices[0])


def read_series(path: Path) -> list[Series]:
    """Read all series of one file."""
    lines = _read_lines(path)
    begins = [number for number, line in enumerate(lines, 1) if line.lower() == "@data"]
    if not begins:
        raise UserError(f"{path} is not a .ts file: there is no @data line")
    header = [line.lower().split() for line in lines[: begins[0]] if line.startswith("@")]
    if ["@timestamps", "true"] in header:
        raise UserError(f"{path} has @timestamps true; give series that are sampled at equal steps")
    if not any(words[:2] == ["@classlabel", "true"] for words in header):
        raise UserError(f"{path} has no @classLabel true; give series that have classes")
    rows = [(number, line) for number, line in enumerate(lines[begins[0] :], begins[0] + 1) if line]
    if not rows:
        raise UserError(f"{path} has no series after its @data line")
    return [_parse_series(path, number, line) for number, line in rows]


def _read_lines(path: Path) -> list[str]:
    try:
        raw = path.read_bytes()
        text = (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode("utf-8-sig")
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise UserError(f"{path} cannot be read: {error}") from error
    return [line.strip() for line in text.splitlines()]


def _parse_series(path: Path, number: int, line: str) -> Series:
    *variables, label = line.split(":")
    try:
        values = np.stack([_parse_variable(variable) for variable in variables], axis=1)
    except ValueError as error:
        raise UserError(
            f"{path} line {number} must hold variables of equal length and a label, separated by "
            f"colons: {error}"
        ) from error
    return Series(values.astype(np.float32), label.strip())


def _parse_variable(text: str) -> np.ndarray:
    """Parse one variable; missing values are interpolated linearly."""
    values = np.array(
        [np.nan if word.strip() in ("", "?") else float(word) for word in text.split(",")]
    )
    is_missing = np.isnan(values)
    if is_missing.all():
        return np.zeros_like(values)
    steps = np.arange(len(values))
    return np.interp(steps, steps[~is_missing], values[~is_missing])
