"""The cost of padding: equal to counting the padded steps of an epoch."""

import numpy as np
import pytest

from seqmodels.data.batching import example_batches
from seqmodels.data.padding import padding
from seqmodels.data.ragged import ragged


@pytest.mark.parametrize("buckets", [1, 3])
def test_padding_equals_counting_the_masks_of_an_epoch(buckets):
    lengths = np.random.default_rng(0).geometric(0.1, 200)
    batches = example_batches({"x": ragged([np.ones(n) for n in lengths])}, 16, buckets=buckets)
    masks = [batches(step).fields["x"].mask for step in range(batches.steps_per_epoch)]
    share = 1.0 - sum(mask.sum() for mask in masks) / sum(mask.size for mask in masks)
    assert padding(batches.buckets).share == pytest.approx(share)


def test_the_excess_is_what_leaving_out_the_longest_examples_saves():
    lengths = [10] * 396 + [50] * 4

    def steps(lengths):
        batches = example_batches({"x": ragged([np.ones(n) for n in lengths])}, 40, buckets=1)
        masks = [batches(step).fields["x"].mask for step in range(batches.steps_per_epoch)]
        return batches, sum(mask.size for mask in masks)

    batches, all_steps = steps(lengths)
    cost = padding(batches.buckets)
    assert (cost.longest, cost.typical) == (50, 10)
    assert cost.excess == pytest.approx(1.0 - steps(np.minimum(lengths, 10))[1] / all_steps)
