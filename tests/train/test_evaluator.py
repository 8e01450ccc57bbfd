"""Metrics of every kind: vectors, derived ones and those of a whole split, also as the headline."""

import json
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import toy_metrics
from toy_experiment import EXPERIMENT, configure

from seqmodels.data.batching import example_batches
from seqmodels.data.ragged import ragged
from seqmodels.errors import UserError
from seqmodels.train.config import Metric
from seqmodels.train.evaluator import Evaluator
from seqmodels.train.fit import fit
from seqmodels.types import Outputs, Task, Total

CONFIG = configure(steps=10, evaluate_every=10, dispatch=5, noise=0.0)
LENGTHS = np.random.default_rng(0).integers(1, 12, 37)
SEQUENCES = [np.random.default_rng(int(n)).normal(size=n).astype(np.float32) for n in LENGTHS]


def fit_toy(metric, logs=(), **parts):
    data = toy_metrics.load(CONFIG, None)
    task = toy_metrics.task(CONFIG, None)._replace(**parts)
    rates = EXPERIMENT.initial_rates(CONFIG)
    options = {"dev": data.dev, "rates": rates, "metric": Metric(metric), "logs": logs}
    return fit(task, data.train, CONFIG.training, **options)


@pytest.mark.usefixtures("one_device")
def test_metrics_equal_a_numpy_loop_over_the_whole_split():
    result = fit_toy("rmse")
    *_, train, dev = json.loads(json.dumps(result.records))
    params = jax.tree.map(np.float64, result.state.params)
    batches, state, squares, targets = toy_metrics.load(CONFIG, None).dev, 0.0, [], []
    for step in range(batches.steps_per_epoch):
        batch = batches(step)
        state = np.tanh(params["a"] * state) + batch["x"] @ params["w"][:, 0]
        squares.append((state - batch["y"]) ** 2)
        targets.append(batch["y"])
    squares, targets = np.concatenate(squares), np.concatenate(targets)
    roots = [np.sqrt(squares[sign].mean()) for sign in (targets < 0, targets >= 0)]
    expected = {"rmse": np.sqrt(squares.mean()), "median": np.median(squares), "first": squares[0]}
    assert {name: dev[name] for name in expected} == pytest.approx(expected, rel=1e-5)
    assert dev["rmse_by_sign"] == pytest.approx(roots, rel=1e-5)
    assert "all" not in dev
    assert float(result.state.plateau.best) == pytest.approx(dev["rmse"])
    assert train["rmse"] == pytest.approx(np.sqrt(train["error"]))


@pytest.mark.usefixtures("one_device")
def test_any_number_may_be_the_headline_and_a_mistake_takes_one_line():
    result = fit_toy("median")
    assert float(result.state.plateau.best) == pytest.approx(result.records[-1]["median"])
    logged = []
    message = "the task measures a vector 'rmse_by_sign'; choose the metric from error, precision, "
    with pytest.raises(UserError, match=message + "rmse$"):
        fit_toy("rmse_by_sign", logs=[logged.append])
    default = Task._field_defaults["score"]
    message = "does not measure 'other'; choose the metric from error, precision, rmse$"
    with pytest.raises(UserError, match=message):
        fit_toy("other", score=default, logs=[logged.append])
    with pytest.raises(UserError, match="the task does not measure 'all'"):
        fit_toy("all", score=default, logs=[logged.append])
    assert not logged
    # The names of scored metrics are known only after an evaluation.
    with pytest.raises(UserError, match=message.replace("error", "error, first, median")):
        fit_toy("other", logs=[logged.append])
    assert {record["split"] for record in logged} == {"train"}

    def fail_on_ones(means):
        if means["error"] == 1.0:
            raise ValueError("division by zero")
        return {"late": means["error"]}

    assert "late" in fit_toy("late", score=default, derive=fail_on_ones).records[-1]


def ragged_task():
    """Return the sequences themselves, their sums, and a total of the latter."""

    def measure(params, rates, memory, batch):
        x = batch.fields["x"]
        sums = jnp.sum(x.values * params, axis=0)
        found = Outputs((jnp.moveaxis(x.values, 0, 1), sums), batch.rows)
        return memory, {"all": found, "sum": Total(jnp.sum(sums), jnp.sum(batch.weight))}

    def score(outputs):
        values, sums = zip(*outputs["all"], strict=True)
        for length, value, expected in zip(LENGTHS, values, SEQUENCES, strict=True):
            np.testing.assert_array_equal(value[:length], expected)
        return {"quantiles": np.quantile(sums, (0.1, 0.9)), "count": len(sums)}

    return Task(None, None, measure, score=score)


@pytest.mark.parametrize("devices", [1, 2, 8])
def test_several_devices_and_ragged_batches_equal_one_large_batch(only, devices):
    only(devices)
    batches = example_batches({"x": ragged(SEQUENCES)}, 8, buckets=3)
    assert len({batches(step).fields["x"].values.shape for step in range(3)}) > 1
    record = Evaluator(ragged_task(), dispatch=2)(jnp.float32(2.0), {}, batches)
    sums = 2.0 * np.array([np.sum(one, dtype=np.float64) for one in SEQUENCES])
    assert record["count"] == len(SEQUENCES)
    assert record["sum"] == pytest.approx(sums.mean(), rel=1e-5)
    assert record["quantiles"] == pytest.approx(np.quantile(sums, (0.1, 0.9)).tolist(), rel=1e-5)


@pytest.mark.usefixtures("one_device")
def test_training_records_what_the_loss_measures_and_no_outputs():
    def derive(means):
        return {"spread": np.ptp(means["by_sign"])}  # by_sign is measured on dev alone

    result = fit_toy("spread", derive=derive)
    assert "spread" in result.records[-1]
    assert "spread" not in result.records[0]

    def loss(params, rates, memory, batch, key):
        value, (new, _) = toy.loss(params, rates, memory, batch, key)
        return value, (new, toy.measure(params, rates, memory, batch)[1])

    toy = toy_metrics.task(CONFIG, None)
    record = fit_toy("spread", derive=derive, loss=loss).records[0]
    assert record["split"] == "train"
    assert record["spread"] == pytest.approx(np.ptp(record["by_sign"]))
    assert "all" not in record


@pytest.mark.usefixtures("one_device")
def test_early_stopping_follows_a_scored_headline():
    data = toy_metrics.load(CONFIG, None)
    training = replace(CONFIG.training, steps=100, evaluate_every=10, patience=2)
    calls = iter(range(100))
    task = toy_metrics.task(CONFIG, None)._replace(score=lambda outputs: {"worse": next(calls)})
    rates = EXPERIMENT.initial_rates(CONFIG)
    result = fit(task, data.train, training, dev=data.dev, rates=rates, metric=Metric("worse"))
    assert int(result.state.step) == 30  # the first evaluation is the best, two are worse
