"""Random changes to normalized handwriting, which leave its text unchanged."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from seqmodels.data.augmentation import Augmentation
from seqmodels.data.handwriting import rebuild_inputs
from seqmodels.data.ragged import Ragged
from seqmodels.data.strokes.features import STEP, ink_features
from seqmodels.data.strokes.strokes import Ink, InkSet, join, split_items

WAVES = 2  # of each warp


@dataclass(frozen=True)
class Distortion:
    """Largest random changes; each is uniform between its negative and itself.

    slant:    tangent of the shear
    rotation: angle in radians
    aspect:   logarithm of the width
    size:     logarithm of the height and the width
    warp:     amplitude of smooth displacements, in heights
    jitter:   displacement of each point, in heights
    """

    slant: float = 0.3
    rotation: float = 0.1
    aspect: float = 0.2
    size: float = 0.1
    warp: float = 0.06
    jitter: float = 0.0


def ink_augmentation(
    inks: Sequence[Ink], distortion: Distortion | None = None, step: float = STEP
) -> Augmentation:
    """Return an augmentation that replaces ``x`` by the features of distorted ink.

    inks: normalized ink of all training examples, in their order
    step: length of a step, as in ``ink_steps``
    """

    def rebuild(rows: np.ndarray, random: np.random.Generator, length: int) -> Ragged:
        distorted = distort(join([inks[row] for row in rows]), distortion or Distortion(), random)
        return ink_features(split_items(distorted), step, np.full(len(rows), length))

    return rebuild_inputs(rebuild)


def distort(inks: InkSet, distortion: Distortion, random: np.random.Generator) -> InkSet:
    """Return ink with a random slant, rotation, aspect, size and warp of each item."""
    counts = np.diff(inks.offsets)
    transform = _random_affine(distortion, random, len(counts))
    points = inks.ink.points.astype(np.float32)
    moved = np.einsum("nij,nj->ni", np.repeat(transform, counts, axis=0), points)
    moved += distortion.warp * _waves(points[:, 0], counts, random)
    moved += random.uniform(-1, 1, points.shape) * distortion.jitter
    return inks._replace(ink=inks.ink._replace(points=moved.astype(np.float32)))


def _random_affine(
    distortion: Distortion, random: np.random.Generator, items: int
) -> Float[np.ndarray, "items 2 2"]:
    """Return rotation @ shear @ scale for each item."""
    slant, rotation, aspect, size = random.uniform(-1, 1, (4, items)) * np.array(
        [[distortion.slant], [distortion.rotation], [distortion.aspect], [distortion.size]]
    )
    c, s, one, zero = np.cos(rotation), np.sin(rotation), np.ones(items), np.zeros(items)
    rotate = np.array([[c, -s], [s, c]])
    shear = np.array([[one, slant], [zero, one]])
    scale = np.array([[np.exp(aspect), zero], [zero, one]]) * np.exp(size)
    return np.einsum("ijn,jkn,kln->nil", rotate, shear, scale)


def _waves(
    x: Float[np.ndarray, "N"], counts: np.ndarray, random: np.random.Generator
) -> Float[np.ndarray, "N 2"]:
    """Return smooth functions of x between -1 and 1, with periods of one to four heights."""
    shape = (len(counts), 2, WAVES)
    frequency = np.repeat(2 * np.pi * random.uniform(0.25, 1.0, shape), counts, axis=0)
    phase = np.repeat(random.uniform(0, 2 * np.pi, shape), counts, axis=0)
    return np.sin(frequency * x[:, None, None] + phase).mean(axis=-1)
