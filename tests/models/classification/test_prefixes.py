"""Predictions for prefixes."""

import jax
import numpy as np

from seqmodels.models.classification.classifier import classifier
from seqmodels.models.classification.prefixes import prefix_probabilities
from seqmodels.models.recurrent import recurrent_layers


def test_each_prefix_is_classified_as_a_whole_sequence():
    model = classifier(recurrent_layers("gru", 2, 3, both_ways=True), 3, static=1, pool=("mean",))
    params = model.init(jax.random.key(0))
    sequence = np.random.default_rng(0).normal(size=(4, 2)).astype(np.float32)
    static = np.ones(1, np.float32)
    found = prefix_probabilities(model, params, sequence, static)
    apply = jax.jit(model.apply)
    for length in (2, 4):
        logits = apply(params, {"x": sequence[None, :length], "static": static[None]})
        np.testing.assert_allclose(found[length - 1], jax.nn.softmax(logits[0]), rtol=1e-5)
