"""Sequence task: predict a distribution at each step, for one or several horizons."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from seqmodels.distributions.distribution import Distribution, split_params
from seqmodels.engines.problem import where
from seqmodels.errors import UserError
from seqmodels.losses.classification import weighted_sum
from seqmodels.models.sequence.batch_view import (
    SequenceView,
    hide_uncounted,
    view_sequences,
    with_horizons,
)
from seqmodels.models.sequence.sequence_model import SequenceModel
from seqmodels.types import (
    Array,
    Bool,
    Carry,
    Float,
    Metrics,
    Mixture,
    Outputs,
    Params,
    PyTree,
    Task,
    Total,
)

BY_HORIZON = "_by_horizon"


class ExampleOutputs(NamedTuple):
    """Outputs of each example, ``[B, T, ...]``, and which of its targets count."""

    values: PyTree
    counted: Bool[Array, "B T *H"]


class Answers(NamedTuple):
    """The loss of each target, and the mean of its distribution, or None."""

    nats: Float[Array, "T B *H"]
    mean: Array | None


class Prediction(NamedTuple):
    """The network outputs for a batch, and the batch that they answer."""

    outputs: Float[Array, "T B *H P"]
    distribution: Distribution
    view: SequenceView


def sequence_task(
    build: Callable[[dict[str, Any]], SequenceModel],
    *,
    horizons: int | None = None,
    outputs: Callable[[Array, Array], PyTree] | None = None,
    score: Callable[[dict[str, list[PyTree]]], dict[str, Any]] = lambda outputs: {},
    view: Callable[[Any], SequenceView] = view_sequences,
) -> Task:
    """Return the task of predicting the targets of sequences.

        loss = sum_t w_t nats(outputs_t, y_t) / sum_t w_t,  over the targets that count

    Batches are ``data.streams.Window``, whose memory is the carry of the model, or
    ``data.batching.Batch`` with the fields ``x``, ``y`` and optionally ``weight``.  Values of
    targets that do not count reach neither loss nor gradient, even if they are NaN.

    Metrics are weighted means: ``nats`` and, if the distribution has a mean, ``squared_error``,
    from which ``rmse`` follows.  With horizons, ``nats_by_horizon`` and so on are vectors.

    build:    ``(rates) -> model``
    horizons: H answers per step: targets ``[T, B, H, ...]``, and H times the distribution's size
              network outputs, ordered by horizon. None: one answer per step.
    outputs:  ``(params, targets) -> values [T, B, ...]``, which ``measure`` returns per example
              under the name ``outputs`` as ``ExampleOutputs``; params are the network outputs
    score:    see ``Task``
    view:     ``(batch) -> SequenceView``, for other batches or other weights
    """
    names = [str(number + 1) for number in range(horizons or 0)]
    vectors = [f"{name}{BY_HORIZON}" for name in ("nats", "squared_error", "rmse")]
    task = _SequenceTask(build, horizons, outputs, view)
    return Task(
        init=lambda key: build({}).init(key),
        loss=task.loss,
        measure=task.measure,
        memory=task.memory,
        derive=derive_rmse,
        score=score,
        labels=dict.fromkeys(vectors, names) if horizons else {},
        mixture=Mixture(task.predict_answers, task.measure_mixture),
    )


class _SequenceTask(NamedTuple):
    """The arguments of ``sequence_task``, and the functions of the task."""

    build: Callable[[dict[str, Any]], SequenceModel]
    horizons: int | None
    outputs: Callable[[Array, Array], PyTree] | None
    view: Callable[[Any], SequenceView]

    def predict(self, params: Params, rates: dict, memory: Carry, batch: Any, key: Any = None):
        model, view = self.build(rates), self.counted(batch)
        complete = view.resets is None
        carry = model.start(params, view.inputs.shape[1:-1]) if complete else memory
        raw, carry = model.unroll(params, view.inputs, carry, view.resets, view.mask, key)
        distribution = model.distribution(params)
        raw = _per_horizon(raw, distribution.size, self.horizons)
        raw = where(view.weight > 0.0, raw, jnp.zeros_like(raw))
        return Prediction(raw, distribution, view), (memory if complete else carry)

    def predict_answers(self, params: Params, rates: dict, memory: Carry, batch: Any):
        prediction, memory = self.predict(params, rates, memory, batch)
        if not prediction.distribution.is_likelihood:
            raise UserError("the outputs have no likelihood, so their mixture is not defined")
        return memory, answers(prediction)

    def measure_mixture(self, members: Answers, batch: Any) -> Metrics:
        """Return the metrics of the average of the members' densities ``[M, T, B, ...]``."""
        nats = jnp.log(jnp.float32(len(members.nats))) - jax.nn.logsumexp(-members.nats, axis=0)
        mean = None if members.mean is None else jnp.mean(members.mean, axis=0)
        return dict(answer_metrics(Answers(nats, mean), self.counted(batch)))

    def counted(self, batch: Any) -> SequenceView:
        """Return the view of a batch, with the targets that do not count replaced."""
        view = self.view(batch)
        return hide_uncounted(view if self.horizons is None else with_horizons(view, self.horizons))

    def loss(self, params: Params, rates: dict, memory: Carry, batch: Any, key: Any):
        prediction, memory = self.predict(params, rates, memory, batch, key)
        metrics = answer_metrics(answers(prediction), prediction.view)
        return metrics["nats"].mean, (memory, metrics)

    def measure(self, params: Params, rates: dict, memory: Carry, batch: Any):
        prediction, memory = self.predict(params, rates, memory, batch)
        metrics: Metrics = dict(answer_metrics(answers(prediction), prediction.view))
        if self.outputs is not None:
            metrics["outputs"] = _example_outputs(self.outputs, prediction)
        return memory, metrics

    def memory(self, params: Params, batch: Any) -> Carry:
        view = self.view(batch)
        complete = view.resets is None
        return () if complete else self.build({}).start(params, view.inputs.shape[1:-1])


def answers(prediction: Prediction) -> Answers:
    """Return the nats and the mean of every target's distribution."""
    outputs, distribution, view = prediction
    mean = None if distribution.mean is None else distribution.mean(outputs)
    return Answers(distribution.nats(outputs, view.targets), mean)


def answer_metrics(found: Answers, view: SequenceView) -> dict[str, Total]:
    """Return ``nats`` and ``squared_error``, also by horizon if there are horizons."""
    values = {"nats": found.nats}
    if found.mean is not None:
        error = found.mean - view.targets.astype(found.mean.dtype)
        axes = range(view.weight.ndim, error.ndim)
        values["squared_error"] = jnp.mean(jnp.square(error), axis=axes)
    metrics = {name: weighted_sum(x, view.weight) for name, x in values.items()}
    if view.weight.ndim == 3:
        metrics |= {name + BY_HORIZON: _by_horizon(x, view.weight) for name, x in values.items()}
    return metrics


def derive_rmse(means: dict[str, Any]) -> dict[str, Any]:
    """Return the root of each mean ``squared_error``, under the name ``rmse``."""
    return {
        name.replace("squared_error", "rmse"): value**0.5
        for name, value in means.items()
        if name.startswith("squared_error")
    }


def _by_horizon(values: Float[Array, "T B H"], weight: Float[Array, "T B H"]) -> Total:
    return Total(jnp.sum(values * weight, axis=(0, 1)), jnp.sum(weight, axis=(0, 1)))


def _per_horizon(outputs: Float[Array, "T B P"], size: int, horizons: int | None) -> Array:
    """Split the network outputs by horizon, after checking their number."""
    expected = size * (horizons or 1)
    if outputs.shape[-1] != expected:
        raise UserError(
            f"the model has {outputs.shape[-1]} outputs and its distribution needs {expected} "
            f"({size} per horizon)"
        )
    return outputs if horizons is None else split_params(outputs, horizons)


def _example_outputs(outputs: Callable[[Array, Array], PyTree], prediction: Prediction) -> Outputs:
    """Return the values of ``outputs`` by example."""
    view = prediction.view
    if view.rows is None:
        raise UserError("outputs= needs examples: batches with rows, as data.batching.Batch has")
    values = outputs(prediction.outputs, view.targets)
    by_example = ExampleOutputs(values, view.weight > 0.0)
    return Outputs(jax.tree.map(lambda a: jnp.moveaxis(a, 1, 0), by_example), view.rows)
