"""The usual stack of layers: what of it dropout leaves alone."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seqmodels.models.recurrent import recurrent_layers
from seqmodels.unroll import unroll


@pytest.mark.parametrize("both_ways", [False, True])
@pytest.mark.parametrize(("layers", "measured"), [(1, True), (2, True), (1, False)])
def test_measurements_are_never_dropped(layers, measured, both_ways):
    shape = {"hidden": 3, "layers": layers, "both_ways": both_ways}
    noisy = recurrent_layers("gru", 4, **shape, drop=0.9, measured=measured)
    params = noisy.init(jax.random.key(0))
    xs = jnp.asarray(np.random.default_rng(0).normal(size=(5, 2, 4)), jnp.float32)
    plain, _ = unroll(recurrent_layers("gru", 4, **shape), params, xs)
    found, _ = unroll(noisy, params, xs, key=jax.random.key(1))
    assert np.array_equal(found, plain) == (measured and layers == 1)
