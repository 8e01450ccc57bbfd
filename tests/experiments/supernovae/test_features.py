"""Input features of a night."""

import jax.numpy as jnp
import numpy as np
import pytest

from experiments.supernovae.features import night_features
from experiments.supernovae.light_curves import REDSHIFT
from experiments.supernovae.simulate import simulate


@pytest.mark.parametrize("redshift", [True, False])
def test_features_are_causal_and_use_the_redshift_only_if_asked(redshift):
    nights = simulate(8).curve(0)
    features, size = night_features(redshift)
    found = features.apply({}, jnp.asarray(nights[:, None]))
    assert found.shape[-1] == size
    prefix = features.apply({}, jnp.asarray(nights[:5, None]))
    np.testing.assert_array_equal(found[:5], prefix)
    moved = nights.copy()
    moved[:, REDSHIFT:] += 0.1
    again = features.apply({}, jnp.asarray(moved[:, None]))
    assert np.array_equal(again, found) == (not redshift)
