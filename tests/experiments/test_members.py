"""Under ``vmap`` a member's loss and gradient are its own, for every kind of model.

That training on from there is the same too is shown for the toy in tests/train/test_sweep.py.
"""

from dataclasses import replace
from importlib import import_module

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from experiments.translation.bilingual import grammar as bilingual

# One experiment for each kind of model; what they change in the smoke test's config.
SMALL: dict[str, dict] = {
    "char_generation": {"layers": 1, "data": __file__},
    "next_word": {"data": __file__},
    "long_memory": {},
    "series": {"bidirectional": False, "layers": 1},
    "categories": {},
    "translation": {"buckets": 1},
}


@pytest.fixture(params=SMALL)
def parts(request, monkeypatch):
    """An experiment's task, the numbers of two members, and a batch."""
    few = bilingual.made_up_pairs(40, 2, 2)
    monkeypatch.setattr(bilingual, "made_up_pairs", lambda pairs: few)
    experiment = import_module(f"experiments.{request.param}.experiment").EXPERIMENT
    config = replace(experiment.config(), **experiment.smoke | SMALL[request.param])
    data = experiment.data(config, None)
    shares = jnp.array([1.0, 0.5])
    numbers = {name: jnp.float32(x) * shares for name, x in experiment.numbers(config).items()}
    return experiment.task(config, data.extras), numbers, data.train(0)


def test_a_member_is_the_run_it_would_be_alone(parts):
    task, numbers, batch = parts

    def member(numbers, key, batch):
        params = task.init(key)
        gradient = jax.value_and_grad(task.loss, has_aux=True)
        (loss, _), grads = gradient(params, numbers, task.memory(params, batch), batch, key)
        return loss, optax.tree.norm(grads)

    keys = jax.random.split(jax.random.key(0))
    together = jax.jit(jax.vmap(member, in_axes=(0, 0, None)))(numbers, keys, batch)
    alone = jax.jit(member)({name: x[1] for name, x in numbers.items()}, keys[1], batch)
    for many, one in zip(together, alone, strict=True):
        np.testing.assert_allclose(many[1], one, rtol=2e-5)
        assert many[0] != many[1]
