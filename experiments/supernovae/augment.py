"""Changes to light curves in training: fewer nights, an early end, more noise, farther away."""

import numpy as np
from jaxtyping import Float

from experiments.supernovae.files import (
    DAY,
    ERROR,
    FLUX,
    REDSHIFT,
    SEEN,
    WAVELENGTHS,
)
from experiments.supernovae.simulate import DETECTED, distance
from seqmodels.data.augmentation import Augment, Change, changes, taken
from seqmodels.data.ragged import Padded

FARTHEST = 1.2  # redshift


def training_changes(away: float, noisier: float, lost: float, least: float) -> Augment:
    """``farther``, ``fainter``, ``thin`` and ``beginning``, those of them that change anything."""
    wanted = [
        (away > 0, farther(away)),
        (noisier > 1, fainter(noisier)),
        (lost > 0, thin(lost)),
        (least < 1, beginning(least)),
    ]
    return changes(*(change for asked, change in wanted if asked))


def thin(most: float) -> Change:
    """Nights are lost at random: of each curve up to this share, never all."""

    def change(x: Padded, random: np.random.Generator) -> Padded:
        rate = random.uniform(0.0, most, x.mask.shape[1])
        kept = x.mask & (random.random(x.mask.shape) >= rate)
        kept = np.where(kept.any(axis=0), kept, x.mask)
        places = np.argsort(~kept, axis=0, kind="stable")
        return taken(x, places, np.arange(len(kept))[:, None] < kept.sum(axis=0))

    return change


def beginning(least: float) -> Change:
    """A curve ends early: after this share of its nights, or more."""

    def change(x: Padded, random: np.random.Generator) -> Padded:
        kept = np.ceil(x.mask.sum(axis=0) * random.uniform(least, 1.0, x.mask.shape[1]))
        return until(x, np.arange(len(x.mask))[:, None] < kept)

    return change


def until(x: Padded, mask: np.ndarray) -> Padded:
    """The steps where both masks are True, which must be a beginning of each sequence."""
    mask = x.mask & mask
    return Padded(np.where(mask[..., None], x.values, np.zeros_like(x.values)), mask)


def first_days(days: float) -> Change:
    """What is known so many days after the first detection: five deviations in any band."""

    def change(x: Padded, random: np.random.Generator) -> Padded:
        bright = (signal(x.values) > DETECTED).any(axis=-1) & x.mask
        found = bright.argmax(axis=0)  # the first night where none is bright
        day = x.values[..., DAY]
        end = np.take_along_axis(day, found[None], axis=0) + np.float32(days)
        return until(x, day <= end)

    return change


def signal(values: Float[np.ndarray, "*B C"]) -> Float[np.ndarray, "*B 4"]:
    """Flux by its error; zero where a band was not seen."""
    return np.where(values[..., SEEN] > 0, values[..., FLUX], 0) / np.maximum(
        values[..., ERROR], 1e-6
    )


def fainter(most: float) -> Change:
    """More noise: of each curve the errors grow by up to this factor, and the fluxes with them."""

    def change(x: Padded, random: np.random.Generator) -> Padded:
        growth = random.uniform(1.0, most, (x.mask.shape[1], 1))
        values, error = x.values.copy(), x.values[..., ERROR]
        bumps = random.standard_normal(error.shape) * np.sqrt(growth**2 - 1.0)
        values[..., FLUX] += error * bumps
        values[..., ERROR] *= growth
        return Padded(values, x.mask)

    return change


def farther(most: float) -> Change:
    """Half of the curves as they would look at a redshift up to so much larger.

    Time runs slower by r = (1 + z') / (1 + z), light dims by r (d / d')^2, a band sees what was at
    1 / r of its wavelength (read off between the bands), and the sky is as bright as before.  A
    curve that would not be detected stays as it is.
    """

    def change(x: Padded, random: np.random.Generator) -> Padded:
        size = x.mask.shape[1]
        near = x.values[0, :, REDSHIFT].astype(np.float64)
        draw = random.uniform(0.0, most, size) * (random.random(size) < 0.5)
        far = np.maximum(np.minimum(near + draw, FARTHEST), near)
        ratio = (1.0 + far) / (1.0 + near)
        near, far = np.maximum(near, 1e-3), np.maximum(far, 1e-3)
        dimmed = ratio * (distance(near) / distance(far)) ** 2
        values = moved_bands(x.values, ratio, dimmed, random)
        values[..., DAY] *= ratio
        values[..., REDSHIFT] += far - near
        visible = (signal(values) > DETECTED).any(axis=(0, 2)) & (ratio > 1.0)
        values = np.where(visible[:, None], values, x.values).astype(np.float32)
        return Padded(np.where(x.mask[..., None], values, x.values), x.mask)

    return change


def moved_bands(
    values: Float[np.ndarray, "T B C"],
    ratio: Float[np.ndarray, "B"],
    dimmed: Float[np.ndarray, "B"],
    random: np.random.Generator,
) -> Float[np.ndarray, "T B C"]:
    """Fluxes at shorter wavelengths, dimmed, with noise up to the errors that were there."""
    weights = band_weights(ratio)
    values, seen = values.copy(), values[..., SEEN] > 0
    flux = np.einsum("bij,tbj->tbi", weights, values[..., FLUX]) * dimmed[:, None]
    spread = np.einsum("bij,tbj->tbi", weights**2, values[..., ERROR] ** 2) * dimmed[:, None] ** 2
    whole = np.all(seen[..., None, :] | (weights == 0), axis=-1) & seen
    more = np.sqrt(np.maximum(values[..., ERROR] ** 2 - spread, 0.0))
    error = np.sqrt(np.maximum(values[..., ERROR] ** 2, spread))
    values[..., FLUX] = np.where(whole, flux + more * random.standard_normal(flux.shape), 0)
    values[..., ERROR], values[..., SEEN] = np.where(whole, error, 0), whole
    return values


def band_weights(ratio: Float[np.ndarray, "B"]) -> Float[np.ndarray, "B 4 4"]:
    """Row i: how the light at 1 / ratio of the wavelength of band i is made of the four bands.

    A straight line over the logarithm of the wavelength, between the two bands around it, or on
    from the two bluest ones.
    """
    known = np.log(WAVELENGTHS)
    wanted = known - np.log(ratio)[:, None]
    left = np.clip(np.searchsorted(known, wanted, side="right") - 1, 0, 2)
    share = (wanted - known[left]) / (known[left + 1] - known[left])
    one, eye = share[..., None], np.eye(4)
    return (1.0 - one) * eye[left] + one * eye[left + 1]
