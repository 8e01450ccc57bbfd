import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from seqmodels.cells import CELLS
from seqmodels.data.batching import Batch, example_batches
from seqmodels.data.ragged import Padded, pad, ragged
from seqmodels.errors import UserError
from seqmodels.flax import layer
from seqmodels.models.classifier import class_probabilities, classifier, classifier_task
from seqmodels.train.config import OptimizerConfig, hyper
from seqmodels.train.state import init_state, train_chunk
from seqmodels.wrap import bidirectional, stack

V, D, H, C = 9, 4, 6, 3
KEY = jax.random.key(0)
POOL = ("last", "mean", "max", "attention")


def words(pool=POOL, cell="gru", **options):
    layers = stack(bidirectional(CELLS[cell](D, H)), CELLS[cell](2 * H, H))
    return classifier(layers, C, embedding=layer(nnx.Embed, V, D), pool=pool, **options)


def texts(count=6, seed=0):
    random = np.random.default_rng(seed)
    return [random.integers(0, V, length) for length in random.integers(1, 8, count)]


def on_device(batch):
    return jax.tree.map(jnp.asarray, batch)


def fields(sequences, length=8):
    rows = np.arange(len(sequences))
    padded = pad(ragged(sequences), rows, length)
    return {"x": padded, "label": np.array([sum(s) % C for s in sequences], np.int32)}


def test_padding_and_company_change_nothing():
    model = words()
    params = model.init(KEY)
    together = model.apply(params, fields(texts(), 12))
    for row, text in list(zip(together, texts(), strict=True))[:3]:
        alone = model.apply(params, fields([text], len(text)))[0]
        np.testing.assert_allclose(row, alone, atol=1e-5)


def test_equal_lengths_need_no_mask():
    model = classifier(CELLS["lstm"](D, H), C, pool=("last", "mean"), hidden=(5,))
    params, x = model.init(KEY), np.random.default_rng(0).normal(size=(3, 7, D))
    x = x.astype(np.float32)
    padded = Padded(x.swapaxes(0, 1), np.ones((7, 3), bool))
    np.testing.assert_allclose(
        model.apply(params, {"x": x}), model.apply(params, {"x": padded}), atol=1e-5
    )


def test_backwards_is_forwards_over_the_reversed_sequence():
    cell = CELLS["gru"](D, H)
    ahead = classifier(cell, C, pool=POOL)
    back = classifier(cell, C, pool=POOL, reverse=True)
    params = ahead.init(KEY)
    xs = [np.random.default_rng(i).normal(size=(i + 1, D)).astype(np.float32) for i in range(4)]
    turned = back.apply(params, fields([x[::-1] for x in xs], 6) | {"label": None})
    np.testing.assert_allclose(ahead.apply(params, fields(xs, 6)), turned, atol=1e-5)


def test_static_features_reach_the_answer():
    model = classifier(CELLS["gru"](D, H), C, static=2, hidden=(8,))
    params, x = model.init(KEY), jnp.ones((2, 3, D))
    static = jnp.array([[0.0, 1.0], [2.0, -1.0]])
    first, second = model.apply(params, {"x": x, "static": static})
    assert not np.allclose(first, second)


def test_noise_needs_a_key_and_its_rates_may_be_traced():
    model = words(dropout=0.5, step_dropout=0.5, hidden=(4,))
    params, batch = model.init(KEY), fields(texts())
    assert np.array_equal(model.apply(params, batch), words(hidden=(4,)).apply(params, batch))

    def noisy(rate, key):
        return words(dropout=rate, step_dropout=rate, hidden=(4,)).apply(params, batch, key)

    none, some = jax.vmap(noisy, (0, None))(jnp.array([0.0, 0.6]), KEY)
    np.testing.assert_allclose(none, model.apply(params, batch), atol=1e-5)
    assert not np.allclose(none, some)


def test_dropping_every_step_leaves_no_word_to_see():
    model = words(step_dropout=1.0)
    params, same_lengths = model.init(KEY), [np.full(4, 2), np.full(4, 7)]
    first, second = model.apply(params, fields(same_lengths), KEY)
    np.testing.assert_allclose(first, second, atol=1e-6)


def trained(task, batch, steps=150):
    config = OptimizerConfig(learning_rate=2e-2)
    numbers = {name: jnp.float32(value) for name, value in hyper(config).items()}

    @jax.jit
    def learn():
        state = init_state(task, config, numbers, KEY, batch)
        batches = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (steps, *leaf.shape)), batch)
        state, metrics = train_chunk(task, config)(state, batches)
        return state.params, metrics["loss"]

    return learn()


@pytest.mark.parametrize("pool", POOL)
def test_every_pool_learns_some_texts_by_heart(pool):
    task = classifier_task(lambda hyper: words((pool,)))
    made = fields(texts(12))
    batch = on_device(Batch(made, np.arange(12), np.ones(12, np.float32)))
    params, losses = trained(task, batch)
    assert losses[-1] < 0.05
    _, metrics = task.measure(params, {}, (), batch)
    assert metrics["accuracy"] == (12.0, 12.0)


def test_rows_that_fill_up_a_batch_do_not_count():
    task = classifier_task(lambda hyper: words())
    data = {"x": ragged(texts(7)), "label": fields(texts(7))["label"]}
    params, measure = task.init(KEY), task.measure
    whole = measure(params, {}, (), on_device(example_batches(data, 7, bounds=(8,))(0)))[1]
    batches = example_batches(data, 4, bounds=(3, 8))
    steps = [on_device(batches(step)) for step in range(batches.steps_per_epoch)]
    parts = [measure(params, {}, (), batch)[1] for batch in steps]
    for name in ("nats", "accuracy"):
        total, count = np.sum([part[name] for part in parts], axis=0)
        np.testing.assert_allclose(total, whole[name][0], rtol=1e-5)
        assert count == whole[name][1] == 7


def test_label_smoothing_is_a_number_of_training_alone():
    task = classifier_task(lambda hyper: words())
    batch = on_device(Batch(fields(texts()), np.arange(6), np.ones(6, np.float32)))
    params = task.init(KEY)
    plain, smooth = (task.loss(params, {"smoothing": s}, (), batch, KEY) for s in (0.0, 0.5))
    assert plain[0] != smooth[0]
    assert plain[1][1]["nats"] == smooth[1][1]["nats"]


def test_class_probabilities_are_in_the_order_of_the_data():
    model, sequences = words(), texts(9)
    params = model.init(KEY)
    batches = example_batches({"x": ragged(sequences)}, 2, seed=1)
    found = class_probabilities(model, params, batches)
    expected = jax.nn.softmax(model.apply(params, fields(sequences)))
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("pool", [(), ("median",)])
def test_unknown_pools_are_told(pool):
    with pytest.raises(UserError, match="choose from last, mean, max, attention"):
        words(pool)
