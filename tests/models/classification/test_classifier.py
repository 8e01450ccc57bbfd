import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from seqmodels.cells.registry import CELLS
from seqmodels.data.batching import Batch, example_batches
from seqmodels.data.ragged import Padded, pad, ragged
from seqmodels.errors import UserError
from seqmodels.flax import layer
from seqmodels.models.classification.classifier import class_probabilities, classifier
from seqmodels.models.classification.task import classifier_task
from seqmodels.wrap import bidirectional

V, D, H, C = 9, 4, 6, 3
LENGTH, COUNT = 8, 6
KEY = jax.random.key(0)
POOL = ("last", "mean", "max", "attention")


def word_classifier(**options):
    cell = bidirectional(CELLS["gru"](D, H))
    return classifier(cell, C, embedding=layer(nnx.Embed, V, D), pool=POOL, **options)


MODEL = word_classifier()
APPLY = jax.jit(MODEL.apply)
TASK = classifier_task(lambda rates: MODEL)
MEASURE = jax.jit(TASK.measure)


@pytest.fixture(scope="module")
def params():
    return jax.jit(MODEL.init)(KEY)


def texts(count=COUNT, seed=0):
    random = np.random.default_rng(seed)
    return [random.integers(0, V, length) for length in random.integers(1, LENGTH, count)]


def fields(sequences, length=LENGTH, rows=None):
    rows = np.arange(len(sequences)) if rows is None else rows
    labels = np.array([sum(s) % C for s in sequences], np.int32)
    return {"x": pad(ragged(sequences), rows, length), "label": labels}


def test_padding_and_other_examples_do_not_change_the_logits(params):
    logits = APPLY(params, fields(texts()))
    longer = APPLY(params, fields(texts(), LENGTH + 4))
    np.testing.assert_allclose(logits, longer, atol=1e-5)
    for row in range(3):
        alone = APPLY(params, fields(texts(), rows=np.where(np.arange(COUNT) == row, row, -1)))
        np.testing.assert_allclose(logits[row], alone[row], atol=1e-5)


def test_equal_lengths_need_no_mask_and_logits_depend_on_static_features():
    model = classifier(CELLS["lstm"](D, H), C, pool=("last", "mean"), hidden=(5,), static=2)
    params, apply = jax.jit(model.init)(KEY), jax.jit(model.apply)
    x = np.random.default_rng(0).normal(size=(3, 7, D)).astype(np.float32)
    padded, static = Padded(x.swapaxes(0, 1), np.ones((7, 3), bool)), np.eye(3, 2, dtype=np.float32)
    found = apply(params, {"x": x, "static": static})
    np.testing.assert_allclose(found, apply(params, {"x": padded, "static": static}), atol=1e-5)
    other = apply(params, {"x": x, "static": -static})
    assert [np.allclose(a, b) for a, b in zip(found, other, strict=True)] == [False, False, True]


def test_reverse_reads_the_reversed_sequence():
    cell = CELLS["gru"](D, H)
    forward = classifier(cell, C, pool=POOL)
    backward = classifier(cell, C, pool=POOL, reverse=True)
    params = jax.jit(forward.init)(KEY)
    xs = [np.random.default_rng(i).normal(size=(i + 1, D)).astype(np.float32) for i in range(4)]
    rows = np.arange(4)
    found = jax.jit(backward.apply)(params, fields([x[::-1] for x in xs], LENGTH, rows))
    expected = jax.jit(forward.apply)(params, fields(xs, LENGTH, rows))
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_noise_needs_a_key_and_its_rates_may_be_traced(params):
    batch = fields(texts())

    @jax.jit
    def noisy(rate, key):
        return word_classifier(dropout=rate, step_dropout=rate).apply(params, batch, key)

    without_key = word_classifier(dropout=0.5, step_dropout=0.5)
    assert np.array_equal(jax.jit(without_key.apply)(params, batch), APPLY(params, batch))
    np.testing.assert_allclose(noisy(0.0, KEY), APPLY(params, batch), atol=1e-5)
    assert not np.allclose(noisy(0.6, KEY), APPLY(params, batch))


def test_dropping_every_step_hides_the_words(params):
    same_lengths = [np.full(4, 2), np.full(4, 7)]
    hidden = jax.jit(word_classifier(step_dropout=1.0).apply)
    first, second = hidden(params, fields(same_lengths), KEY)
    np.testing.assert_allclose(first, second, atol=1e-6)


def test_every_parameter_is_trained_and_a_few_texts_are_memorized(params):
    count, adam = 12, optax.adam(2e-2)
    arrays = jax.tree.map(jnp.asarray, fields(texts(count)))
    batch = Batch(arrays, np.arange(count), jnp.ones(count))
    gradient = jax.value_and_grad(TASK.loss, has_aux=True)

    def step(state, _):
        (loss, _), gradients = gradient(state[0], {}, (), batch, None)
        updates, moments = adam.update(gradients, state[1])
        return (optax.apply_updates(state[0], updates), moments), loss

    @jax.jit
    def train():
        with jax.numpy_dtype_promotion("standard"):  # optax mixes integers and floats
            (trained, _), losses = jax.lax.scan(step, (params, adam.init(params)), length=150)
        return trained, losses, TASK.measure(trained, {}, (), batch)[1]

    trained, losses, metrics = train()
    assert losses[-1] < 0.05
    assert jax.tree.all(jax.tree.map(lambda a, b: bool((a != b).any()), trained, params))
    assert metrics["accuracy"] == (12.0, 12.0)


def test_rows_that_fill_a_batch_do_not_count(params):
    data = {"x": ragged(texts(7)), "label": fields(texts(7))["label"]}
    whole = MEASURE(params, {}, (), example_batches(data, 7, bounds=(LENGTH,))(0))[1]
    batches = example_batches(data, 4, bounds=(LENGTH,))
    parts = [MEASURE(params, {}, (), batches(step))[1] for step in (0, 1)]
    for name in ("nats", "accuracy"):
        total, count = np.sum([part[name] for part in parts], axis=0)
        np.testing.assert_allclose(total, whole[name].sum, rtol=1e-5)
        assert count == whole[name].weight == 7


def test_class_probabilities_are_in_the_order_of_the_data(params):
    sequences = texts(9)
    batches = example_batches({"x": ragged(sequences)}, COUNT, seed=1, bounds=(LENGTH - 1,))
    found = class_probabilities(MODEL, params, batches)
    for row, text in enumerate(sequences):
        alone = fields([text] * COUNT, LENGTH - 1)
        expected = jax.nn.softmax(APPLY(params, alone))[0]
        np.testing.assert_allclose(found[row], expected, atol=1e-5)


@pytest.mark.parametrize(
    ("pool", "message"),
    [
        ((), "--pool is empty; choose from last, mean, max, attention"),
        (("median",), "--pool median is unknown; choose from last, mean, max, attention"),
    ],
)
def test_invalid_pool_is_an_error(pool, message):
    with pytest.raises(UserError, match=message):
        classifier(CELLS["gru"](D, H), C, pool=pool)
