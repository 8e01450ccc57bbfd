"""Readers for the files of the supernova classification challenge of 2010.

Kessler et al. (2010), "Supernova photometric classification challenge", arXiv:1001.5210.
"""

import csv
import gzip
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple
from zipfile import BadZipFile

import numpy as np

from experiments.supernovae.light_curves import BANDS, Exposures, LightCurves, group_nights
from seqmodels.errors import UserError

TYPES = {"1": "Ia", "2": "II", "3": "Ibc"}  # by the first digit of SNTYPE


def read_light_curves(path: str | Path) -> LightCurves:
    """Read a folder of ``.DAT`` files, or one with ``lightcurves.npz`` and ``headers.csv.gz``."""
    path = Path(path).expanduser()
    packed = path / "lightcurves.npz"
    if packed.is_file():
        return _read_packed(packed, path / "headers.csv.gz")
    if files := sorted(path.glob("*.DAT")):
        return _join([read_dat(file) for file in files])
    raise UserError(f"--data {path}: there are no .DAT files and there is no lightcurves.npz")


def _read_packed(curves: Path, headers: Path) -> LightCurves:
    try:
        with curves.open("rb") as opened:
            arrays = np.load(opened)
            columns = (arrays[n] for n in ("offsets", "mjd", "band", "fluxcal", "fluxcalerr"))
            exposures, names = Exposures(*columns), [str(number) for number in arrays["snid"]]
        with gzip.open(headers, "rt", encoding="utf-8", newline="") as file:
            rows = {row["snid"]: row for row in csv.DictReader(file)}
        ordered = [rows[name] for name in names]
        redshift = [[float(r["host_photoz"]), float(r["host_photoz_err"])] for r in ordered]
        types = [type_of(row["sim_type"]) for row in ordered]
        spectroscopic = np.array([int(row["sntype"]) for row in ordered]) > 0
    except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
        raise UserError(f"--data {curves.parent} is damaged or incomplete: {error!r}") from error
    return LightCurves(group_nights(exposures, np.array(redshift)), names, types, spectroscopic)


def type_of(name: str) -> str:
    """Return the type of a subtype: Ia, Ibc or II.

    >>> [type_of(name) for name in ("Ia", "Ib", "IIn")]
    ['Ia', 'Ibc', 'II']
    """
    if name.startswith("II"):
        return "II"
    if name not in ("Ia", "Ib", "Ic", "Ibc"):
        raise ValueError(f"{name} is not a type of supernova")
    return "Ia" if name == "Ia" else "Ibc"


class Supernova(NamedTuple):
    """The content of one ``.DAT`` file."""

    name: str
    type: str
    spectroscopic: bool
    redshift: tuple[float, float]
    exposures: list[tuple[float, int, float, float]]  # mjd, band, flux, error


def read_dat(path: Path) -> Supernova:
    """Read one file of lines ``KEY: words``. The lines with key OBS form a table."""
    text = path.read_text(encoding="utf-8", errors="replace")
    pairs = [line.partition(":")[::2] for line in text.splitlines() if ":" in line]
    header = {key.strip(): words for key, words in pairs}
    rows = [words.split() for key, words in pairs if key.strip() == "OBS"]
    try:
        exposures = _parse_exposures(header["VARLIST"].split(), rows)
        redshift, _, deviation = header["HOST_GALAXY_PHOTO-Z"].split()[:3]
        code = header["SNTYPE"].split()[0]
        simulated = re.search(r"SN Type\s*=\s*(\w+)", header.get("SIM_COMMENT", ""))
        name = type_of(simulated[1]) if simulated else TYPES[code[0]]
        numbers = float(redshift), float(deviation)
        return Supernova(header["SNID"].strip(), name, int(code) > 0, numbers, exposures)
    except (KeyError, ValueError, IndexError) as problem:
        raise UserError(f"--data {path} is not a valid light curve: {problem!r}") from None


def _parse_exposures(
    columns: list[str], rows: list[list[str]]
) -> list[tuple[float, int, float, float]]:
    mjd, band, flux, error = (columns.index(n) for n in ("MJD", "FLT", "FLUXCAL", "FLUXCALERR"))
    exposures = [
        (float(r[mjd]), BANDS.index(r[band]), float(r[flux]), float(r[error])) for r in rows
    ]
    if not np.isfinite(exposures).all() or all(error <= 0 for *_, error in exposures):
        raise ValueError("it has no measurements, or some that are not finite")
    return exposures


def _join(supernovae: Sequence[Supernova]) -> LightCurves:
    rows = [row for each in supernovae for row in sorted(each.exposures)]
    mjd, band, flux, error = (np.array(column) for column in zip(*rows, strict=True))
    offsets = np.cumsum([0, *(len(each.exposures) for each in supernovae)])
    redshift = np.array([each.redshift for each in supernovae])
    return LightCurves(
        group_nights(Exposures(offsets, mjd, band, flux, error), redshift),
        [each.name for each in supernovae],
        [each.type for each in supernovae],
        np.array([each.spectroscopic for each in supernovae]),
    )
