"""Light curves of supernovae: nights of measurements in four bands."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from seqmodels.data.ragged import Ragged, ragged
from seqmodels.data.splits import Splits
from seqmodels.errors import UserError

BANDS = "griz"
WAVELENGTHS = np.array([480.0, 640.0, 780.0, 920.0])  # nanometers, as observed

# Columns of a night.
DAY, FLUX, ERROR, OBSERVED = 0, slice(1, 5), slice(5, 9), slice(9, 13)
REDSHIFT, REDSHIFT_ERROR = 13, 14
COLUMN_COUNT = 15


class LightCurves(NamedTuple):
    """Light curves of several supernovae.

    nights:        a row of ``COLUMN_COUNT`` values for each night. ``DAY`` counts from the first
                   night. ``FLUX``, ``ERROR`` and ``OBSERVED`` have one value per band; flux and
                   error are zero where a band was not observed. ``REDSHIFT`` and its error are
                   the photometric ones of the host galaxy.
    types:         Ia, Ibc or II
    spectroscopic: whether a spectrum determined the type
    """

    nights: Ragged
    names: list[str]
    types: list[str]
    spectroscopic: Bool[np.ndarray, "S"]

    def select(self, rows: Int[np.ndarray, "C"]) -> "LightCurves":
        """Return some of the light curves, in this order."""
        nights = ragged([self.curve(row) for row in rows.tolist()])
        names = [self.names[row] for row in rows.tolist()]
        types = [self.types[row] for row in rows.tolist()]
        return LightCurves(nights, names, types, self.spectroscopic[rows])

    def curve(self, row: int) -> Float[np.ndarray, "T C"]:
        """Return the nights of one supernova."""
        return self.nights.values[self.nights.offsets[row] : self.nights.offsets[row + 1]]

    def find(self, name: str) -> int:
        """Return the row of the supernova of this name."""
        if name not in self.names:
            raise UserError(f"--name {name} is not a test curve; give a name like {self.names[0]}")
        return self.names.index(name)


class Exposures(NamedTuple):
    """Single exposures, end to end: those of supernova i are ``offsets[i]:offsets[i + 1]``."""

    offsets: Int[np.ndarray, "S_plus_one"]
    mjd: Float[np.ndarray, "N"]
    band: Int[np.ndarray, "N"]
    flux: Float[np.ndarray, "N"]
    error: Float[np.ndarray, "N"]


def group_nights(exposures: Exposures, redshift: Float[np.ndarray, "S 2"]) -> Ragged:
    """Join exposures that are less than half a day apart into nights.

    Of several exposures in one band, the mean is taken, weighted by the inverse variance.
    """
    owner = np.repeat(np.arange(len(exposures.offsets) - 1), np.diff(exposures.offsets))
    is_valid = exposures.error > 0  # an error of -9 marks a missing measurement
    owner, mjd = owner[is_valid], exposures.mjd[is_valid]
    band = exposures.band[is_valid].astype(np.int64)
    flux, weight = exposures.flux[is_valid], exposures.error[is_valid].astype(np.float64) ** -2
    begins_curve = np.diff(owner, prepend=-1) > 0
    begins_night = begins_curve | (np.diff(mjd, prepend=mjd[:1]) > 0.5)
    night = np.cumsum(begins_night) - 1
    cell, count = 4 * night + band, 4 * int(night[-1] + 1)
    total = np.bincount(cell, weight, count).reshape(-1, 4)
    mean = np.bincount(cell, weight * flux, count).reshape(-1, 4) / np.maximum(total, 1e-30)
    observed, owners = total > 0, owner[begins_night]
    lengths = np.bincount(owners, minlength=len(exposures.offsets) - 1)
    values = np.zeros((len(owners), COLUMN_COUNT), np.float32)
    curve = np.cumsum(begins_curve[begins_night]) - 1
    values[:, DAY] = mjd[begins_night] - mjd[begins_curve][curve]
    values[:, FLUX], values[:, OBSERVED] = mean, observed
    values[:, ERROR] = np.where(observed, np.maximum(total, 1e-30) ** -0.5, 0)
    values[:, REDSHIFT : REDSHIFT_ERROR + 1] = redshift[owners]
    return Ragged(values, np.cumsum([0, *lengths]))


def split_curves(curves: LightCurves, share: float, dev_share: float, seed: int) -> Splits:
    """Split light curves at random into train, dev and test.

    share:     fraction of the curves for training and dev; 0 takes those of spectroscopic type
    dev_share: fraction of these that becomes dev; all other curves are the test split
    """
    if seed < 0:
        raise UserError(f"--split must be 0 or more, not {seed}")
    random, spectroscopic = np.random.default_rng(seed), curves.spectroscopic
    order = random.permutation(len(spectroscopic))
    if not share:
        order = order[np.argsort(~spectroscopic[order], kind="stable")]
    count = round(share * len(order)) if share else int(spectroscopic.sum())
    dev = max(1, round(dev_share * count))
    parts = Splits(order[dev:count], order[:dev], order[count:])
    if empty := [name for name, part in parts._asdict().items() if not len(part)]:
        raise UserError(
            f"no light curves are left for {empty[0]}; give more curves, or another --share or "
            "--dev-share"
        )
    return Splits(*(curves.select(part) for part in parts))


def curve_fields(curves: LightCurves, classes: Sequence[str]) -> dict[str, Any]:
    """Return the fields ``x``, the nights, and ``label``, the index of the type.

    A type that is not among the classes has label 0.
    """
    numbers = {name: number for number, name in enumerate(classes)}
    label = np.array([numbers.get(name, 0) for name in curves.types], np.int32)
    return {"x": curves.nights, "label": label}
