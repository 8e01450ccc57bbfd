"""Answers to light curves so many days after detection."""

import jax.numpy as jnp
import numpy as np
import pytest

from experiments.supernovae.early import early_scores
from experiments.supernovae.files import DAY, ERROR, FLUX, curve_fields
from experiments.supernovae.simulate import simulated
from seqmodels.data.batching import example_batches
from seqmodels.models.classification.classifier import Classifier, time_first

CLASSES = ["II", "Ibc", "Ia"]


def brightest(params, fields, key=None):
    """The brighter the brightest night, the more an Ia; the rest are Ibc."""
    xs, _ = time_first(fields["x"])
    flux = xs[..., FLUX].max(axis=(0, 2))
    return jnp.stack([jnp.zeros_like(flux), jnp.ones_like(flux), jnp.log1p(flux) - 2.0], axis=1)


def by_hand(curves, days):
    """The same scores with a loop over curves and, for the area, over pairs of them."""
    right, pure, chances = [], [], []
    for row, kind in enumerate(curves.kinds):
        nights = curves.one(row)
        with np.errstate(divide="ignore", invalid="ignore"):
            bright = (nights[:, FLUX] / nights[:, ERROR] > 5).any(axis=1)
        kept = nights[nights[:, DAY] <= nights[bright.argmax(), DAY] + np.float32(days)]
        logits = np.array([0.0, 1.0, np.log1p(max(0.0, kept[:, FLUX].max())) - 2.0])
        chance = np.exp(logits) / np.exp(logits).sum()
        right.append(CLASSES[chance.argmax()] == kind)
        pure.append((chance[2] > 0.5) == (kind == "Ia"))
        chances.append(chance[2])
    yes = [c for c, kind in zip(chances, curves.kinds, strict=True) if kind == "Ia"]
    no = [c for c, kind in zip(chances, curves.kinds, strict=True) if kind != "Ia"]
    area = np.mean([(a > b) + 0.5 * (a == b) for a in yes for b in no])
    return np.mean(right), np.mean(pure), area


@pytest.mark.parametrize("days", [0.0, 15.0, float("inf")])
def test_scores_agree_with_a_loop(days):
    curves = simulated(60)
    batches = example_batches(curve_fields(curves, CLASSES), 16, buckets=2)
    found = early_scores(Classifier(lambda key: {}, brightest), {}, batches, days)
    np.testing.assert_allclose(found, by_hand(curves, days), rtol=1e-5)
