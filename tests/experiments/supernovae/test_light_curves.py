"""Nights and splits of light curves."""

from itertools import pairwise

import numpy as np
import pytest

from experiments.supernovae.light_curves import (
    DAY,
    ERROR,
    FLUX,
    OBSERVED,
    Exposures,
    group_nights,
    split_curves,
)
from experiments.supernovae.simulate import simulate
from seqmodels.errors import UserError


@pytest.fixture(scope="module")
def curves():
    return simulate(120)


def test_nights_agree_with_a_loop():
    random = np.random.default_rng(0)
    offsets = np.array([0, 30, 31, 60])
    mjd = np.concatenate([np.sort(random.uniform(0, 9, n)) for n in np.diff(offsets)]) + 56000
    band, flux = random.integers(0, 4, 60), random.normal(size=60)
    error = random.uniform(0.5, 2.0, 60)
    found = group_nights(Exposures(offsets, mjd, band, flux, error), np.zeros((3, 2)))
    for number, (begin, end) in enumerate(pairwise(offsets)):
        nights: list[list[int]] = []
        for row in range(begin, end):
            if nights and mjd[row] - mjd[nights[-1][-1]] <= 0.5:
                nights[-1].append(row)
            else:
                nights.append([row])
        curve = found.values[found.offsets[number] : found.offsets[number + 1]]
        assert len(curve) == len(nights)
        for values, rows in zip(curve, nights, strict=True):
            assert values[DAY] == pytest.approx(mjd[rows[0]] - mjd[begin], abs=1e-3)
            for b in range(4):
                of_band = [row for row in rows if band[row] == b]
                assert values[OBSERVED][b] == bool(of_band)
                if of_band:
                    weights = error[of_band] ** -2
                    assert values[FLUX][b] == pytest.approx(
                        np.average(flux[of_band], weights=weights), rel=1e-4
                    )
                    assert values[ERROR][b] == pytest.approx(weights.sum() ** -0.5, rel=1e-4)


def test_a_random_share_is_for_training_and_the_rest_is_test(curves):
    parts = split_curves(curves, 0.5, 0.1, seed=1)
    assert [len(part.names) for part in parts] == [54, 6, 60]
    assert {name for part in parts for name in part.names} == set(curves.names)
    row = curves.names.index(parts.dev.names[2])
    np.testing.assert_array_equal(parts.dev.curve(2), curves.curve(row))
    assert parts.dev.types[2] == curves.types[row]


def test_without_a_share_training_curves_are_spectroscopic(curves):
    parts = split_curves(curves, 0.0, 0.2, seed=1)
    assert parts.train.spectroscopic.all()
    assert parts.dev.spectroscopic.all()
    assert not parts.test.spectroscopic.any()


def test_splits_that_leave_nothing_are_refused(curves):
    with pytest.raises(UserError, match="no light curves are left for train"):
        split_curves(curves.select(np.arange(2)), 0.5, 0.5, seed=0)
    with pytest.raises(UserError, match="no light curves are left for train"):
        split_curves(curves, 0.001, 0.1, seed=0)
    with pytest.raises(UserError, match="--split must be 0 or more, not -1"):
        split_curves(curves, 0.5, 0.1, seed=-1)
