import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from seqmodels.cells.registry import CELLS
from seqmodels.data.batching import Batch, example_batches
from seqmodels.data.ragged import Padded, pad, ragged
from seqmodels.errors import UserError
from seqmodels.flax import layer
from seqmodels.models.classification.classifier import (
    class_probabilities,
    classifier,
    classifier_task,
)
from seqmodels.train.config import OptimizerConfig, hyper
from seqmodels.train.state import init_state, train_chunk
from seqmodels.wrap import bidirectional

V, D, H, C = 9, 4, 6, 3
LENGTH, COUNT = 8, 6
KEY = jax.random.key(0)
POOL = ("last", "mean", "max", "attention")


def words(**options):
    cell = bidirectional(CELLS["gru"](D, H))
    return classifier(cell, C, embedding=layer(nnx.Embed, V, D), pool=POOL, **options)


MODEL = words()
APPLY = jax.jit(MODEL.apply)
TASK = classifier_task(lambda hyper: MODEL)
LOSS, MEASURE = jax.jit(TASK.loss), jax.jit(TASK.measure)


@pytest.fixture(scope="module")
def params():
    return MODEL.init(KEY)


def texts(count=COUNT, seed=0):
    random = np.random.default_rng(seed)
    return [random.integers(0, V, length) for length in random.integers(1, LENGTH, count)]


def fields(sequences, length=LENGTH, rows=None):
    rows = np.arange(len(sequences)) if rows is None else rows
    labels = np.array([sum(s) % C for s in sequences], np.int32)
    return {"x": pad(ragged(sequences), rows, length), "label": labels}


def whole_batch(count=COUNT):
    made = fields(texts(count))
    return jax.tree.map(jnp.asarray, Batch(made, np.arange(count), np.ones(count, np.float32)))


def test_padding_and_company_change_nothing(params):
    together = APPLY(params, fields(texts()))
    longer = APPLY(params, fields(texts(), LENGTH + 4))
    np.testing.assert_allclose(together, longer, atol=1e-5)
    for row in range(3):
        alone = APPLY(params, fields(texts(), rows=np.where(np.arange(COUNT) == row, row, -1)))
        np.testing.assert_allclose(together[row], alone[row], atol=1e-5)


def test_equal_lengths_need_no_mask_and_static_features_reach_the_answer():
    model = classifier(CELLS["lstm"](D, H), C, pool=("last", "mean"), hidden=(5,), static=2)
    params, x = model.init(KEY), np.random.default_rng(0).normal(size=(3, 7, D))
    x, apply = x.astype(np.float32), jax.jit(model.apply)
    padded, static = Padded(x.swapaxes(0, 1), np.ones((7, 3), bool)), np.eye(3, 2, dtype=np.float32)
    found = apply(params, {"x": x, "static": static})
    np.testing.assert_allclose(found, apply(params, {"x": padded, "static": static}), atol=1e-5)
    other = apply(params, {"x": x, "static": -static})
    assert [np.allclose(a, b) for a, b in zip(found, other, strict=True)] == [False, False, True]


def test_backwards_is_forwards_over_the_reversed_sequence():
    cell = CELLS["gru"](D, H)
    ahead = classifier(cell, C, pool=POOL)
    back = classifier(cell, C, pool=POOL, reverse=True)
    params = ahead.init(KEY)
    xs = [np.random.default_rng(i).normal(size=(i + 1, D)).astype(np.float32) for i in range(4)]
    turned = {"x": fields([x[::-1] for x in xs], LENGTH, np.arange(4))["x"]}
    straight = {"x": fields(xs, LENGTH, np.arange(4))["x"]}
    found = jax.jit(back.apply)(params, turned)
    np.testing.assert_allclose(jax.jit(ahead.apply)(params, straight), found, atol=1e-5)


def test_noise_needs_a_key_and_its_rates_may_be_traced(params):
    batch = fields(texts())

    @jax.jit
    def noisy(rate, key):
        return words(dropout=rate, step_dropout=rate).apply(params, batch, key)

    quiet = words(dropout=0.5, step_dropout=0.5)
    assert np.array_equal(jax.jit(quiet.apply)(params, batch), APPLY(params, batch))
    np.testing.assert_allclose(noisy(0.0, KEY), APPLY(params, batch), atol=1e-5)
    assert not np.allclose(noisy(0.6, KEY), APPLY(params, batch))


def test_dropping_every_step_leaves_no_word_to_see(params):
    same_lengths = [np.full(4, 2), np.full(4, 7)]
    first, second = jax.jit(words(step_dropout=1.0).apply)(params, fields(same_lengths), KEY)
    np.testing.assert_allclose(first, second, atol=1e-6)


def test_every_part_learns_and_some_texts_are_learned_by_heart(params):
    config, batch, steps = OptimizerConfig(learning_rate=2e-2), whole_batch(12), 150
    numbers = {name: jnp.float32(value) for name, value in hyper(config).items()}

    @jax.jit
    def learn():
        state = init_state(TASK, config, numbers, KEY, batch)
        batches = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (steps, *leaf.shape)), batch)
        state, metrics = train_chunk(TASK, config)(state, batches)
        return state.params, metrics["loss"]

    learned, losses = learn()
    assert losses[-1] < 0.05
    assert jax.tree.all(jax.tree.map(lambda a, b: bool((a != b).any()), learned, params))
    metrics = MEASURE(learned, {}, (), batch)[1]
    assert metrics["accuracy"] == (12.0, 12.0)


def test_rows_that_fill_up_a_batch_do_not_count(params):
    data = {"x": ragged(texts(7)), "label": fields(texts(7))["label"]}
    whole = MEASURE(params, {}, (), example_batches(data, 7, bounds=(LENGTH,))(0))[1]
    batches = example_batches(data, 4, bounds=(LENGTH,))
    parts = [MEASURE(params, {}, (), batches(step))[1] for step in (0, 1)]
    for name in ("nats", "accuracy"):
        total, count = np.sum([part[name] for part in parts], axis=0)
        np.testing.assert_allclose(total, whole[name][0], rtol=1e-5)
        assert count == whole[name][1] == 7


def test_label_smoothing_is_a_number_of_training_alone(params):
    plain, smooth = (
        LOSS(params, {"smoothing": jnp.float32(s)}, (), whole_batch(), KEY) for s in (0.0, 0.5)
    )
    assert plain[0] != smooth[0]
    assert plain[1][1]["nats"] == smooth[1][1]["nats"]


def test_class_probabilities_are_in_the_order_of_the_data(params):
    sequences = texts(9)
    batches = example_batches({"x": ragged(sequences)}, COUNT, seed=1, bounds=(LENGTH - 1,))
    found = class_probabilities(MODEL, params, batches)
    for row, text in enumerate(sequences):
        alone = fields([text] * COUNT, LENGTH - 1)
        expected = jax.nn.softmax(APPLY(params, alone))[0]
        np.testing.assert_allclose(found[row], expected, atol=1e-5)


@pytest.mark.parametrize("pool", [(), ("median",)])
def test_unknown_pools_are_told(pool):
    with pytest.raises(UserError, match="choose from last, mean, max, attention"):
        classifier(CELLS["gru"](D, H), C, pool=pool)
