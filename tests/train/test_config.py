"""Composed configs: flat names, replaced values, validation."""

from dataclasses import dataclass

import pytest
from toy_experiment import Config, configure

from seqmodels.errors import UserError
from seqmodels.train.config import (
    FitConfig,
    OptimizerConfig,
    check_config,
    config_values,
    optimizer_rates,
    training_part,
    training_rates,
    with_values,
)


def test_values_are_found_and_replaced_by_name_in_any_part():
    config = with_values(Config(), {"rows": 7, "steps": 9, "momentum": 0.5})
    assert (config.rows, config.training.steps) == (7, 9)
    assert config.training.optimizer.momentum == 0.5
    values = config_values(config)
    assert values == config_values(Config()) | {"rows": 7, "steps": 9, "momentum": 0.5}
    assert with_values(Config(), values) == config
    assert not any(name in values for name in ("training", "optimizer_config"))
    assert training_part(config) is config.training
    assert training_part(config.training) is config.training


def test_an_unknown_name_is_refused():
    with pytest.raises(UserError, match="unknown setting colour, size"):
        with_values(Config(), {"size": 1, "steps": 2, "colour": 3})


def test_a_name_that_two_parts_share_is_an_error():
    @dataclass(frozen=True)
    class Twice:
        momentum: float = 0.0
        training: FitConfig = FitConfig()

    with pytest.raises(ValueError, match="two parts of Twice have a field 'momentum'"):
        config_values(Twice())


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"rows": 0}, "--rows must be 1 or more, not 0"),
        ({"evaluate_every": 0}, "--evaluate-every must be 1 or more, not 0"),
        ({"epochs": -1}, "--epochs must be 1 or more, or 0"),
        ({"average_decay": 1.0}, "--average-decay must be 0 or more and below 1, not 1.0"),
        ({"warmup_steps": float("nan")}, "--warmup-steps must be 0 or more, not nan"),
    ],
)
def test_every_part_is_validated(values, message):
    with pytest.raises(UserError, match=message):
        check_config(configure(**values))
    check_config(Config())


def test_rates_are_the_float_fields_of_the_optimizer():
    rates = optimizer_rates(OptimizerConfig(learning_rate=1.0))
    assert rates["learning_rate"] == 1.0
    assert all(isinstance(value, float) for value in rates.values())
    assert not rates.keys() & {"optimizer", "schedule", "average", "accumulate"}
    assert training_rates(FitConfig(steps=70)) == optimizer_rates(OptimizerConfig()) | {
        "decay_steps": 70.0
    }
