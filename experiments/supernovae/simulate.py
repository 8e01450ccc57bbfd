"""Made-up supernovae: templates by type and colour, dilated, dimmed, and seen between clouds.

    f(t, l) = a e^(-s / fall(l)) / (1 + e^(-s / rise)),    s = (t - t0) / (1 + z)

at the rest wavelength l = observed / (1 + z); Bazin et al. (2009), arXiv:0904.1066.  Type Ia is a
standard candle that shines again in the infrared; many of type II stay bright for a hundred days.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from experiments.supernovae.files import WAVELENGTHS, LightCurves, Observations, group_nights

DETECTED = 5.0  # deviations of a detection
NOISE = np.array([3.0, 3.0, 4.0, 6.0])  # deviation of the sky in each band


class Template(NamedTuple):
    """How supernovae of one kind look: magnitudes, days, and what blue light does."""

    kind: str
    share: float
    magnitude: float
    scatter: float
    rise: float
    fall: float
    blue: float  # how much faster blue light fades
    ultraviolet: float  # magnitudes lost for each 100 nm below 400 nm
    plateau: float = 0.0  # days
    bump: float = 0.0  # share of the peak that comes again in the infrared


TEMPLATES = (
    Template("Ia", 0.4, -19.3, 0.15, 4.0, 18.0, 1.0, 2.5, bump=0.35),
    Template("Ibc", 0.2, -18.0, 0.8, 4.0, 17.0, 0.6, 1.6),
    Template("II", 0.3, -17.8, 0.9, 2.5, 12.0, 0.8, 0.6, plateau=85.0),
    Template("II", 0.1, -18.6, 0.8, 5.0, 45.0, 0.4, 0.4),
)


def distance(redshift: Float[np.ndarray, "S"]) -> Float[np.ndarray, "S"]:
    """Luminosity distance in megaparsecs, of a flat universe with 30 % matter.

    d = (1 + z) c / H0 int_0^z dz' / sqrt(0.3 (1 + z')^3 + 0.7),    H0 = 70 km/s/Mpc
    """
    grid = np.linspace(0.0, 3.0, 3001)
    rate = 1.0 / np.sqrt(0.3 * (1.0 + grid) ** 3 + 0.7)
    path = np.concatenate([[0.0], np.cumsum((rate[1:] + rate[:-1]) / 2) * grid[1]])
    return (1.0 + redshift) * 299_792.458 / 70.0 * np.interp(redshift, grid, path)


def shape(
    template: Template, days: Float[np.ndarray, "N"], wavelength: Float[np.ndarray, "N"]
) -> Float[np.ndarray, "N"]:
    """Brightness at these days after the peak and these wavelengths, both at rest."""
    blue = np.clip((700.0 - wavelength) / 300.0, -0.5, 1.5)
    late = np.maximum(days - template.plateau * np.clip(1.0 - 0.6 * blue, 0.1, 1.0), 0.0)
    slow = days / 60.0 * (1.0 + blue) if template.plateau else 0.0
    fall = template.fall / (1.0 + 0.5 * template.blue * blue)
    fading = np.exp(-(late if template.plateau else days) / fall - slow)
    curve = np.minimum(fading, np.exp(3.0)) / (
        1.0 + np.exp(-np.clip(days, -99, 99) / template.rise)
    )
    infrared = template.bump * np.clip((wavelength - 550.0) / 200.0, 0.0, 1.0)
    curve = 1.6 * curve + infrared * np.exp(-(((days - 24.0) / 9.0) ** 2))
    return curve * 10 ** (-0.4 * template.ultraviolet * np.clip(400.0 - wavelength, 0, None) / 100)


def simulated(count: int = 4000, seed: int = 0) -> LightCurves:
    """So many supernovae that were detected on three nights or more."""
    random = np.random.default_rng(seed)
    shares = [template.share for template in TEMPLATES]
    found: list[tuple[str, float, float, tuple]] = []
    while len(found) < count:
        template = TEMPLATES[random.choice(len(TEMPLATES), p=shares)]
        redshift = random.uniform(0.02**1.8, 1.1**1.8) ** (1 / 1.8)
        mjd, band, flux, error = observed(template, redshift, random)
        bright = mjd[flux > DETECTED * error].astype(int)
        if len(np.unique(bright)) > 2:
            spread = 0.03 * (1.0 + redshift)
            guess = abs(redshift + spread * random.normal())
            found.append((template.kind, guess, spread, (mjd, band, flux, error)))
    kinds, guesses, spreads, seen = zip(*found, strict=True)
    columns = [np.concatenate(column) for column in zip(*seen, strict=True)]
    offsets = np.cumsum([0, *(len(each[0]) for each in seen)])
    nights = group_nights(Observations(offsets, *columns), np.stack([guesses, spreads], axis=1))
    names = [f"made-up {number}" for number in range(count)]
    return LightCurves(nights, names, list(kinds), random.random(count) < 0.1)


def observed(
    template: Template, redshift: float, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Time, band, flux (27.5 magnitudes are 1) and error of every exposure of one supernova."""
    nights = clear_nights(random)
    mjd, band = np.repeat(nights, 4) + np.tile(np.arange(4) / 50, len(nights)), np.arange(4)
    band = np.tile(band, len(nights))
    kept = random.random(len(mjd)) > 0.1
    mjd, band = mjd[kept], band[kept]
    days = (mjd - random.uniform(10.0, 120.0)) / (1.0 + redshift)
    stretch = random.normal(1.0, 0.1)
    magnitude = template.magnitude + template.scatter * random.normal() + 1.5 * (1.0 - stretch)
    faint = magnitude + 5 * np.log10(distance(np.array([redshift])) * 1e5)
    light = shape(template, days / max(stretch, 0.6), WAVELENGTHS[band] / (1.0 + redshift))
    flux = 10 ** (0.4 * (27.5 - faint)) * light
    error = NOISE[band] * random.lognormal(0.0, 0.3, len(mjd))
    error = np.sqrt(error**2 + 0.3 * flux)  # photons of the supernova itself
    return mjd, band, flux + error * random.normal(size=len(mjd)), error


def clear_nights(random: np.random.Generator) -> Float[np.ndarray, "N"]:
    """A season of about 130 days, a visit every five or so, bad weather for a week or two."""
    nights = np.cumsum(random.integers(1, 9, 40)).astype(np.float64)
    nights = nights[nights < random.uniform(100, 150)]
    for _ in range(random.integers(0, 4)):
        storm = random.uniform(0, 130)
        nights = nights[(nights < storm) | (nights > storm + random.uniform(4, 14))]
    return nights + random.uniform(0.0, 0.3, len(nights))
