"""Classification task: predict the class of each example."""

from collections.abc import Callable
from typing import Any

from seqmodels.losses.classification import (
    cross_entropy,
    is_correct,
    mixture_log_probabilities,
    weighted_sum,
)
from seqmodels.models.classification.classifier import Classifier, Fields
from seqmodels.types import Array, Float, Metrics, Mixture, Params, Task


def classifier_task(
    build: Callable[[dict[str, Any]], Classifier],
    measure_logits: Callable[[Array, Fields, Array], Metrics] | None = None,
) -> Task:
    """Return the task of predicting ``fields["label"]`` of ``data.batching.Batch``.

    build:          ``(rates) -> model``. ``rates["smoothing"]``, if present, smooths the labels in
                    training.
    measure_logits: ``(logits, fields, weight) -> metrics``; by default ``class_metrics``
    """
    metrics_of = measure_logits or class_metrics

    def loss(params: Params, rates: dict, memory: Any, batch: Any, key: Any):
        logits = build(rates).apply(params, batch.fields, key)
        metrics = metrics_of(logits, batch.fields, batch.weight)
        nats = cross_entropy(logits, batch.fields["label"], rates.get("smoothing", 0.0))
        return weighted_sum(nats, batch.weight).mean, (memory, metrics)

    def predict(params: Params, rates: dict, memory: Any, batch: Any):
        return memory, build({}).apply(params, batch.fields)

    def measure(params: Params, rates: dict, memory: Any, batch: Any):
        memory, logits = predict(params, rates, memory, batch)
        return memory, metrics_of(logits, batch.fields, batch.weight)

    def measure_mixture(logits: Float[Array, "M B V"], batch: Any) -> Metrics:
        return metrics_of(mixture_log_probabilities(logits), batch.fields, batch.weight)

    return Task(
        init=lambda key: build({}).init(key),
        loss=loss,
        measure=measure,
        mixture=Mixture(predict, measure_mixture),
    )


def class_metrics(logits: Float[Array, "B V"], fields: Fields, weight: Array) -> Metrics:
    """Return the negative log-likelihood of the labels (``nats``) and the ``accuracy``."""
    label = fields["label"]
    return {
        "nats": weighted_sum(cross_entropy(logits, label), weight),
        "accuracy": weighted_sum(is_correct(logits, label), weight),
    }
