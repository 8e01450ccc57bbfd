"""Each optimizer, schedule and average against optax, and ``vmap`` over all hyperparameters."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from seqmodels.losses.classification import masked_sum
from seqmodels.train.config import FitConfig, OptimizerConfig, in_steps, training_rates
from seqmodels.train.optimizer import initial_plateau, learning_rate, optimizer, update_plateau
from seqmodels.train.state import init_state, train_chunk
from seqmodels.types import Task

PARAMS = {"w": jnp.arange(6.0).reshape(2, 3) / 5, "b": jnp.array([0.5, -1.0, 2.0])}


def rates_of(config):
    training = FitConfig(optimizer=config)
    return {name: jnp.float32(value) for name, value in training_rates(training).items()}


def gradients(count):
    random = np.random.default_rng(0)
    return [
        jax.tree.map(lambda p: jnp.asarray(random.normal(size=p.shape), jnp.float32), PARAMS)
        for _ in range(count)
    ]


def run(transform, grads):
    def step(carry, gradient):
        params, state = carry
        updates, state = transform.update(gradient, state, params)
        return (optax.apply_updates(params, updates), state), None

    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *grads)
    with jax.numpy_dtype_promotion("standard"):  # optax mixes integer counts with floats
        return jax.lax.scan(step, (PARAMS, transform.init(PARAMS)), stacked)[0]


def by_optax(name, rate, decay):
    matrices = {"w": True, "b": False}
    decayed = optax.add_decayed_weights(decay, mask=matrices)
    last = {
        "adam": [decayed, optax.adam(rate, b1=0.8, b2=0.9, eps=1e-6)],
        "adamw": [optax.adamw(rate, 0.8, 0.9, 1e-6, weight_decay=decay, mask=matrices)],
        "sgd": [decayed, optax.sgd(rate, momentum=0.7)],
        "rmsprop": [decayed, optax.rmsprop(rate, decay=0.9, eps=1e-6, momentum=0.7)],
    }[name]
    return optax.chain(optax.clip_by_global_norm(1.5), *last)


CONFIG = OptimizerConfig(
    learning_rate=0.1, clip_norm=1.5, weight_decay=0.3, b1=0.8, b2=0.9, epsilon=1e-6, momentum=0.7
)


@pytest.mark.parametrize("name", ["adam", "adamw", "sgd", "rmsprop"])
def test_rule_equals_optax(name):
    config = dataclasses.replace(CONFIG, optimizer=name)
    ours, _ = run(optimizer(config, rates_of(config), jnp.float32(0.1)), gradients(6))
    theirs, _ = run(by_optax(name, 0.1, 0.3), gradients(6))
    # float32 rounding: clipping and decay are the same operations on constants of other types
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=2e-6, atol=1e-6), ours, theirs)


@pytest.mark.parametrize("accumulate", [1, 2])
def test_weights_of_rare_features_learn_by_sgd_without_decay(accumulate):
    config = dataclasses.replace(CONFIG, clip_norm=1e9, accumulate=accumulate)
    rates = rates_of(config) | {"sparse_rate": jnp.float32(0.5)}
    ours = optimizer(config, rates, jnp.float32(0.05))  # at half the learning rate
    alone = dataclasses.replace(config, accumulate=1)
    dense = optimizer(alone, rates_of(alone), jnp.float32(0.05))
    grads = gradients(4)
    both = {"bag": {"sparse": PARAMS["w"]}, "rest": PARAMS}
    state = ours.init(both)
    update = jax.jit(ours.update)
    for gradient in grads:
        for _ in range(accumulate):
            nested = {"bag": {"sparse": gradient["w"]}, "rest": gradient}
            updates, state = update(nested, state, both)
            both = optax.apply_updates(both, updates)
    sgd, _ = run(optax.sgd(0.25, momentum=0.7), grads)
    rest, _ = run(dense, grads)
    np.testing.assert_allclose(both["bag"]["sparse"], sgd["w"], rtol=1e-5, atol=1e-6)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5), both["rest"], rest)


def test_the_recorded_norm_is_that_before_clipping():
    gradient = gradients(1)
    _, state = run(optimizer(CONFIG, rates_of(CONFIG), jnp.float32(0.1)), gradient)
    squares = [np.sum(np.square(np.float64(leaf))) for leaf in jax.tree.leaves(gradient)]
    norm = optax.tree.get(state, "gradient_norm")
    np.testing.assert_allclose(norm, np.sqrt(sum(squares)), rtol=1e-6)
    assert norm > 1.5


def test_accumulated_gradients_equal_their_mean():
    config = dataclasses.replace(CONFIG, accumulate=3)
    grads = gradients(6)
    means = [jax.tree.map(lambda *g: sum(g) / 3.0, *grads[i : i + 3]) for i in (0, 3)]
    ours, state = run(optimizer(config, rates_of(config), jnp.float32(0.1)), grads)
    theirs, _ = run(optimizer(CONFIG, rates_of(CONFIG), jnp.float32(0.1)), means)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6), ours, theirs)
    norm = optax.tree.get(state, "gradient_norm")
    np.testing.assert_allclose(norm, optax.tree.norm(means[1]), rtol=1e-5)


@pytest.mark.parametrize(
    ("changes", "schedule"),
    [
        ({}, optax.constant_schedule(0.2)),
        (
            {"schedule": "cosine", "final_scale": 0.1, "decay_steps": 40},
            optax.cosine_decay_schedule(0.2, 40, alpha=0.1),
        ),
        (
            {"schedule": "exponential", "decay_rate": 0.05, "decay_steps": 40},
            optax.exponential_decay(0.2, 40, 0.05, end_value=0.2 * 0.05),
        ),
    ],
)
@pytest.mark.parametrize("warmup", [0, 8])
def test_schedule_equals_optax(changes, schedule, warmup):
    changes = {**changes, "learning_rate": 0.2, "warmup_steps": warmup}
    changes["decay_steps"] = changes.get("decay_steps", 1) + warmup
    config = OptimizerConfig(
        **{k: v if isinstance(v, str) else float(v) for k, v in changes.items()}
    )
    steps, one = jnp.arange(60), jnp.ones(())
    ours = jax.vmap(lambda step: learning_rate(config, rates_of(config), step, one))(steps)
    with jax.numpy_dtype_promotion("standard"):  # optax mixes integer steps with floats
        late = jax.vmap(schedule)(jnp.maximum(steps - warmup, 0))
    rise = np.minimum(1, (np.arange(60) + 1) / max(warmup, 1))
    np.testing.assert_allclose(ours, late * rise, rtol=1e-5, atol=1e-7)


def test_the_staircase_of_zaremba_is_constant_for_four_epochs_and_then_halves():
    """``lr_decay ** max(i + 1 - max_epoch, 0)`` for epoch i, from 0, with max_epoch = 4."""
    epochs, epoch = 13, 7
    stairs = OptimizerConfig(
        learning_rate=1.0, schedule="staircase", decay_rate=0.5, hold_steps=4.0, decay_steps=1.0
    )
    config = in_steps(FitConfig(epochs=epochs, optimizer=stairs), epoch)
    assert (config.steps, config.evaluate_every, config.epochs) == (91, 7, 0)
    assert in_steps(config, epoch) == config  # a resumed run already counts in steps
    steps, rates = jnp.arange(config.steps), rates_of(config.optimizer)
    ours = jax.vmap(lambda step: learning_rate(config.optimizer, rates, step, jnp.ones(())))(steps)
    theirs = [0.5 ** max(i + 1 - 4, 0.0) for i in range(epochs)]
    np.testing.assert_array_equal(ours, np.repeat(np.float32(theirs), epoch))
    by_optax = optax.exponential_decay(1.0, epoch, 0.5, 3 * epoch, staircase=True)
    np.testing.assert_allclose(ours, jax.vmap(by_optax)(steps))


def test_plateau_equals_optax():
    config = OptimizerConfig(schedule="plateau", decay_rate=0.5, plateau_patience=2.0)
    values = [3.0, 2.0, 2.5, 2.1, 2.2, 2.3, 1.0, 1.5, 1.5, 1.5]
    theirs = optax.contrib.reduce_on_plateau(factor=0.5, patience=2, rtol=0.0, atol=1e-12)
    ours, state = initial_plateau(), theirs.init(jnp.zeros(()))
    watch, update = jax.jit(update_plateau), jax.jit(theirs.update)
    with jax.numpy_dtype_promotion("standard"):
        for value in jnp.float32(jnp.array(values)):
            ours = watch(ours, rates_of(config), value)
            _, state = update(jnp.zeros(()), state, value=value)
            assert float(ours.scale) == float(state.scale)
    assert float(ours.scale) == 0.125
    rate = learning_rate(config, rates_of(config), jnp.int32(0), ours.scale)
    np.testing.assert_allclose(rate, 1e-3 * 0.125)


def quadratic():
    def loss(params, rates, memory, batch, key):
        error = batch["x"] @ params["w"] + params["b"] - batch["y"]
        error += rates["noise"] * jax.random.normal(key, error.shape)
        return jnp.mean(error**2), (memory, {"error": masked_sum(error**2)})

    def init(key):
        return {"w": jax.random.normal(key, (2, 3)), "b": jnp.zeros((1, 3))}

    return Task(init, loss, lambda *arguments: arguments)


def make_batches(count):
    random = np.random.default_rng(1)
    return {
        "x": random.normal(size=(count, 5, 2)).astype(np.float32),
        "y": random.normal(size=(count, 5, 3)).astype(np.float32),
    }


@pytest.mark.parametrize(
    ("name", "schedule"),
    [
        ("adamw", "cosine"),
        ("rmsprop", "plateau"),
        pytest.param("adam", "constant", marks=pytest.mark.exhaustive),
        pytest.param("sgd", "exponential", marks=pytest.mark.exhaustive),
    ],
)
def test_vmap_over_all_rates_is_one_program_and_equals_separate_runs(name, schedule):
    config = OptimizerConfig(optimizer=name, schedule=schedule, average="ema", accumulate=2)
    base = {**rates_of(config), "decay_steps": jnp.float32(12), "noise": jnp.float32(0.1)}
    random = np.random.default_rng(2)
    factors = {field: jnp.asarray(random.uniform(0.5, 0.99, 3), jnp.float32) for field in base}
    population = {field: base[field] * factors[field] for field in base}
    keys = jax.random.split(jax.random.key(0), 3)
    data = make_batches(8)
    first = jax.tree.map(lambda leaf: leaf[0], data)
    task, traces = quadratic(), []

    def train(values, key):
        traces.append(name)
        state = init_state(task, config, values, key, first)
        return train_chunk(task, config)(state, data)

    together = jax.jit(jax.vmap(train))
    states, output = together(population, keys)
    other, _ = together(jax.tree.map(lambda x: x * 0.9, population), keys)
    assert len(traces) == 1, "other hyperparameters must not compile again"
    assert not np.allclose(states.params["w"], other.params["w"])
    alone = jax.jit(train)
    for member in range(3):
        values = jax.tree.map(lambda x: x[member], population)  # noqa: B023
        state, own = alone(values, keys[member])
        pairs = (states.params, state.params), (states.average, state.average), (output, own)
        for many, one in pairs:
            jax.tree.map(
                lambda a, b: np.testing.assert_allclose(a[member], b, rtol=2e-4, atol=1e-5),  # noqa: B023
                many,
                one,
            )


@pytest.mark.parametrize(("average", "start"), [("uniform", 3.0), ("ema", 0.0)])
def test_average_is_first_the_mean_and_then_exponential(average, start):
    config = OptimizerConfig(average=average, average_start=start, average_decay=0.75)
    task, data = quadratic(), make_batches(9)
    values = {**rates_of(config), "noise": jnp.float32(0)}
    first = jax.tree.map(lambda leaf: leaf[0], data)
    state = init_state(task, config, values, jax.random.key(0), first)
    expected = np.zeros((2, 3))
    train = jax.jit(train_chunk(task, config))
    for step in range(9):
        batch = {name: leaf[step : step + 1] for name, leaf in data.items()}
        state, _ = train(state, batch)
        count = max(step - start, 0) + 1
        rate = 1 / count if average == "uniform" else max(0.25, 1 / count)
        expected = expected + rate * (np.float64(state.params["w"]) - expected)
    np.testing.assert_allclose(state.average["w"], expected, rtol=1e-5)
