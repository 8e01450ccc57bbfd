import jax
import jax.numpy as jnp
import numpy as np

from seqmodels.models.classification.features import feature_classifier


def test_logits_are_those_of_an_mlp_over_the_static_features():
    model = feature_classifier((3, 4, 2))
    params = model.init(jax.random.key(0))
    static = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    logits = jax.jit(model.apply)(params, {"static": static})
    assert logits.shape == (5, 2)
    zero = model.apply(jax.tree.map(jnp.zeros_like, params), {"static": static})
    np.testing.assert_array_equal(zero, np.zeros((5, 2)))
