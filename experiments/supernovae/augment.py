"""Random changes to light curves in training: fewer nights, early ends, noise, larger redshifts."""

import numpy as np
from jaxtyping import Float

from experiments.supernovae.light_curves import (
    DAY,
    ERROR,
    FLUX,
    OBSERVED,
    REDSHIFT,
    WAVELENGTHS,
)
from experiments.supernovae.simulate import DETECTION, luminosity_distance
from seqmodels.data.augmentation import (
    Augmentation,
    SequenceTransform,
    gather_steps,
    sequence_augmentation,
)
from seqmodels.data.ragged import Padded

MAX_REDSHIFT = 1.2


def training_augmentation(
    farther: float, fainter: float, thin: float, beginning: float
) -> Augmentation:
    """Return those of the four augmentations that change anything, in this order."""
    transforms = [
        (farther > 0, move_farther(farther)),
        (fainter > 1, add_noise(fainter)),
        (thin > 0, drop_nights(thin)),
        (beginning < 1, end_early(beginning)),
    ]
    return sequence_augmentation(*(transform for is_active, transform in transforms if is_active))


def drop_nights(maximum: float) -> SequenceTransform:
    """Return a transform that drops nights at a rate up to ``maximum``, drawn for each curve.

    At least one night remains.
    """

    def transform(x: Padded, random: np.random.Generator) -> Padded:
        rate = random.uniform(0.0, maximum, x.mask.shape[1])
        remains = x.mask & (random.random(x.mask.shape) >= rate)
        remains = np.where(remains.any(axis=0), remains, x.mask)
        order = np.argsort(~remains, axis=0, kind="stable")
        return gather_steps(x, order, np.arange(len(remains))[:, None] < remains.sum(axis=0))

    return transform


def end_early(minimum: float) -> SequenceTransform:
    """Return a transform that truncates each curve to a fraction of ``minimum`` or more."""

    def transform(x: Padded, random: np.random.Generator) -> Padded:
        lengths = np.ceil(x.mask.sum(axis=0) * random.uniform(minimum, 1.0, x.mask.shape[1]))
        return truncate(x, np.arange(len(x.mask))[:, None] < lengths)

    return transform


def truncate(x: Padded, mask: np.ndarray) -> Padded:
    """Return the steps where both masks are True, which must be a prefix of each sequence."""
    mask = x.mask & mask
    return Padded(np.where(mask[..., None], x.values, np.zeros_like(x.values)), mask)


def end_after_detection(days: float) -> SequenceTransform:
    """Return a transform that truncates each curve this number of days after its detection.

    The detection is the first night with a signal of five standard deviations in any band.
    """

    def transform(x: Padded, random: np.random.Generator) -> Padded:
        is_bright = (signal_to_noise(x.values) > DETECTION).any(axis=-1) & x.mask
        detection = is_bright.argmax(axis=0)  # the first night if no night is bright
        day = x.values[..., DAY]
        end = np.take_along_axis(day, detection[None], axis=0) + np.float32(days)
        return truncate(x, day <= end)

    return transform


def signal_to_noise(values: Float[np.ndarray, "*B C"]) -> Float[np.ndarray, "*B 4"]:
    """Return flux divided by error, zero where a band was not observed."""
    flux = np.where(values[..., OBSERVED] > 0, values[..., FLUX], 0)
    return flux / np.maximum(values[..., ERROR], 1e-6)


def add_noise(maximum: float) -> SequenceTransform:
    """Return a transform that scales the errors of each curve by a factor up to ``maximum``.

    Noise is added to the fluxes so that they have the larger errors.
    """

    def transform(x: Padded, random: np.random.Generator) -> Padded:
        factor = random.uniform(1.0, maximum, (x.mask.shape[1], 1))
        values, error = x.values.copy(), x.values[..., ERROR]
        noise = random.standard_normal(error.shape) * np.sqrt(factor**2 - 1.0)
        values[..., FLUX] += error * noise
        values[..., ERROR] *= factor
        return Padded(values, x.mask)

    return transform


def move_farther(maximum: float) -> SequenceTransform:
    """Return a transform that moves half of the curves to larger redshifts, by up to ``maximum``.

    With r = (1 + z') / (1 + z), time is stretched by r, and light is dimmed by r (d / d')^2. A band
    has the flux that was at 1 / r of its wavelength, interpolated between the bands. The noise of
    the sky is unchanged. A curve that would not be detected is not moved.
    """

    def transform(x: Padded, random: np.random.Generator) -> Padded:
        size = x.mask.shape[1]
        near = x.values[0, :, REDSHIFT].astype(np.float64)
        increase = random.uniform(0.0, maximum, size) * (random.random(size) < 0.5)
        far = np.maximum(np.minimum(near + increase, MAX_REDSHIFT), near)
        ratio = (1.0 + far) / (1.0 + near)
        near, far = np.maximum(near, 1e-3), np.maximum(far, 1e-3)
        dimming = ratio * (luminosity_distance(near) / luminosity_distance(far)) ** 2
        values = shift_bands(x.values, ratio, dimming, random)
        values[..., DAY] *= ratio
        values[..., REDSHIFT] += far - near
        is_visible = (signal_to_noise(values) > DETECTION).any(axis=(0, 2)) & (ratio > 1.0)
        values = np.where(is_visible[:, None], values, x.values).astype(np.float32)
        return Padded(np.where(x.mask[..., None], values, x.values), x.mask)

    return transform


def shift_bands(
    values: Float[np.ndarray, "T B C"],
    ratio: Float[np.ndarray, "B"],
    dimming: Float[np.ndarray, "B"],
    random: np.random.Generator,
) -> Float[np.ndarray, "T B C"]:
    """Return dimmed fluxes from shorter wavelengths, with noise up to the original errors."""
    weights = band_weights(ratio)
    values, observed = values.copy(), values[..., OBSERVED] > 0
    flux = np.einsum("bij,tbj->tbi", weights, values[..., FLUX]) * dimming[:, None]
    variance = values[..., ERROR] ** 2
    shifted = np.einsum("bij,tbj->tbi", weights**2, variance) * dimming[:, None] ** 2
    is_known = np.all(observed[..., None, :] | (weights == 0), axis=-1) & observed
    noise = np.sqrt(np.maximum(variance - shifted, 0.0)) * random.standard_normal(flux.shape)
    error = np.sqrt(np.maximum(variance, shifted))
    values[..., FLUX] = np.where(is_known, flux + noise, 0)
    values[..., ERROR], values[..., OBSERVED] = np.where(is_known, error, 0), is_known
    return values


def band_weights(ratio: Float[np.ndarray, "B"]) -> Float[np.ndarray, "B 4 4"]:
    """Return the weights of the four bands in the flux at 1 / ratio of the wavelength of band i.

    Flux is linear in the logarithm of the wavelength between neighboring bands, and extrapolated
    from the two bluest ones.
    """
    known = np.log(WAVELENGTHS)
    wanted = known - np.log(ratio)[:, None]
    left = np.clip(np.searchsorted(known, wanted, side="right") - 1, 0, 2)
    fraction = (wanted - known[left]) / (known[left + 1] - known[left])
    right, eye = fraction[..., None], np.eye(4)
    return (1.0 - right) * eye[left] + right * eye[left + 1]
