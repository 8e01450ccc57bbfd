"""Series as the fields of a classifier."""

import numpy as np
import pytest

from experiments.series.features import (
    join_steps,
    series_features,
    series_fields,
    series_metadata,
)
from experiments.series.ts_files import Series
from seqmodels.errors import UserError


def test_series_are_standardized_by_the_training_series():
    random = np.random.default_rng(0)
    train = [
        Series(random.normal([2, -3], [5, 0.1], (length, 2)).astype(np.float32), label)
        for length, label in ((30, "b"), (40, "a"))
    ]
    metadata = series_metadata(train, patch=1)
    together = np.concatenate([series_features(series.values, metadata) for series in train])
    np.testing.assert_allclose(together.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(together.std(axis=0), 1, atol=1e-4)
    fields = series_fields(train, metadata)
    np.testing.assert_array_equal(fields["label"], [1, 0])
    np.testing.assert_array_equal(fields["x"].lengths, [30, 40])
    with pytest.raises(UserError, match="of 1 variables; the run was trained on 2"):
        series_fields([Series(np.ones((3, 1), np.float32), "a")], metadata)
    with pytest.raises(UserError, match="the class 'c' does not occur in the training examples"):
        series_fields([Series(np.ones((3, 2), np.float32), "c")], metadata)


def test_squashing_reduces_the_difference_of_amplitudes():
    wave = np.sin(np.arange(50.0))[:, None].astype(np.float32)
    train = [Series(scale * wave, "a") for scale in (1e-3, 1.0, 1e3)]
    plain, squashed = (
        [series_features(s.values, series_metadata(train, 1, squash)).std() for s in train]
        for squash in (False, True)
    )
    assert plain[0] < 1e-5 * plain[2]
    unit = wave.std(dtype=np.float64)
    expected = [np.log(x + np.sqrt(x**2 + 1)).std() for x in (wave / unit, 1e3 * wave / unit)]
    assert squashed[2] / squashed[1] == pytest.approx(expected[1] / expected[0], rel=1e-4)


def test_a_patch_concatenates_steps():
    values = np.arange(10.0).reshape(5, 2)
    np.testing.assert_array_equal(join_steps(values, 2), [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 8, 9]])
    np.testing.assert_array_equal(join_steps(values, 1), values)
