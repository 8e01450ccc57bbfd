"""Training: chunks equal single steps, resuming is exact, divergence and stalls end a run."""

import dataclasses
import os
import signal
import time
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from toy_experiment import EXPERIMENT, configure

from seqmodels.data.batching import Batches
from seqmodels.errors import UserError
from seqmodels.losses.classification import masked_sum
from seqmodels.train.config import FitConfig, Metric, training_rates
from seqmodels.train.evaluator import Evaluator
from seqmodels.train.fit import TrainingDiverged, fit, resume, start
from seqmodels.train.interrupt import Interrupted
from seqmodels.train.program import Program
from seqmodels.train.runs.checkpoint import Checkpoints
from seqmodels.train.state import evaluation_params, train_chunk
from seqmodels.types import Task, Total

ERROR = Metric("error")


class Parts(NamedTuple):
    task: Task
    batches: Batches
    config: FitConfig
    rates: dict[str, float]


def parts(**values):
    config = configure(**values)
    data = EXPERIMENT.data(config, None)
    task = EXPERIMENT.task(config, data.metadata)
    return Parts(task, data.train, config.training, EXPERIMENT.initial_rates(config))


def assert_same(one, other):
    def same(a, b):
        if jnp.issubdtype(a.dtype, jax.dtypes.prng_key):
            a, b = jax.random.key_data(a), jax.random.key_data(b)
        np.testing.assert_array_equal(a, b)

    jax.tree.map(same, one, other)


def test_chunks_equal_a_handwritten_loop():
    task, batches, config, rates = parts(steps=8, dispatch=5, optimizer="adam", clip_norm=0.5)
    result = fit(task, batches, config, rates=rates)
    values = {name: jnp.float32(x) for name, x in rates.items()}
    state = start(task, batches, config, rates)
    params, memory = state.params, state.memory
    transform = optax.chain(optax.clip_by_global_norm(0.5), optax.adam(1e-3))
    moments, sums = transform.init(params), []

    @jax.jit
    def step(params, moments, memory, batch, key):
        gradient = jax.grad(task.loss, has_aux=True)
        grads, (memory, metrics) = gradient(params, values, memory, batch, key)
        with jax.numpy_dtype_promotion("standard"):
            updates, moments = transform.update(grads, moments, params)
        return optax.apply_updates(params, updates), moments, memory, metrics

    for number in range(8):
        key = jax.random.fold_in(state.key, number)
        params, moments, memory, metrics = step(params, moments, memory, batches(number), key)
        sums.append(np.float64(metrics["error"].sum))
    close = {"rtol": 1e-5, "atol": 1e-6}  # rounding: one scan against separately compiled steps
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, **close), result.state.params, params
    )
    np.testing.assert_allclose(result.state.memory, memory, **close)
    assert [record["step"] for record in result.records] == [5, 8]
    np.testing.assert_allclose(result.records[0]["error"], sum(sums[:5]) / 20, rtol=1e-5)


def test_resuming_equals_the_uninterrupted_run_bit_for_bit(tmp_path):
    values = {"schedule": "plateau", "average": "ema", "accumulate": 2, "optimizer": "rmsprop"}
    task, batches, config, rates = parts(**values)
    options = {"dev": batches, "metric": ERROR, "rates": rates}
    whole = fit(task, batches, config, **options)
    checkpoints = Checkpoints(tmp_path)

    def interrupt(record):
        if record["step"] == 35:
            os.kill(os.getpid(), signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(Interrupted) as stop:
        fit(task, batches, config, **options, checkpoints=checkpoints, logs=[interrupt])
    assert (stop.value.signal, stop.value.step) == (signal.SIGTERM, 35)
    assert signal.getsignal(signal.SIGTERM) is before
    state = resume(task, batches, config, checkpoints, rates)
    assert int(state.step) == 35
    resumed = fit(task, batches, config, **options, state=state)
    assert_same(resumed.state, whole.state)
    tail = [record["step"] for record in whole.records if record["step"] > 35]
    assert [record["step"] for record in resumed.records] == tail


def test_evaluation_is_exact_over_batches_of_different_sizes():
    sizes = (3, 3, 5, 2)

    def measure(params, rates, memory, batch):
        return memory + 1.0, {"mean": masked_sum(batch * params)}

    def at(step, part):
        return np.random.default_rng(step).normal(size=sizes[step]).astype(np.float32)[part]

    batches = Batches(at, steps_per_epoch=4)
    task = Task(None, None, measure, lambda params, batch: jnp.zeros(batch.shape))
    record = Evaluator(task)(jnp.float32(2.0), {}, batches)
    rows = np.concatenate([batches(step) for step in range(4)]).astype(np.float64)
    np.testing.assert_allclose(record["mean"], 2 * rows.mean(), rtol=1e-6)


def test_the_default_metric_is_nats_or_the_only_metric():
    task, batches, config, rates = parts(steps=5, evaluate_every=5)
    options = {"dev": batches, "rates": rates}

    def renamed(names):
        def measure(*arguments):
            memory, metrics = task.measure(*arguments)
            total = metrics["error"]
            return memory, {name: Total(total.sum * x, total.weight) for name, x in names.items()}

        return task._replace(measure=measure)

    only = fit(task, batches, config, **options)
    assert only.records[-1]["error"] == pytest.approx(float(only.state.plateau.best))
    nats = fit(renamed({"bits": 2.0, "nats": 3.0}), batches, config, **options)
    assert nats.records[-1]["nats"] == pytest.approx(float(nats.state.plateau.best))
    assert nats.records[-1]["bits"] != nats.records[-1]["nats"]

    logged = []
    message = r"does not measure 'nats'; choose the metric from bits, error$"
    with pytest.raises(UserError, match=message):
        fit(renamed({"bits": 2.0, "error": 1.0}), batches, config, **options, logs=[logged.append])
    with pytest.raises(UserError, match="does not measure 'accuracy'; choose the metric from err"):
        fit(task, batches, config, **options, metric=Metric("accuracy"), logs=[logged.append])
    assert not logged


@pytest.mark.parametrize("saved", [True, False])
def test_divergence_names_step_rate_norm_and_last_good_checkpoint(tmp_path, saved):
    task, batches, config, rates = parts(explode=33)
    checkpoints = Checkpoints(tmp_path) if saved else None
    with pytest.raises(TrainingDiverged) as error:
        fit(task, batches, config, rates=rates, checkpoints=checkpoints)
    text = str(error.value)
    assert "at step 33: loss inf, learning rate 0.001, gradient norm" in text
    assert text.endswith(str(tmp_path / "20") if saved else "none")


def test_early_stopping_waits_for_patience():
    task, batches, config, rates = parts(learning_rate=0.0, patience=2, steps=200)
    result = fit(task, batches, config, rates=rates, dev=batches, metric=ERROR)
    assert int(result.state.step) == 60  # the first evaluation is the best, two are not better


def test_a_metric_where_higher_is_better_is_negated():
    task, batches, config, rates = parts(steps=20, evaluate_every=20)
    higher = Metric("error", lower_is_better=False)
    result = fit(task, batches, config, rates=rates, dev=batches, metric=higher)
    assert float(result.state.plateau.best) == pytest.approx(-result.records[-1]["error"])


def test_memory_is_reset_when_the_batch_shape_changes():
    task, batches, config, rates = parts(steps=10, noise=0.0)

    def at(step, part):
        rows = 4 if step < 6 else 2
        return jax.tree.map(lambda leaf: leaf[:rows], batches(step))

    result = fit(task, Batches(at, steps_per_epoch=10), config, rates=rates)
    assert result.state.memory.shape == (2,)
    assert [record["step"] for record in result.records] == [5, 6, 10]


def test_the_seed_determines_weights_and_noise():
    starts = []
    for seed in (0, 0, 1):
        task, batches, config, rates = parts(seed=seed)
        starts.append(start(task, batches, config, rates))
    assert_same(starts[0], starts[1])
    assert not np.array_equal(starts[0].params["w"], starts[2].params["w"])
    assert starts[0].key != starts[2].key


@pytest.mark.exhaustive  # distributed/test_devices.py has quicker tests
def test_eight_devices_train_like_one(tmp_path):
    task, batches, config, rates = parts(steps=10, rows=16, noise=0.0)
    one = fit(task, batches, config, rates=rates, dev=batches, metric=ERROR)
    sharded, checkpoints = dataclasses.replace(batches, batch_axis=0), Checkpoints(tmp_path)
    half = dataclasses.replace(config, steps=5)
    fit(task, sharded, half, rates=rates, checkpoints=checkpoints)
    state = resume(task, sharded, config, checkpoints, rates)
    many = fit(task, sharded, config, rates=rates, dev=sharded, metric=ERROR, state=state)
    assert len(many.state.params["w"].sharding.device_set) == 8
    np.testing.assert_allclose(many.state.params["w"], one.state.params["w"], rtol=1e-5)
    np.testing.assert_allclose(many.records[-1]["error"], one.records[-1]["error"], rtol=1e-5)


def test_a_step_costs_the_host_less_than_30_microseconds():
    task, batches, config, rates = parts(dispatch=1000)
    program = Program(train_chunk(task, config.optimizer), donate=(0,))
    batch = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (1000, *leaf.shape)), batches(0))
    state = start(task, batches, config, rates)
    times = []
    for _ in range(5):
        begin = time.thread_time()  # excludes other processes
        state, output = program(state, batch)
        jax.block_until_ready(output)
        times.append(time.thread_time() - begin)
    assert min(times) / 1000 < 30e-6, times


def test_default_rates_are_those_of_the_config():
    task, batches, config, _ = parts(steps=5)

    def loss(params, rates, *rest):  # needs no hyperparameter besides the optimizer's
        return task.loss(params, rates | {"noise": 0.0}, *rest)

    state = start(task._replace(loss=loss), batches, config)
    rates = {name: float(x) for name, x in state.rates.items()}
    assert rates == pytest.approx(training_rates(config))
    assert rates["decay_steps"] == 5
    assert evaluation_params(state) is state.params
