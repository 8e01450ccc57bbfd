"""Generated light curves: a template for each type, redshifted, dimmed and observed with noise.

    f(t, l) = a e^(-s / fall(l)) / (1 + e^(-s / rise)),    s = (t - t0) / (1 + z)

at the rest wavelength l = observed / (1 + z); Bazin et al. (2009), arXiv:0904.1066. Type Ia is a
standard candle with a second maximum in the infrared. Most supernovae of type II have a plateau of
about a hundred days.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from experiments.supernovae.light_curves import WAVELENGTHS, Exposures, LightCurves, group_nights

DETECTION = 5.0  # standard deviations
SKY_NOISE = np.array([3.0, 3.0, 4.0, 6.0])  # standard deviation in each band


class Template(NamedTuple):
    """Parameters of one kind of supernova. Times are in days."""

    type: str
    fraction: float
    magnitude: float
    scatter: float  # of the magnitude
    rise: float
    fall: float
    blue: float  # how much faster blue light fades
    ultraviolet: float  # magnitudes lost per 100 nm below 400 nm
    plateau: float = 0.0
    bump: float = 0.0  # second maximum in the infrared, as a fraction of the first


TEMPLATES = (
    Template("Ia", 0.4, -19.3, 0.15, 4.0, 18.0, 1.0, 2.5, bump=0.35),
    Template("Ibc", 0.2, -18.0, 0.8, 4.0, 17.0, 0.6, 1.6),
    Template("II", 0.3, -17.8, 0.9, 2.5, 12.0, 0.8, 0.6, plateau=85.0),
    Template("II", 0.1, -18.6, 0.8, 5.0, 45.0, 0.4, 0.4),
)


def luminosity_distance(redshift: Float[np.ndarray, "S"]) -> Float[np.ndarray, "S"]:
    """Return the luminosity distance in megaparsecs, in a flat universe with 30 % matter.

    d = (1 + z) c / H0 int_0^z dz' / sqrt(0.3 (1 + z')^3 + 0.7),    H0 = 70 km/s/Mpc
    """
    grid = np.linspace(0.0, 3.0, 3001)
    integrand = 1.0 / np.sqrt(0.3 * (1.0 + grid) ** 3 + 0.7)
    integral = np.cumsum((integrand[1:] + integrand[:-1]) / 2) * grid[1]
    path = np.concatenate([[0.0], integral])
    return (1.0 + redshift) * 299_792.458 / 70.0 * np.interp(redshift, grid, path)


def brightness(
    template: Template, days: Float[np.ndarray, "N"], wavelength: Float[np.ndarray, "N"]
) -> Float[np.ndarray, "N"]:
    """Return the brightness at these days after the peak and wavelengths, in the rest frame."""
    blue = np.clip((700.0 - wavelength) / 300.0, -0.5, 1.5)
    late = np.maximum(days - template.plateau * np.clip(1.0 - 0.6 * blue, 0.1, 1.0), 0.0)
    slow = days / 60.0 * (1.0 + blue) if template.plateau else 0.0
    fall = template.fall / (1.0 + 0.5 * template.blue * blue)
    fading = np.exp(-(late if template.plateau else days) / fall - slow)
    rising = 1.0 + np.exp(-np.clip(days, -99, 99) / template.rise)
    curve = np.minimum(fading, np.exp(3.0)) / rising
    infrared = template.bump * np.clip((wavelength - 550.0) / 200.0, 0.0, 1.0)
    curve = 1.6 * curve + infrared * np.exp(-(((days - 24.0) / 9.0) ** 2))
    return curve * 10 ** (-0.4 * template.ultraviolet * np.clip(400.0 - wavelength, 0, None) / 100)


def simulate(count: int = 4000, seed: int = 0) -> LightCurves:
    """Generate supernovae that are detected in at least three nights."""
    random = np.random.default_rng(seed)
    fractions = [template.fraction for template in TEMPLATES]
    detected: list[tuple[str, float, float, tuple]] = []
    while len(detected) < count:
        template = TEMPLATES[random.choice(len(TEMPLATES), p=fractions)]
        redshift = random.uniform(0.02**1.8, 1.1**1.8) ** (1 / 1.8)
        mjd, band, flux, error = observe(template, redshift, random)
        bright_nights = mjd[flux > DETECTION * error].astype(int)
        if len(np.unique(bright_nights)) > 2:
            deviation = 0.03 * (1.0 + redshift)
            photometric = abs(redshift + deviation * random.normal())
            detected.append((template.type, photometric, deviation, (mjd, band, flux, error)))
    types, redshifts, deviations, observations = zip(*detected, strict=True)
    columns = [np.concatenate(column) for column in zip(*observations, strict=True)]
    offsets = np.cumsum([0, *(len(each[0]) for each in observations)])
    redshift_columns = np.stack([redshifts, deviations], axis=1)
    nights = group_nights(Exposures(offsets, *columns), redshift_columns)
    names = [f"generated {number}" for number in range(count)]
    return LightCurves(nights, names, list(types), random.random(count) < 0.1)


def observe(
    template: Template, redshift: float, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return time, band, flux and error of every exposure of one supernova.

    A magnitude of 27.5 is a flux of 1.
    """
    nights = clear_nights(random)
    mjd, band = np.repeat(nights, 4) + np.tile(np.arange(4) / 50, len(nights)), np.arange(4)
    band = np.tile(band, len(nights))
    is_taken = random.random(len(mjd)) > 0.1
    mjd, band = mjd[is_taken], band[is_taken]
    days = (mjd - random.uniform(10.0, 120.0)) / (1.0 + redshift)
    stretch = random.normal(1.0, 0.1)
    magnitude = template.magnitude + template.scatter * random.normal() + 1.5 * (1.0 - stretch)
    apparent = magnitude + 5 * np.log10(luminosity_distance(np.array([redshift])) * 1e5)
    light = brightness(template, days / max(stretch, 0.6), WAVELENGTHS[band] / (1.0 + redshift))
    flux = 10 ** (0.4 * (27.5 - apparent)) * light
    error = SKY_NOISE[band] * random.lognormal(0.0, 0.3, len(mjd))
    error = np.sqrt(error**2 + 0.3 * flux)  # photon noise of the supernova
    return mjd, band, flux + error * random.normal(size=len(mjd)), error


def clear_nights(random: np.random.Generator) -> Float[np.ndarray, "N"]:
    """Return the nights of a season: about 130 days, a visit every five, gaps of bad weather."""
    nights = np.cumsum(random.integers(1, 9, 40)).astype(np.float64)
    nights = nights[nights < random.uniform(100, 150)]
    for _ in range(random.integers(0, 4)):
        storm = random.uniform(0, 130)
        nights = nights[(nights < storm) | (nights > storm + random.uniform(4, 14))]
    return nights + random.uniform(0.0, 0.3, len(nights))
