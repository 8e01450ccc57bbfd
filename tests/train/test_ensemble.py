"""Mixtures of predictions, next to averaging the probabilities in numpy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seqmodels.cells.registry import CELLS
from seqmodels.data.batching import Batch
from seqmodels.data.ragged import Padded
from seqmodels.data.streams import Window
from seqmodels.errors import UserError
from seqmodels.models.classification.classifier import classifier
from seqmodels.models.classification.task import classifier_task
from seqmodels.models.language.language_model import (
    language_model_task,
    recurrent_language_model,
)
from seqmodels.models.seq2seq.encoder_decoder import encoder_decoder
from seqmodels.models.seq2seq.task import translation_task
from seqmodels.train.ensemble import MemberStack, ensemble_task, stack_members

T, B, V, SEEDS = 5, 3, 4, 3
RANDOM = np.random.default_rng(0)
MASK = np.arange(T)[:, None] < np.array([5, 3, 1])


def measure(tasks, batch):
    """Return the metrics of the mixture of ``SEEDS`` members of each task, and their params."""
    params = [task.init(jax.random.key(seed)) for task in tasks for seed in range(SEEDS)]
    members = [MemberStack(one, {}) for one in params]
    stacks = [stack_members(members[i : i + SEEDS]) for i in range(0, len(members), SEEDS)]
    task = ensemble_task(tasks)
    memory = task.memory(stacks, batch)
    _, metrics = jax.jit(task.measure)(stacks, {}, memory, batch)
    return {name: total.mean for name, total in metrics.items()}, params


def expected(logits, labels, counted):
    """Average the probabilities; return the mean nats and accuracy of the counted labels."""
    z = np.asarray(logits, np.float64)
    p = np.exp(z) / np.exp(z).sum(-1, keepdims=True)
    p = p.mean(0)[counted]
    labels = labels[counted]
    chosen = p[np.arange(len(labels)), labels]
    return {"nats": -np.log(chosen).mean(), "accuracy": (p.argmax(-1) == labels).mean()}


def test_classifiers_of_two_architectures():
    models = [classifier(CELLS[name](2, 3), V) for name in ("gru", "lstm")]
    values = RANDOM.normal(size=(T, B, 2)).astype(np.float32)
    labels, weight = RANDOM.integers(0, V, B), np.array([1.0, 1.0, 0.0], np.float32)
    batch = Batch({"x": Padded(values, MASK), "label": labels}, np.arange(B), weight)
    found, params = measure([classifier_task(lambda rates, m=m: m) for m in models], batch)
    logits = [models[index // SEEDS].apply(one, batch.fields) for index, one in enumerate(params)]
    assert found == pytest.approx(expected(logits, labels, weight > 0), rel=1e-5)


def test_language_models_carry_the_memory_of_each_member():
    model = recurrent_language_model(CELLS["gru"](3, 4), 3, V)
    tokens = jnp.asarray(RANDOM.integers(0, V, (T + 1, B)), jnp.int32)
    resets = np.zeros((T, B), bool)
    window = Window(tokens[:-1], tokens[1:], MASK, resets)
    task = language_model_task(lambda rates: model)
    found, params = measure([task], window)
    logits = [model.unroll(one, tokens[:-1], model.start(one, (B,)))[0] for one in params]
    assert found == pytest.approx(expected(logits, np.asarray(tokens[1:]), MASK), rel=1e-5)

    stacks = [stack_members([MemberStack(one, {}) for one in params])]
    mixture = ensemble_task([task])
    memory = mixture.memory(stacks, window)
    (memory,), _ = jax.jit(mixture.measure)(stacks, {}, memory, window)
    carry = model.unroll(params[1], tokens[:-1], model.start(params[1], (B,)))[1]
    np.testing.assert_allclose(memory[1], carry, rtol=1e-5)


@pytest.mark.exhaustive
def test_translators():
    model = encoder_decoder(CELLS["gru"](3, 4), CELLS["gru"](3, 4), 3, (V, V))
    source, target = (RANDOM.integers(0, V, (T, B)).astype(np.int32) for _ in range(2))
    fields = {"source": Padded(source, MASK), "target": Padded(target, MASK)}
    batch = Batch(fields, np.arange(B), np.ones(B, np.float32))
    found, params = measure([translation_task(lambda rates: model)], batch)
    encoded = [model.encode(one, Padded(jnp.asarray(source), jnp.asarray(MASK))) for one in params]
    logits = [
        model.unroll(one, e, jnp.asarray(target[:-1]), jnp.asarray(MASK[1:]))
        for one, e in zip(params, encoded, strict=True)
    ]
    assert found == pytest.approx(expected(logits, target[1:], MASK[1:]), rel=1e-5)


def test_a_task_without_a_mixture_is_refused():
    task = classifier_task(lambda rates: None)._replace(mixture=None)
    with pytest.raises(UserError, match="does not define how predictions are combined"):
        ensemble_task([task])
