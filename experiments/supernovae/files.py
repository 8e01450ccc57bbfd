"""Supernova light curves: nights with four bands each, from the files of the challenge of 2010.

Kessler et al. (2010), "Supernova photometric classification challenge", arXiv:1001.5210.
"""

import csv
import gzip
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple
from zipfile import BadZipFile

import numpy as np
from jaxtyping import Bool, Float, Int

from seqmodels.data.ragged import Ragged, ragged
from seqmodels.data.splits import Splits
from seqmodels.errors import UserError

BANDS = "griz"
WAVELENGTHS = np.array([480.0, 640.0, 780.0, 920.0])  # nanometres, as observed

# What stands in the columns of a night.
DAY, FLUX, ERROR, SEEN = 0, slice(1, 5), slice(5, 9), slice(9, 13)
REDSHIFT, REDSHIFT_ERROR = 13, 14
COLUMNS = 15

TYPES = {"1": "Ia", "2": "II", "3": "Ibc"}  # by the first digit of SNTYPE


class LightCurves(NamedTuple):
    """Supernovae: a row of COLUMNS for every night, and what is known of each as a whole.

    DAY counts from the first night; FLUX, ERROR and SEEN hold a number for each band, zeros where
    a band was not observed; REDSHIFT and its error are those of the host galaxy, from photometry.
    """

    nights: Ragged
    names: list[str]
    kinds: list[str]  # Ia, Ibc or II
    spectroscopic: Bool[np.ndarray, "S"]

    def rows(self, chosen: Int[np.ndarray, "C"]) -> "LightCurves":
        """Some of them, in this order."""
        nights = ragged([self.one(row) for row in chosen.tolist()])
        names, kinds = (
            [column[row] for row in chosen.tolist()] for column in (self.names, self.kinds)
        )
        return LightCurves(nights, names, kinds, self.spectroscopic[chosen])

    def one(self, row: int) -> Float[np.ndarray, "T C"]:
        """The nights of one of them."""
        return self.nights.values[self.nights.offsets[row] : self.nights.offsets[row + 1]]

    def row(self, name: str) -> int:
        """Where the one of this name is."""
        if name not in self.names:
            raise UserError(f"--name {name} is none of the test curves, such as {self.names[0]}")
        return self.names.index(name)


class Observations(NamedTuple):
    """Single exposures end to end: those of supernova i are ``offsets[i]:offsets[i + 1]``."""

    offsets: Int[np.ndarray, "S_plus_one"]
    mjd: Float[np.ndarray, "N"]
    band: Int[np.ndarray, "N"]
    flux: Float[np.ndarray, "N"]
    error: Float[np.ndarray, "N"]


def group_nights(seen: Observations, redshift: Float[np.ndarray, "S 2"]) -> Ragged:
    """Exposures less than half a day apart become one night; of one band, their weighted mean."""
    owner = np.repeat(np.arange(len(seen.offsets) - 1), np.diff(seen.offsets))
    good = seen.error > 0  # -9 is no measurement
    owner, mjd, band = owner[good], seen.mjd[good], seen.band[good].astype(np.int64)
    flux, weight = seen.flux[good], seen.error[good].astype(np.float64) ** -2
    fresh = np.diff(owner, prepend=-1) > 0
    new = fresh | (np.diff(mjd, prepend=mjd[:1]) > 0.5)
    night = np.cumsum(new) - 1
    place, count = 4 * night + band, 4 * int(night[-1] + 1)
    total = np.bincount(place, weight, count).reshape(-1, 4)
    mean = np.bincount(place, weight * flux, count).reshape(-1, 4) / np.maximum(total, 1e-30)
    observed, owners = total > 0, owner[new]
    counts = np.bincount(owners, minlength=len(seen.offsets) - 1)
    values = np.zeros((len(owners), COLUMNS), np.float32)
    values[:, DAY] = mjd[new] - mjd[fresh][np.cumsum(fresh[new]) - 1]
    values[:, FLUX], values[:, SEEN] = mean, observed
    values[:, ERROR] = np.where(observed, np.maximum(total, 1e-30) ** -0.5, 0)
    values[:, REDSHIFT : REDSHIFT_ERROR + 1] = redshift[owners]
    return Ragged(values, np.cumsum([0, *counts]))


def read_light_curves(path: str | Path) -> LightCurves:
    """A folder of the challenge's ``.DAT`` files, or one with the same packed into an npz file."""
    path = Path(path).expanduser()
    packed = path / "lightcurves.npz"
    if packed.is_file():
        return _packed(packed, path / "headers.csv.gz")
    if files := sorted(path.glob("*.DAT")):
        return _joined([read_dat(file) for file in files])
    raise UserError(f"--data {path}: there are no .DAT files in it, and no lightcurves.npz")


def _packed(curves: Path, headers: Path) -> LightCurves:
    try:
        with curves.open("rb") as opened:
            found = np.load(opened)
            columns = (found[n] for n in ("offsets", "mjd", "band", "fluxcal", "fluxcalerr"))
            seen, ids = Observations(*columns), [str(number) for number in found["snid"]]
        with gzip.open(headers, "rt", encoding="utf-8", newline="") as file:
            rows = {row["snid"]: row for row in csv.DictReader(file)}
        chosen = [rows[number] for number in ids]
        redshift = [[float(r["host_photoz"]), float(r["host_photoz_err"])] for r in chosen]
        kinds = [kind_of(row["sim_type"]) for row in chosen]
        types = np.array([int(row["sntype"]) for row in chosen])
    except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
        raise UserError(f"--data {curves.parent} is not as it should be: {error!r}") from error
    return LightCurves(group_nights(seen, np.array(redshift)), ids, kinds, types > 0)


def kind_of(name: str) -> str:
    """Ia, Ibc or II, for any of their subtypes.

    >>> [kind_of(name) for name in ("Ia", "Ib", "IIn")]
    ['Ia', 'Ibc', 'II']
    """
    if name.startswith("II"):
        return "II"
    if name not in ("Ia", "Ib", "Ic", "Ibc"):
        raise ValueError(f"{name} is no type of supernova")
    return "Ia" if name == "Ia" else "Ibc"


class Supernova(NamedTuple):
    """One ``.DAT`` file."""

    name: str
    kind: str
    spectroscopic: bool
    redshift: tuple[float, float]
    exposures: list[tuple[float, int, float, float]]  # mjd, band, flux, error


def read_dat(path: Path) -> Supernova:
    """A file of lines ``KEY: words``, of which those called OBS are a table."""
    text = path.read_text(encoding="utf-8", errors="replace")
    pairs = [line.partition(":")[::2] for line in text.splitlines() if ":" in line]
    header = {key.strip(): words for key, words in pairs}
    try:
        columns = header["VARLIST"].split()
        mjd, band, flux, error = (columns.index(n) for n in ("MJD", "FLT", "FLUXCAL", "FLUXCALERR"))
        rows = [words.split() for key, words in pairs if key.strip() == "OBS"]
        exposures = [
            (float(r[mjd]), BANDS.index(r[band]), float(r[flux]), float(r[error])) for r in rows
        ]
        if not np.isfinite(exposures).all() or all(error <= 0 for *_, error in exposures):
            raise ValueError("it has no measurements, or some that are no numbers")
        redshift, _, deviation = header["HOST_GALAXY_PHOTO-Z"].split()[:3]
        code = header["SNTYPE"].split()[0]
        simulated = re.search(r"SN Type\s*=\s*(\w+)", header.get("SIM_COMMENT", ""))
        kind = kind_of(simulated[1]) if simulated else TYPES[code[0]]
        numbers = float(redshift), float(deviation)
        return Supernova(header["SNID"].strip(), kind, int(code) > 0, numbers, exposures)
    except (KeyError, ValueError, IndexError) as problem:
        raise UserError(f"--data {path} is no light curve as it should be: {problem!r}") from None


def _joined(supernovae: Sequence[Supernova]) -> LightCurves:
    exposures = [one for each in supernovae for one in sorted(each.exposures)]
    mjd, band, flux, error = (np.array(column) for column in zip(*exposures, strict=True))
    offsets = np.cumsum([0, *(len(each.exposures) for each in supernovae)])
    redshift = np.array([each.redshift for each in supernovae])
    return LightCurves(
        group_nights(Observations(offsets, mjd, band, flux, error), redshift),
        [each.name for each in supernovae],
        [each.kind for each in supernovae],
        np.array([each.spectroscopic for each in supernovae]),
    )


def split_curves(curves: LightCurves, share: float, dev_share: float, seed: int) -> Splits:
    """A random share of the curves for training; with a share of 0, those of spectroscopic type.

    A part of them is dev; all others are the test.
    """
    if seed < 0:
        raise UserError(f"--split {seed} must be 0 or more")
    random, known = np.random.default_rng(seed), curves.spectroscopic
    order = random.permutation(len(known))
    order = order if share else order[np.argsort(~known[order], kind="stable")]
    count = round(share * len(order)) if share else int(known.sum())
    held = max(1, round(dev_share * count))
    parts = Splits(order[held:count], order[:held], order[count:])
    if empty := [name for name, part in parts._asdict().items() if not len(part)]:
        raise UserError(f"no light curves are left for {empty[0]}: give more, or other shares")
    return Splits(*(curves.rows(part) for part in parts))


def curve_fields(curves: LightCurves, classes: Sequence[str]) -> dict[str, Any]:
    """``x``, the nights, and ``label``: the number of the type; a type not named is the first."""
    numbers = {name: number for number, name in enumerate(classes)}
    label = np.array([numbers.get(kind, 0) for kind in curves.kinds], np.int32)
    return {"x": curves.nights, "label": label}
