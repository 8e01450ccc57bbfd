"""Sequence task: losses against numpy, masks, weights, horizons, memory, outputs of examples."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
from leaky_sums import RANDOM, D, floats, gaussian_nats, leaky_sums, outputs_of

from seqmodels.data.batching import Batch, example_batches
from seqmodels.data.ragged import Padded, ragged
from seqmodels.data.streams import Window
from seqmodels.distributions.categorical import categorical
from seqmodels.distributions.gaussian import gaussian
from seqmodels.distributions.nade import init_nade, nade
from seqmodels.distributions.quantiles import quantiles
from seqmodels.errors import UserError
from seqmodels.models.sequence.batch_view import view_sequences
from seqmodels.models.sequence.sequence_model import sequence_model
from seqmodels.models.sequence.task import sequence_task
from seqmodels.train.ensemble import MemberStack, ensemble_task, stack_members

T, B, HORIZONS = 5, 3, 2
KEY = jax.random.key(0)


def window(**fields):
    given = {
        "inputs": floats(T, B, D),
        "targets": floats(T, B),
        "mask": RANDOM.random((T, B)) < 0.7,
        "resets": np.zeros((T, B), bool),
    }
    return Window(**(given | fields))


def compiled_loss(task):
    """Return ``(params, rates, memory, batch, key) -> ((loss, (memory, metrics)), gradient)``."""
    return jax.jit(jax.value_and_grad(task.loss, has_aux=True))


TASK = sequence_task(lambda rates: sequence_model(outputs_of(2), gaussian()))
PARAMS = TASK.init(KEY)
LOSS = compiled_loss(TASK)  # shared, with one shape of batch


def run(batch, memory=None):
    """Return the loss of ``TASK``, its gradient, the memory and the metrics."""
    memory = TASK.memory(PARAMS, batch) if memory is None else memory
    (loss, (memory, metrics)), gradient = LOSS(PARAMS, {}, memory, batch, None)
    return loss, gradient, memory, metrics


def test_the_loss_is_the_mean_over_the_steps_that_count():
    batch = window()
    loss, _, carry, metrics = run(batch)
    ys = leaky_sums(PARAMS, batch.inputs)
    nats = gaussian_nats(ys, batch.targets)[batch.mask]
    np.testing.assert_allclose(loss, nats.mean(), rtol=1e-5)
    np.testing.assert_allclose(carry, ys[-1], rtol=1e-5)
    squares = np.square(ys[..., 0] - batch.targets)[batch.mask]
    means = {name: float(total.mean) for name, total in metrics.items()}
    np.testing.assert_allclose(means["nats"], nats.mean(), rtol=1e-5)
    np.testing.assert_allclose(TASK.derive(means)["rmse"], np.sqrt(squares.mean()), rtol=1e-5)
    assert set(means) == {"nats", "squared_error"}
    assert TASK.labels == {}


@pytest.mark.parametrize("weight_axes", [pytest.param(2, marks=pytest.mark.exhaustive), 3])
def test_horizons_and_weights(weight_axes):
    """Targets are three-dimensional vectors, one for each of two horizons."""
    family = gaussian(3)
    cell = outputs_of(HORIZONS * family.size)
    batch = window(targets=floats(T, B, HORIZONS, 3))
    batch.mask[-1] = False
    batch.inputs[-1] = np.array([-1e30, 1e30, 0.0])[:, None]  # finite, but the loss would overflow
    weight = RANDOM.random((T, B, HORIZONS)[:weight_axes]).astype(np.float32) * 0.05

    def view(batch):
        seen = view_sequences(batch)
        mask = jnp.expand_dims(seen.weight, range(2, weight_axes))
        return seen._replace(weight=jnp.broadcast_to(mask, weight.shape) * weight)

    task = sequence_task(lambda rates: sequence_model(cell, family), horizons=HORIZONS, view=view)
    params = task.init(KEY)
    memory = task.memory(params, batch)
    (loss, (_, metrics)), gradient = compiled_loss(task)(params, {}, memory, batch, None)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(gradient))
    ys = leaky_sums(params, batch.inputs).reshape(T, B, HORIZONS, 3, 2)
    nats = gaussian_nats(ys, batch.targets).sum(-1)
    w = weight if weight_axes == 3 else np.repeat(weight[..., None], HORIZONS, -1)
    w = (w * batch.mask[..., None]).astype(float)
    np.testing.assert_allclose(loss, (w * nats).sum() / w.sum(), rtol=1e-5)
    by_horizon = (w * nats).sum((0, 1)) / w.sum((0, 1))
    np.testing.assert_allclose(metrics["nats_by_horizon"].mean, by_horizon, rtol=1e-5)
    squares = np.square(ys[..., 0] - batch.targets).mean(-1)
    by_horizon = np.sqrt((w * squares).sum((0, 1)) / w.sum((0, 1)))
    derived = task.derive({name: total.mean for name, total in metrics.items()})
    np.testing.assert_allclose(derived["rmse_by_horizon"], by_horizon, rtol=1e-5)
    assert derived["rmse"].shape == ()
    assert task.labels["rmse_by_horizon"] == ["1", "2"]


def test_values_that_do_not_count_reach_neither_loss_nor_gradient():
    mask = RANDOM.random((T, B)) < 0.6
    mask[-1] = False
    clean = window(mask=mask)
    clean.inputs[~mask] = 0.0
    dirty = clean._replace(inputs=clean.inputs.copy(), targets=clean.targets.copy())
    dirty.targets[~mask] = np.nan
    dirty.inputs[~mask] = np.inf
    expected = run(clean)
    assert np.isfinite(expected[0])
    jax.tree.map(np.testing.assert_array_equal, run(dirty), expected)
    loss, gradient, *_ = run(clean._replace(mask=np.zeros_like(mask)))
    assert loss == 0.0
    assert all((leaf == 0.0).all() for leaf in jax.tree.leaves(gradient))


def test_inputs_before_the_first_answer_are_read():
    mask = np.zeros((T, B), bool)
    mask[-1] = True
    batch = window(mask=mask)
    nats = gaussian_nats(leaky_sums(PARAMS, batch.inputs), batch.targets)[-1]
    np.testing.assert_allclose(run(batch)[0], nats.mean(), rtol=1e-5)


def test_the_memory_continues_and_resets_begin_again():
    """Two windows equal one sequence of twice the length, in which another one begins."""
    length = 2 * T
    resets = np.zeros((length, B), bool)
    resets[0] = resets[3] = resets[T + 2, 1] = True
    whole = Window(floats(length, B, D), floats(length, B), np.ones((length, B), bool), resets)
    first, second = (Window(*part) for part in zip(*(np.split(a, 2) for a in whole), strict=True))
    dirty = jnp.full((B, 2), 7.0)  # reset at the first step
    _, _, middle, one = run(first, dirty)
    _, _, last, two = run(second, middle)
    ys = leaky_sums(PARAMS, whole.inputs, resets)
    nats = gaussian_nats(ys, whole.targets)
    np.testing.assert_allclose(one["nats"].sum + two["nats"].sum, nats.sum(), rtol=1e-5)
    np.testing.assert_allclose(last, ys[-1], rtol=1e-5)


def test_examples_have_weights_and_return_their_outputs():
    lengths = [4, 2, 3]
    fields = {
        "x": ragged([floats(n, D) for n in lengths]),
        "y": ragged([RANDOM.integers(4, size=n) for n in lengths]),
        "weight": np.array([1.0, 0.5, 0.25], np.float32),
    }
    cell = outputs_of(4)
    task = sequence_task(
        lambda rates: sequence_model(cell, categorical(4)),
        outputs=lambda params, y: {"best": jnp.argmax(params, -1), "y": y},
    )
    batch = example_batches(fields, 4, buckets=1)(0)
    assert isinstance(batch, Batch)
    params = task.init(KEY)
    memory, measured = jax.jit(task.measure)(params, {}, (), batch)
    total, weights = 0.0, 0.0
    returned = measured["outputs"]
    assert memory == ()
    assert returned.rows.tolist() == [0, 1, 2, -1]
    for row, n in enumerate(lengths):
        x, y = (fields[name].values[sum(lengths[:row]) :][:n] for name in "xy")
        logits = leaky_sums(params, x[:, None])[:, 0]
        shares = scipy.special.log_softmax(logits, axis=-1)
        total -= fields["weight"][row] * shares[np.arange(n), y].sum()
        weights += fields["weight"][row] * n
        counted = returned.values.counted[row]
        assert counted.tolist() == [True] * n + [False] * (4 - n)
        np.testing.assert_array_equal(
            returned.values.values["best"][row][counted], logits.argmax(-1)
        )
        np.testing.assert_array_equal(returned.values.values["y"][row][counted], y)
    np.testing.assert_allclose(measured["nats"].mean, total / weights, rtol=1e-5)
    assert not returned.values.counted[3].any()
    assert "squared_error" not in measured


def test_a_distribution_may_have_learned_weights_and_the_cell_clipped_gradients():
    notes = (RANDOM.random((T, B, 6)) < 0.3).astype(np.float32)
    batch = window(targets=notes)

    def build(rates):
        weights = partial(init_nade, features=4, size=6, hidden=3)
        return sequence_model(outputs_of(4), nade, weights=weights, clip_gradient=rates.get("clip"))

    task = sequence_task(build)
    params, loss = task.init(KEY), compiled_loss(task)
    memory = task.memory(params, batch)
    (value, _), free = loss(params, {"clip": 1e9}, memory, batch, None)
    _, blocked = loss(params, {"clip": 0.0}, memory, batch, None)
    ys = jnp.asarray(leaky_sums(params, batch.inputs), jnp.float32)
    nats = jax.jit(nade(params["distribution"]).nats)(ys, jnp.asarray(notes))
    np.testing.assert_allclose(value, np.asarray(nats)[batch.mask].mean(), rtol=1e-5)
    assert all((leaf != 0.0).any() for leaf in jax.tree.leaves(free["distribution"]))
    jax.tree.map(np.testing.assert_array_equal, blocked["distribution"], free["distribution"])
    assert (np.asarray(free["cell"]["w"]) != np.asarray(blocked["cell"]["w"])).all()


def test_mistakes_have_one_clear_line():
    def loss(batch, size=2, **options):
        task = sequence_task(lambda rates: sequence_model(outputs_of(size), gaussian()), **options)
        jax.eval_shape(
            lambda: task.measure(task.init(KEY), {}, task.memory(task.init(KEY), batch), batch)
        )

    with pytest.raises(UserError, match="3 outputs and its distribution needs 2"):
        loss(window(), size=3)
    with pytest.raises(UserError, match=r"expected \[T, B, 2, ...\]"):
        loss(window(), size=4, horizons=2)
    with pytest.raises(UserError, match="batches with rows"):
        loss(window(), outputs=lambda params, y: params)
    ones = np.ones((T, B), bool)
    short = {"x": Padded(floats(T, B, D), ones), "y": Padded(floats(3, B), ones[:3])}
    with pytest.raises(UserError, match="each step needs one target"):
        loss(Batch(short, np.arange(B, dtype=np.int32), np.ones(B, np.float32)))


def test_an_ensemble_averages_densities_and_means():
    window = Window(floats(T, B, D), floats(T, B), np.ones((T, B), bool), np.zeros((T, B), bool))
    model = sequence_model(outputs_of(2), gaussian())
    task = sequence_task(lambda rates: model)
    params = [model.init(jax.random.key(seed)) for seed in range(3)]
    stacks = [stack_members([MemberStack(one, {}) for one in params])]
    ensemble = ensemble_task([task])
    memory = ensemble.memory(stacks, window)
    _, metrics = jax.jit(ensemble.measure)(stacks, {}, memory, window)
    outputs = [leaky_sums(one, window.inputs) for one in params]
    nats = np.stack([gaussian_nats(o, window.targets) for o in outputs])
    expected = -np.log(np.exp(-nats).mean(axis=0)).mean()
    np.testing.assert_allclose(metrics["nats"].mean, expected, rtol=1e-5)
    error = (np.mean(outputs, axis=0)[..., 0] - window.targets) ** 2
    np.testing.assert_allclose(metrics["squared_error"].mean, error.mean(), rtol=1e-4)

    pinball = sequence_model(outputs_of(2), quantiles((0.1, 0.9)))
    ensemble = ensemble_task([sequence_task(lambda rates: pinball)])
    with pytest.raises(UserError, match="no likelihood"):
        ensemble.measure(stacks, {}, memory, window)
