"""Advice: many programs, padding, and the flags that reduce them, if the experiment has them."""

from dataclasses import dataclass

import numpy as np
import pytest

from seqmodels.commands.advice import cost_advice
from seqmodels.data.ragged import ragged
from seqmodels.data.splits import Splits
from seqmodels.train.config import FitConfig, with_values
from seqmodels.train.examples import example_data


@dataclass(frozen=True)
class Bucketed:
    """A config with buckets."""

    buckets: int = 3
    training: FitConfig = FitConfig(batch_size=8, steps=60, evaluate_every=20, dispatch=5)


@dataclass(frozen=True)
class Fixed:
    """A config without buckets."""

    training: FitConfig = FitConfig(batch_size=8, steps=60, evaluate_every=20, dispatch=5)


def advice(config, lengths, buckets=3):
    part = {"x": ragged([np.ones(n) for n in lengths]), "label": np.zeros(len(lengths), int)}
    data = example_data(
        Splits(part, part, part), config.training, name="", unit="", metadata={},
        buckets=buckets,
    )  # fmt: skip
    return dict(cost_advice(config, data))


def test_many_programs_are_counted_and_the_flags_that_reduce_them_are_named():
    lengths = list(range(1, 91))
    found = advice(Bucketed(), lengths)
    assert 1 - sum(lengths) / (32 * (30 + 60 + 90)) == pytest.approx(0.289, abs=1e-3)
    assert found["padding"] == "29% of the time steps (3 lengths)"
    assert "to compile" in found["programs"]
    assert found["programs"].endswith("reduce it with fewer --buckets or --dispatch 1")
    one = with_values(Bucketed(), {"dispatch": 1})
    assert advice(one, lengths)["programs"].endswith("reduce it with fewer --buckets")
    assert "programs" not in advice(with_values(Fixed(), {"dispatch": 1}), lengths)
    assert "programs" not in advice(Bucketed(), lengths, buckets=1)


def test_long_examples_that_one_bucket_pays_for_are_reported():
    found = advice(Bucketed(), [5] * 199 + [100], buckets=1)
    assert found[""].startswith("1 % of the examples have 5 to 100 time steps and cause 95%")
    assert found[""].endswith("reduce it with a larger --buckets")
    assert advice(Bucketed(), [1] * 20) == {}
