"""Bias, variance and mismatch."""

import pytest

from seqmodels.diagnostics.errors.bias_variance import bias_variance


@pytest.mark.parametrize(
    ("errors", "largest"),
    [((0.3, 0.35, 0.36), "bias"), ((0.02, 0.2, 0.21), "variance"), ((0.02, 0.05, 0.3), "mismatch")],
)
def test_the_advice_names_the_largest_part(errors, largest):
    parts = bias_variance(dict(zip(("train", "dev", "test"), errors, strict=True)), target=0.01)
    assert sum(parts) == pytest.approx(errors[2] - 0.01)
    assert parts.advice().startswith(largest)
