"""What several hosts make of a batch is, side by side, the batch that one would make."""

import jax
import numpy as np
import pytest

from experiments.long_memory.problems import problem_batches
from seqmodels.data.augmentation import changes, noise
from seqmodels.data.batching import example_batches
from seqmodels.data.ragged import ragged
from seqmodels.data.streams import evaluation_windows, training_windows
from seqmodels.train.examples import augmented

TOKENS = np.arange(100, dtype=np.int32)
RANDOM = np.random.default_rng(0)
SERIES = {
    "x": ragged([RANDOM.normal(size=(n % 5 + 1, 2)).astype(np.float32) for n in range(20)]),
    "label": np.arange(20),
}
EXAMPLES = example_batches(SERIES, 6, buckets=2, seed=1)
BATCHES = {
    "training text": training_windows(TOKENS, 4, 5, seed=1),
    "evaluation text": evaluation_windows(TOKENS, 4, 5),
    "examples": EXAMPLES,
    "changed examples": augmented(EXAMPLES, changes(noise(1.0)), seed=2),
    "made-up problems": problem_batches("adding", 8, 4, 3, (0, 1)),
}


@pytest.mark.parametrize("name", BATCHES)
def test_shares_make_up_the_batch(name):
    batches = BATCHES[name]
    for step in range(batches.steps_per_epoch + 1):
        whole, rows = batches(step), batches.rows(step)
        shares = [batches(step, slice(*bounds)) for bounds in ((0, rows // 2), (rows // 2, rows))]
        axes = jax.tree.leaves(jax.tree.broadcast(batches.batch_axis, whole))
        parts = zip(*map(jax.tree.leaves, shares), strict=True)
        for leaf, axis, part in zip(jax.tree.leaves(whole), axes, parts, strict=True):
            assert leaf.shape[axis] == rows
            np.testing.assert_array_equal(np.concatenate(part, axis=axis), leaf)
