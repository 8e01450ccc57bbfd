"""A member of a vmapped population is the run that it would be alone, for every kind of model."""

from dataclasses import replace
from importlib import import_module

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seqmodels.train.feed import stack
from seqmodels.train.population import init_population, over, population_chunk
from seqmodels.train.state import init_state, train_chunk

# One experiment for each kind of model; what they change in the smoke test's config.
SMALL: dict[str, dict] = {
    "char_generation": {"layers": 1},
    "next_word": {},
    "long_memory": {},
    "series": {"bidirectional": False, "layers": 1},
    "categories": {},
    "translation": {"pairs": 100},
}


@pytest.fixture(params=SMALL)
def parts(request):
    """An experiment's task, smoke config, numbers of two members, and one batch."""
    experiment = import_module(f"experiments.{request.param}").EXPERIMENT
    config = replace(experiment.config(), **experiment.smoke | SMALL[request.param])
    data = experiment.data(config, None)
    task = experiment.task(config, data.extras)
    numbers = {name: jnp.full(2, x, jnp.float32) for name, x in experiment.numbers(config).items()}
    numbers["learning_rate"] *= jnp.array([1.0, 0.3])
    return task, config, numbers, data.train(0)


def test_a_member_is_the_run_it_would_be_alone(parts):
    task, config, numbers, batch = parts
    chunk = stack([batch, batch])
    keys = jax.random.split(jax.random.key(0))

    @jax.jit
    def together(numbers, keys, chunk):
        population = init_population(task, config, numbers, keys, batch)
        return population_chunk(task, config, over(2))(population, None, chunk)

    @jax.jit
    def alone(numbers, key, chunk):
        return train_chunk(task, config)(init_state(task, config, numbers, key, batch), chunk)

    _, many = together(numbers, keys, chunk)
    own = {name: values[1] for name, values in numbers.items()}
    _, one = alone(own, keys[1], chunk)
    for name in ("loss", "gradient_norm", "learning_rate"):
        assert one[name].shape == (2,)
        np.testing.assert_allclose(many[name][1], one[name], rtol=2e-4)
    assert not np.allclose(many["loss"][0], many["loss"][1], rtol=1e-6)
