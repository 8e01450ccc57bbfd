"""Calibration, compared with scikit-learn."""

import numpy as np
import pytest
from sklearn.calibration import calibration_curve

from seqmodels.diagnostics.errors.calibration import calibration


def calibrated(count):
    """Return probabilities, and labels that are drawn from them."""
    random = np.random.default_rng(0)
    probabilities = random.dirichlet([0.5, 0.5, 0.5], count)
    return probabilities, np.array([random.choice(3, p=p) for p in probabilities])


def test_calibration_agrees_with_scikit_learn():
    probabilities, labels = calibrated(400)
    correct = probabilities.argmax(axis=1) == labels
    accuracy, confidence = calibration_curve(correct, probabilities.max(axis=1), n_bins=10)
    found = calibration(probabilities, labels, bins=10)
    occupied = found.counts > 0
    np.testing.assert_allclose(found.accuracy[occupied], accuracy)
    np.testing.assert_allclose(found.confidence[occupied], confidence)
    assert found.counts.sum() == 400


def test_calibration_error_is_small_for_calibrated_and_large_for_overconfident_predictions():
    probabilities, labels = calibrated(20_000)
    assert calibration(probabilities, labels).error < 0.015
    predicted = probabilities.argmax(axis=1)
    error = calibration(np.eye(3)[predicted], labels).error
    assert error == pytest.approx((predicted != labels).mean())
