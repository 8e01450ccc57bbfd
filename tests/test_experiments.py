"""All experiments: configs, recipes, members of a sweep, several devices."""

import inspect
import re
import sys
from dataclasses import fields, is_dataclass
from importlib import import_module

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from experiments.__main__ import main
from experiments.results import load_experiment, names
from experiments.translation.bilingual import grammar as bilingual
from seqmodels.cli import TrainArguments, parse
from seqmodels.train.config import FitConfig, check_config, config_values, flag, with_values
from seqmodels.train.fit import fit

EXPERIMENTS = names()
each_experiment = pytest.mark.parametrize("name", EXPERIMENTS)


def parts(config):
    """Return a config and all parts that it is composed of."""
    values = [getattr(config, field.name) for field in fields(config)]
    return [config, *(part for value in values if is_dataclass(value) for part in parts(value))]


def test_there_are_twelve_experiments():
    assert len(EXPERIMENTS) == 12


@each_experiment
def test_config_is_composed_of_parts_with_unique_names(name):
    config = load_experiment(name).config()
    values = config_values(config)  # raises if two parts share a name
    assert isinstance(config.training, FitConfig)
    assert not isinstance(config, FitConfig)
    assert sum(len(fields(part)) for part in parts(config)) == len(values) + len(parts(config)) - 1
    assert with_values(config, values) == config
    check_config(config)


@each_experiment
def test_flags_are_the_names_of_the_config(name):
    experiment = load_experiment(name)
    default = experiment.config()
    changed = {name: value + 1 for name, value in config_values(default).items() if is_count(value)}
    words = [word for name, value in changed.items() for word in (flag(name), str(value))]
    parsed = parse(experiment, ["train", *words])
    assert isinstance(parsed, TrainArguments)
    assert parsed.config == with_values(default, changed)
    assert set(experiment.rates) <= config_values(default).keys()
    assert set(inspect.signature(experiment.model).parameters) == {"config", "metadata", "rates"}


def is_count(value):
    return isinstance(value, int) and not isinstance(value, bool)


@each_experiment
def test_recipes_and_smoke_settings_are_valid_flags(name):
    experiment = load_experiment(name)
    check_config(with_values(experiment.config(), experiment.smoke))
    for recipe in experiment.recipes.values():
        config = with_values(experiment.config(), recipe.flags)
        check_config(config)
        defaults = config_values(experiment.config())
        for key, value in recipe.flags.items():
            assert isinstance(value, type(defaults[key])) or defaults[key] is None, key
        for result in recipe.results:
            assert result.spread is None or result.spread >= 0
            assert result.split in ("train", "dev", "test")


def test_experiments_are_listed_one_line_each(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    assert main() == 0
    out = capsys.readouterr().out
    found = re.findall(r"^    (\w+) +(\d+) recipes? +(.+)$", out, re.MULTILINE)
    assert [name for name, *_ in found] == EXPERIMENTS
    for name, count, about in found:
        experiment = load_experiment(name)
        assert int(count) == len(experiment.recipes)
        assert experiment.about.partition("\n")[0].endswith(f": {about}")
    assert main(["sentiment"]) == 2
    assert capsys.readouterr().err == "error: use python -m experiments.sentiment\n"
    monkeypatch.setattr(sys, "argv", ["seqmodels"])
    with pytest.raises(SystemExit) as exit:
        import_module("seqmodels.__main__")
    assert exit.value.code == 0
    assert capsys.readouterr().out == out


# One experiment for each kind of model, and changes to the values of its smoke test.
SMALL: dict[str, dict] = {
    "char_generation": {"layers": 1, "data": __file__, "batch_size": 8, "hidden": 8},
    "next_word": {"data": __file__},
    "long_memory": {},
    "series": {"bidirectional": False, "layers": 1},
    "categories": {},
    "translation": {"buckets": 1, "batch_size": 8, "hidden": 8, "embedding": 8, "pairs": 40},
}


def small_config(name, **values):
    experiment = load_experiment(name)
    return experiment, with_values(experiment.config(), experiment.smoke | SMALL[name] | values)


@pytest.fixture
def few_pairs(monkeypatch):
    """Generate few dev and test pairs for translation, whose defaults take seconds."""
    pairs = bilingual.generate_pairs(40, 8, 8)
    monkeypatch.setattr(bilingual, "generate_pairs", lambda count: pairs)


@pytest.mark.usefixtures("one_device", "few_pairs")
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if name == "next_word" else pytest.mark.exhaustive)
        for name in SMALL
    ],
)
def test_a_member_of_a_population_has_the_loss_and_gradient_of_a_separate_run(name):
    """The rest of training under ``vmap`` is tested with the toy, in train/sweep/test_sweep.py."""
    experiment, config = small_config(name)
    data = experiment.data(config, None)
    task, batch = experiment.task(config, data.metadata), data.train(0)
    factors = jnp.array([1.0, 0.5])
    rates = {n: jnp.float32(x) * factors for n, x in experiment.initial_rates(config).items()}

    def member(rates, key, batch):
        params = task.init(key)
        gradient = jax.value_and_grad(task.loss, has_aux=True)
        (loss, _), grads = gradient(params, rates, task.memory(params, batch), batch, key)
        return loss, optax.tree.norm(grads)

    keys = jax.random.split(jax.random.key(0))
    together = jax.jit(jax.vmap(member, in_axes=(0, 0, None)))(rates, keys, batch)
    alone = jax.jit(member)({name: x[1] for name, x in rates.items()}, keys[1], batch)
    for many, one in zip(together, alone, strict=True):
        np.testing.assert_allclose(many[1], one, rtol=2e-5)
        assert many[0] != many[1]


@pytest.mark.usefixtures("few_pairs")
@pytest.mark.parametrize("name", SMALL)
def test_baselines_are_known_on_dev_and_test(name):
    experiment, config = small_config(name)
    baselines = experiment.data(config, None).baselines
    assert len({baseline.name for baseline in baselines}) == len(baselines) > 0
    for baseline in baselines:
        for value in (baseline.dev, baseline.test):
            assert 0 <= value <= (10 if experiment.metric.lower_is_better else 1)


@pytest.mark.usefixtures("few_pairs")
@pytest.mark.exhaustive  # train/distributed/test_devices.py tests the toy
@pytest.mark.parametrize("name", ["char_generation", "translation"])
def test_eight_devices_have_the_losses_of_one(name, only):
    experiment, config = small_config(name, steps=4, evaluate_every=4, dispatch=2)
    data, losses = experiment.data(config, None), {}
    task, rates = experiment.task(config, data.metadata), experiment.initial_rates(config)
    metric = experiment.metric
    for count in (1, 8):
        only(count)
        options = {"dev": data.dev, "metric": metric, "rates": rates}
        result = fit(task, data.train, config.training, **options)
        leaves = jax.tree.leaves(result.state.params)
        assert {len(leaf.sharding.device_set) for leaf in leaves} == {count}
        losses[count] = [record[metric.name] for record in result.records]
        assert len(losses[count]) == 3
    # rounding: each device adds up its own rows first
    np.testing.assert_allclose(losses[8], losses[1], rtol=1e-5)
