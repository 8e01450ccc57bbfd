"""The bundled experiments share their batches among devices, and lose the same as on one."""

from dataclasses import replace
from importlib import import_module

import jax
import numpy as np
import pytest
from few_devices import pretend

from experiments.translation.bilingual import grammar as bilingual
from seqmodels.train.fit import fit

SMALL: dict[str, dict] = {
    "char_generation": {"layers": 1, "data": __file__, "batch_size": 8, "hidden": 8},
    "translation": {"buckets": 1, "batch_size": 8, "hidden": 8, "embedding": 8},
}
STEPS = {"steps": 4, "evaluate_every": 4, "dispatch": 2}


@pytest.mark.parametrize("name", SMALL)
def test_eight_devices_lose_what_one_does(name, monkeypatch):
    few = bilingual.made_up_pairs(40, 8, 8)
    monkeypatch.setattr(bilingual, "made_up_pairs", lambda pairs: few)
    experiment = import_module(f"experiments.{name}.experiment").EXPERIMENT
    config = replace(experiment.config(), **experiment.smoke | SMALL[name] | STEPS)
    data, found = experiment.data(config, None), {}
    task, numbers = experiment.task(config, data.extras), experiment.numbers(config)
    for count in (1, 8):
        pretend(monkeypatch, count)
        options = {"dev": data.dev, "metric": experiment.metric, "numbers": numbers}
        fitted = fit(task, data.train, config, **options)
        leaves = jax.tree.leaves(fitted.state.params)
        assert {len(leaf.sharding.device_set) for leaf in leaves} == {count}
        found[count] = [record[experiment.metric.name] for record in fitted.records]
        assert len(found[count]) == 3
    # rounding: a sum over rows is a sum of each device's sum
    np.testing.assert_allclose(found[8], found[1], rtol=1e-5)
