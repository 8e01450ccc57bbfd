"""Error measures of predictions."""

import numpy as np
import pytest

from seqmodels.diagnostics.errors.predictions import Predictions


def test_macro_f1_weighs_classes_equally():
    """Four labels a, two b, one of them found; c is never a label: (8/9 + 2/3) / 2."""
    labels, predicted = np.array([0, 0, 0, 0, 1, 1]), np.array([0, 0, 0, 0, 0, 1])
    predictions = Predictions(np.eye(3)[predicted], labels)
    assert predictions.macro_f1 == pytest.approx((8 / 9 + 2 / 3) / 2)
    assert predictions.majority_error == pytest.approx(1 / 3)
    assert Predictions(np.eye(3)[labels], labels).macro_f1 == 1.0
