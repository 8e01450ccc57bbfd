"""Training: chunks equal single steps, stop and resume is exact, divergence and stalls end it."""

import dataclasses
import os
import signal
import time

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from toy_experiment import EXPERIMENT, Config

from seqmodels.train.config import Metric, hyper
from seqmodels.train.fit import Evaluator, TrainingDiverged, fit, resume, start
from seqmodels.train.interrupt import Interrupted
from seqmodels.train.program import Program
from seqmodels.train.runs.checkpoint import Checkpoints
from seqmodels.train.state import evaluation_params, train_chunk
from seqmodels.types import Task

ERROR = Metric("error")


def parts(**changes):
    config = Config(**changes)
    data = EXPERIMENT.data(config, None)
    return EXPERIMENT.task(config, {}), data.train, config, EXPERIMENT.numbers(config)


def assert_same(one, other):
    def same(a, b):
        if jnp.issubdtype(a.dtype, jax.dtypes.prng_key):
            a, b = jax.random.key_data(a), jax.random.key_data(b)
        np.testing.assert_array_equal(a, b)

    jax.tree.map(same, one, other)


def test_chunks_equal_a_loop_written_by_hand():
    task, batches, config, numbers = parts(steps=8, dispatch=5, optimizer="adam", clip_norm=0.5)
    fitted = fit(task, batches, config, numbers=numbers)
    values = {name: jnp.float32(x) for name, x in numbers.items()}
    state = start(task, batches, config, numbers)
    params, memory = state.params, state.memory
    transform = optax.chain(optax.clip_by_global_norm(0.5), optax.adam(1e-3))
    moments, totals = transform.init(params), []

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
        totals.append(np.float64(metrics["error"][0]))
    close = {"rtol": 1e-5, "atol": 1e-6}  # rounding: one scan against steps compiled apart
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, **close), fitted.state.params, params
    )
    np.testing.assert_allclose(fitted.state.memory, memory, **close)
    steps = [record["step"] for record in fitted.records]
    assert steps == [5, 8]
    np.testing.assert_allclose(fitted.records[0]["error"], sum(totals[:5]) / 20, rtol=1e-5)


def test_stop_and_resume_is_the_uninterrupted_run_bit_for_bit(tmp_path):
    changes = {"schedule": "plateau", "average": "ema", "accumulate": 2, "optimizer": "rmsprop"}
    task, batches, config, numbers = parts(**changes)
    options = {"dev": batches, "metric": ERROR, "numbers": numbers}
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
    state = resume(task, batches, config, checkpoints, numbers)
    assert int(state.step) == 35
    resumed = fit(task, batches, config, **options, state=state)
    assert_same(resumed.state, whole.state)
    tail = [record["step"] for record in whole.records if record["step"] > 35]
    assert [record["step"] for record in resumed.records] == tail


def test_evaluation_is_exact_over_batches_of_different_sizes():
    sizes = (3, 3, 5, 2)

    def measure(params, hyper, memory, batch):
        return memory + 1.0, {"mean": (batch.sum() * params, jnp.float32(batch.size))}

    class Rows:
        steps_per_epoch = 4

        def __call__(self, step):
            return np.random.default_rng(step).normal(size=sizes[step]).astype(np.float32)

    task = Task(None, None, measure, lambda params, batch: jnp.zeros(batch.shape))
    record = Evaluator(task)(jnp.float32(2.0), {}, Rows())
    rows = np.concatenate([Rows()(step) for step in range(4)]).astype(np.float64)
    np.testing.assert_allclose(record["mean"], 2 * rows.mean(), rtol=1e-6)


@pytest.mark.parametrize("saved", [True, False])
def test_divergence_names_step_rate_norm_and_the_last_good_checkpoint(tmp_path, saved):
    task, batches, config, numbers = parts(explode=33)
    checkpoints = Checkpoints(tmp_path) if saved else None
    with pytest.raises(TrainingDiverged) as error:
        fit(task, batches, config, numbers=numbers, checkpoints=checkpoints)
    text = str(error.value)
    assert "at step 33: loss inf, learning rate 0.001, gradient norm" in text
    assert text.endswith(str(tmp_path / "20") if saved else "none")


def test_early_stopping_waits_for_patience():
    task, batches, config, numbers = parts(learning_rate=0.0, patience=2, steps=200)
    fitted = fit(task, batches, config, numbers=numbers, dev=batches, metric=ERROR)
    assert int(fitted.state.step) == 60  # the first is the best, two more are no better


def test_higher_is_better_turns_the_sign():
    task, batches, config, numbers = parts(steps=20, evaluate_every=20)
    higher = Metric("error", lower_is_better=False)
    fitted = fit(task, batches, config, numbers=numbers, dev=batches, metric=higher)
    assert float(fitted.state.plateau.best) == pytest.approx(-fitted.records[-1]["error"])


def test_memory_starts_anew_where_the_shape_changes():
    task, batches, config, numbers = parts(steps=10, noise=0.0)

    class Ragged:
        steps_per_epoch = 10

        def __call__(self, step):
            rows = 4 if step < 6 else 2
            return jax.tree.map(lambda leaf: leaf[:rows], batches(step))

    fitted = fit(task, Ragged(), config, numbers=numbers)
    assert fitted.state.memory.shape == (2,)
    assert [record["step"] for record in fitted.records] == [5, 6, 10]


def test_seed_decides_weights_and_noise():
    starts = []
    for seed in (0, 0, 1):
        task, batches, config, numbers = parts(seed=seed)
        starts.append(start(task, batches, config, numbers))
    assert_same(starts[0], starts[1])
    assert not np.array_equal(starts[0].params["w"], starts[2].params["w"])
    assert starts[0].key != starts[2].key


def test_eight_devices_train_as_one_does(tmp_path):
    task, batches, config, numbers = parts(steps=10, rows=16, noise=0.0)
    one = fit(task, batches, config, numbers=numbers, dev=batches, metric=ERROR)
    shared, checkpoints = dataclasses.replace(batches, batch_axis=0), Checkpoints(tmp_path)
    half = dataclasses.replace(config, steps=5)
    fit(task, shared, half, numbers=numbers, checkpoints=checkpoints)
    state = resume(task, shared, config, checkpoints, numbers)
    many = fit(task, shared, config, numbers=numbers, dev=shared, metric=ERROR, state=state)
    assert len(many.state.params["w"].sharding.device_set) == 8
    np.testing.assert_allclose(many.state.params["w"], one.state.params["w"], rtol=1e-5)
    np.testing.assert_allclose(many.records[-1]["error"], one.records[-1]["error"], rtol=1e-5)


def test_a_step_costs_the_host_less_than_30_microseconds():
    task, batches, config, numbers = parts(dispatch=1000)
    program = Program(train_chunk(task, config), donate=(0,))
    batch = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (1000, *leaf.shape)), batches(0))
    state = start(task, batches, config, numbers)
    times = []
    for _ in range(5):
        begin = time.thread_time()  # a busy machine costs the host's thread nothing
        state, metrics = program(state, batch)
        jax.block_until_ready(metrics)
        times.append(time.thread_time() - begin)
    assert min(times) / 1000 < 30e-6, times


def test_default_numbers_are_the_configs():
    task, batches, config, _ = parts(steps=5)

    def loss(params, hyper, *rest):  # that needs no number of its own
        return task.loss(params, hyper | {"noise": 0.0}, *rest)

    state = start(task._replace(loss=loss), batches, config)
    assert {name: float(x) for name, x in state.hyper.items()} == pytest.approx(hyper(config))
    assert state.hyper["decay_steps"] == 5
    assert evaluation_params(state) is state.params
