"""Scores by days since detection, compared with a loop."""

import jax.numpy as jnp
import numpy as np
import pytest

from experiments.supernovae.early import early_scores
from experiments.supernovae.light_curves import DAY, ERROR, FLUX, curve_fields
from experiments.supernovae.simulate import simulate
from seqmodels.data.batching import example_batches
from seqmodels.models.classification.classifier import Classifier

CLASSES = ["II", "Ibc", "Ia"]


def by_brightness(params, fields, key=None):
    """Return logits that favor Ia the more, the brighter the brightest night; otherwise Ibc."""
    flux = fields["x"].values[..., FLUX].max(axis=(0, 2))
    return jnp.stack([jnp.zeros_like(flux), jnp.ones_like(flux), jnp.log1p(flux) - 2.0], axis=1)


def scores_by_loop(curves, days):
    """Return the scores from a loop over curves and, for the area, over pairs of curves."""
    correct, correct_ia, of_ia = [], [], []
    for row, label in enumerate(curves.types):
        nights = curves.curve(row)
        with np.errstate(divide="ignore", invalid="ignore"):
            is_bright = (nights[:, FLUX] / nights[:, ERROR] > 5).any(axis=1)
        end = nights[is_bright.argmax(), DAY] + np.float32(days)
        seen = nights[nights[:, DAY] <= end]
        logits = np.array([0.0, 1.0, np.log1p(max(0.0, seen[:, FLUX].max())) - 2.0])
        probabilities = np.exp(logits) / np.exp(logits).sum()
        correct.append(CLASSES[probabilities.argmax()] == label)
        correct_ia.append((probabilities[2] > 0.5) == (label == "Ia"))
        of_ia.append(probabilities[2])
    yes = [p for p, label in zip(of_ia, curves.types, strict=True) if label == "Ia"]
    no = [p for p, label in zip(of_ia, curves.types, strict=True) if label != "Ia"]
    area = np.mean([(a > b) + 0.5 * (a == b) for a in yes for b in no])
    return np.mean(correct), np.mean(correct_ia), area


@pytest.mark.parametrize("days", [0.0, 15.0, float("inf")])
def test_scores_agree_with_a_loop(days):
    curves = simulate(60)
    batches = example_batches(curve_fields(curves, CLASSES), 16, buckets=2)
    found = early_scores(Classifier(lambda key: {}, by_brightness), {}, batches, days)
    np.testing.assert_allclose(found, scores_by_loop(curves, days), rtol=1e-5)
