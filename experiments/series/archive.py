"""Time series in the ``.ts`` format of the UCR/UEA archive: several variables, unequal lengths.

    @dimensions 2
    @classLabel true yes no
    @data
    1.0,2.0,3.0:0.5,0.4,?:yes

Variables end with colons, the label comes last, ``?`` is missing; a file may be packed (``.gz``).
Bagnall et al. (2018), "The UEA multivariate time series classification archive", arXiv:1811.00075.
"""

import gzip
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from seqmodels.data.classes import class_numbers
from seqmodels.data.ragged import ragged
from seqmodels.errors import UserError

ENDINGS = ("_TRAIN.ts", "_TRAIN.ts.gz")


class Series(NamedTuple):
    """A series ``[steps, variables]`` and the name of its class."""

    values: Float[np.ndarray, "T D"]
    label: str


class Archive(NamedTuple):
    """The two parts in which a data set of the archive is published."""

    train: list[Series]
    test: list[Series]


def read_archive(path: str | Path) -> Archive:
    """The training and the test series of a folder, or of a training file and its neighbour."""
    path = Path(path).expanduser()
    found = [p for ending in ENDINGS for p in path.glob("*" + ending)] if path.is_dir() else [path]
    if len(found) != 1 or not found[0].name.endswith(ENDINGS):
        raise UserError(
            f"--data {path}: give a NAME_TRAIN.ts, or a folder with one such file, beside which "
            "lies NAME_TEST.ts (either may end with .gz)"
        )
    parts = [read_series(found[0]), read_series(_test_file(found[0]))]
    widths = {series.values.shape[1] for part in parts for series in part}
    if len(widths) != 1:
        raise UserError(f"--data {path}: series have different numbers of variables, {widths}")
    return Archive(*parts)


def _test_file(train: Path) -> Path:
    name = train.name.removesuffix(".gz").replace("_TRAIN.ts", "_TEST.ts")
    choices = [train.with_name(name), train.with_name(name + ".gz")]
    return next((choice for choice in choices if choice.exists()), choices[0])


def read_series(path: Path) -> list[Series]:
    """Every series of one file, in its order."""
    try:
        raw = path.read_bytes()
        text = (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode("utf-8-sig")
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise UserError(f"--data {path} cannot be read: {error}") from error
    lines = [line.strip() for line in text.splitlines()]
    begins = [number for number, line in enumerate(lines, 1) if line.lower() == "@data"]
    if not begins:
        raise UserError(f"--data {path} has no line @data: it is no .ts file")
    header = [line.lower().split() for line in lines[: begins[0]] if line.startswith("@")]
    if ["@timestamps", "true"] in header:
        raise UserError(f"--data {path} has @timestamps true: give series at regular times")
    if not any(words[:2] == ["@classlabel", "true"] for words in header):
        raise UserError(f"--data {path} has no @classLabel true: its series have no classes")
    rows = [(number, line) for number, line in enumerate(lines[begins[0] :], begins[0] + 1) if line]
    if not rows:
        raise UserError(f"--data {path} has no series after its line @data")
    return [_series(path, number, line) for number, line in rows]


def _series(path: Path, number: int, line: str) -> Series:
    *variables, label = line.split(":")
    try:
        columns = [_numbers(variable) for variable in variables]
        values = np.stack(columns, axis=1)
    except ValueError as error:
        raise UserError(
            f"--data {path} line {number} is not numbers, as many of each variable, and a label, "
            f"with colons between them: {error}"
        ) from error
    return Series(values.astype(np.float32), label.strip())


def _numbers(text: str) -> np.ndarray:
    """The numbers of a variable; where one is missing, on the line between its neighbours."""
    values = np.array(
        [np.nan if word.strip() in ("", "?") else float(word) for word in text.split(",")]
    )
    missing = np.isnan(values)
    if missing.all():
        return np.zeros_like(values)
    where = np.arange(len(values))
    return np.interp(where, where[~missing], values[~missing])


def cylinder_bell_funnel(count: int, seed: int = 0) -> list[Series]:
    """Made-up series of three classes: noise, and on a random stretch of it a step or a ramp.

        x_t = (6 + n) s_t + e_t    for a <= t <= b, else e_t;  n, e_t ~ N(0, 1)
        s_t = 1 (cylinder), (t - a) / (b - a) (bell), (b - t) / (b - a) (funnel)

    Saito (1994), "Local feature extraction and its application using a library of bases".
    """
    random = np.random.default_rng([seed, count])
    time = np.arange(1, 129)
    made = []
    for number in range(count):
        begin = random.integers(16, 33)
        end = begin + random.integers(32, 97)
        ramp = (time - begin) / (end - begin)
        name, shape = [("bell", ramp), ("cylinder", np.ones(128)), ("funnel", 1 - ramp)][number % 3]
        inside = (begin <= time) & (time <= end)
        values = (6 + random.normal()) * shape * inside + random.normal(size=128)
        made.append(Series(values[:, None].astype(np.float32), name))
    return made


def split_off(series: Sequence[Series], share: float) -> tuple[list[Series], list[Series]]:
    """Most of the series, and this share of every class (of a class of two or more, one or more);
    with a share of 0, all of them twice.
    """
    if share == 0:
        return list(series), list(series)
    places: dict[str, list[int]] = {}
    for place in np.random.default_rng(0).permutation(len(series)).tolist():
        places.setdefault(series[place].label, []).append(place)
    held = {p for own in places.values() for p in own[: max(len(own) > 1, round(share * len(own)))]}
    kept = [one for place, one in enumerate(series) if place not in held]
    return kept, [series[place] for place in sorted(held)]


def series_extras(train: Sequence[Series], patch: int, squash: bool = False) -> dict[str, Any]:
    """What a model must know of the training series, in a form that JSON can hold.

    With ``squash`` a value x becomes asinh(x / s), s the median of the series' own deviations, so
    that small series are seen beside those that are a thousand times as large.
    """
    typical = np.median([series.values.std(axis=0) for series in train], axis=0)
    unit = np.maximum(typical, 1e-30).tolist() if squash else None
    squashed = [_squashed(series.values, unit) for series in train]
    values = np.concatenate(squashed).astype(np.float64)
    return {
        "unit": unit,
        "classes": sorted({series.label for series in train}),
        "mean": values.mean(axis=0).tolist(),
        "deviation": np.maximum(values.std(axis=0), 1e-8).tolist(),
        "patch": patch,
    }


def scaled(values: Float[np.ndarray, "T D"], extras: Mapping[str, Any]) -> Float[np.ndarray, "P F"]:
    """A series with mean 0 and deviation 1 over the training series, its steps patched."""
    values = _squashed(values, extras.get("unit"))
    shifted = (values - np.array(extras["mean"])) / np.array(extras["deviation"])
    return patched(shifted.astype(np.float32), extras["patch"])


def _squashed(values: Float[np.ndarray, "T D"], unit: Sequence[float] | None) -> np.ndarray:
    return values if unit is None else np.arcsinh(values / np.array(unit))


def series_fields(series: Sequence[Series], extras: Mapping[str, Any]) -> dict[str, Any]:
    """``x``, the scaled series, and ``label``, the number of each one's class."""
    if (found := series[0].values.shape[1]) != (wanted := len(extras["mean"])):
        raise UserError(f"--data has series of {found} variables; the run was trained on {wanted}")
    return {
        "x": ragged([scaled(one.values, extras) for one in series]),
        "label": class_numbers([one.label for one in series], extras["classes"]),
    }


def neighbour_accuracy(train: Sequence[Series], dev: Sequence[Series], steps: int = 64) -> float:
    """How often the class is that of the nearest training series, both stretched to one length."""
    from sklearn.neighbors import KNeighborsClassifier

    known, asked = (stretched([one.values for one in part], steps) for part in (train, dev))
    model = KNeighborsClassifier(1).fit(known, [one.label for one in train])
    return float(model.score(asked, [one.label for one in dev]))


def stretched(series: Sequence[np.ndarray], steps: int) -> Float[np.ndarray, "N T_times_D"]:
    """Every series stretched or shrunk to as many steps, as one flat vector each."""
    places = [np.linspace(0.0, len(values) - 1.0, steps) for values in series]
    columns = [
        [np.interp(place, np.arange(len(values)), column) for column in values.T]
        for place, values in zip(places, series, strict=True)
    ]
    return np.array(columns, np.float32).reshape(len(series), -1)


def patched(values: Float[np.ndarray, "T D"], size: int) -> Float[np.ndarray, "P size_times_D"]:
    """``size`` steps at a time side by side as one; the last is repeated to fill up."""
    missing = -len(values) % size
    whole = np.concatenate([values, np.repeat(values[-1:], missing, axis=0)])
    return whole.reshape(len(whole) // size, -1)
