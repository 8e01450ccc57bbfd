import jax
import jax.numpy as jnp
import numpy as np

from seqmodels.data.batching import Batch
from seqmodels.models.classification.features import feature_classifier
from seqmodels.models.classification.task import class_metrics, classifier_task

COUNT = 5
RANDOM = np.random.default_rng(0)
FIELDS = {
    "static": jnp.asarray(RANDOM.normal(size=(COUNT, 3)), jnp.float32),
    "label": jnp.asarray([0, 1, 0, 1, 0], jnp.int32),
}
BATCH = Batch(FIELDS, np.arange(COUNT), jnp.array([1.0, 1.0, 1.0, 1.0, 0.0]))
TASK = classifier_task(lambda rates: feature_classifier((3, 2)))


def test_metrics_are_weighted_sums():
    logits = np.log([[0.9, 0.1], [0.6, 0.4], [0.5, 0.5], [0.2, 0.8], [0.1, 0.9]])
    found = class_metrics(jnp.asarray(logits, jnp.float32), FIELDS, BATCH.weight)
    np.testing.assert_allclose(found["nats"].sum, -np.log(0.9 * 0.4 * 0.5 * 0.8), rtol=1e-5)
    assert found["accuracy"] == (3.0, 4.0)


def test_label_smoothing_changes_the_loss_only():
    params = TASK.init(jax.random.key(0))
    loss = jax.jit(TASK.loss)
    plain, smooth = (
        loss(params, {"smoothing": jnp.float32(rate)}, (), BATCH, None) for rate in (0.0, 0.5)
    )
    assert plain[0] != smooth[0]
    assert plain[1][1]["nats"] == smooth[1][1]["nats"]
    np.testing.assert_allclose(plain[0], plain[1][1]["nats"].mean, rtol=1e-6)


def test_loss_builds_the_model_from_rates_and_measure_without():
    rates = []
    task = classifier_task(lambda values: rates.append(values) or feature_classifier((3, 2)))
    params = task.init(jax.random.key(0))
    task.loss(params, {"dropout": 0.5}, (), BATCH, None)
    task.measure(params, {"dropout": 0.5}, (), BATCH)
    assert rates == [{}, {"dropout": 0.5}, {}]
