"""Evaluation of a task on one epoch of batches, and the headline metric."""

import time
from typing import Any, NamedTuple

import jax
import numpy as np

from seqmodels.data.batching import Batches
from seqmodels.errors import UserError
from seqmodels.train.config import Metric
from seqmodels.train.distributed.devices import data_mesh, replicate
from seqmodels.train.distributed.hosts import gather
from seqmodels.train.example_outputs import examples_in_order, split_metrics
from seqmodels.train.feed import feed, shape_of
from seqmodels.train.program import Program
from seqmodels.train.records import Record, add_totals, derived_metrics, means, plain
from seqmodels.train.state import TrainState, measure_chunk
from seqmodels.types import Outputs, Params, PyTree, Task, Total

NATS = Metric("nats")


class Measurement(NamedTuple):
    """Running totals of one epoch, and the outputs of each of its chunks, on the host."""

    totals: dict[str, Total]
    chunks: list[dict[str, Outputs]]
    seconds: float

    def outputs(self) -> dict[str, list[PyTree]]:
        """Return the outputs of every example, in the order of the data."""
        names = self.chunks[0] if self.chunks else {}
        return {
            name: examples_in_order(name, [chunk[name] for chunk in self.chunks]) for name in names
        }

    def member(self, position: int) -> "Measurement":
        """Return the measurement of one member of a population."""
        totals = jax.tree.map(lambda leaf: leaf[position], self.totals)
        chunks = jax.tree.map(lambda leaf: leaf[:, position], self.chunks)
        return self._replace(totals=totals, chunks=chunks)


def summarize(task: Task, measurement: Measurement) -> Record:
    """Return the record of an evaluation: the means, and what the task derives and scores."""
    found = means(measurement.totals)
    derived = derived_metrics(task, found)
    outputs = measurement.outputs()
    scored = task.score(outputs) if outputs else {}
    return {**plain(found | derived | scored), "seconds": measurement.seconds}


class Evaluator:
    """``(params, rates, batches) -> record`` of one epoch, with carried memory; means are exact.

    ``mesh_for(batches)`` and ``put(tree, mesh)`` determine how arrays are placed on devices.
    """

    def __init__(self, task: Task, dispatch: int = 20, mesh_for=data_mesh, put=replicate):
        self.task, self.dispatch, self.memory = task, dispatch, CarriedMemory(task)
        self.mesh_for, self.put = mesh_for, put
        self.program = Program(measure_chunk(task))

    def __call__(self, params: Params, rates: dict, batches: Batches) -> Record:
        return summarize(self.task, self.measure(params, rates, batches))

    def measure(self, params: Params, rates: dict, batches: Batches) -> Measurement:
        """Return the totals and outputs of one epoch."""
        begin, compiled = time.perf_counter(), self.program.seconds
        memory: PyTree = None
        totals: dict[str, Total] = {}
        outputs: list[dict[str, Outputs]] = []
        mesh, stop = self.mesh_for(batches), batches.steps_per_epoch
        params, rates = self.put((params, rates), mesh)
        with feed(batches, 0, stop, self.dispatch, mesh=mesh) as chunks:
            for chunk, _ in chunks:
                memory = self.put(self.memory(params, memory, chunk), mesh)
                memory, metrics = self.program(params, rates, memory, chunk)
                new_totals, new_outputs = split_metrics(gather(metrics))
                totals = add_totals(new_totals, totals)
                outputs.append(new_outputs)
        seconds = time.perf_counter() - begin - (self.program.seconds - compiled)
        return Measurement(totals, outputs, seconds)


class CarriedMemory:
    """``(params, memory, chunk) -> memory``, or a new one if the chunk needs another shape."""

    def __init__(self, task: Task):
        def initial(params, chunk):
            return task.memory(params, jax.tree.map(lambda leaf: leaf[0], chunk))

        self.initial = jax.jit(initial)
        self.shapes: dict[Any, Any] = {}

    def __call__(self, params: Params, memory: PyTree, chunk: PyTree) -> PyTree:
        shape = shape_of(chunk)
        if shape not in self.shapes:
            self.shapes[shape] = shape_of(jax.eval_shape(self.initial, params, chunk))
        fits = memory is not None and shape_of(memory) == self.shapes[shape]
        return memory if fits else self.initial(params, chunk)


def headline(task: Task, state: TrainState, dev: Batches, metric: Metric) -> Metric:
    """Return the metric, or the only one that the task measures, before training begins.

    The names of derived metrics are found by calling ``derive`` on means of one. Those of scored
    metrics are known only after an evaluation, and ``headline_value`` checks them then.
    """
    batch = dev(0)
    memory = jax.eval_shape(task.memory, state.params, batch)
    _, metrics = jax.eval_shape(task.measure, state.params, state.rates, memory, batch)
    totals, _ = split_metrics(metrics)
    if metric == NATS and NATS.name not in totals and len(totals) == 1:
        metric = Metric(next(iter(totals)))
    known: dict[str, Any] = {name: np.ones(total.sum.shape) for name, total in totals.items()}
    complete = task.score is Task._field_defaults["score"]
    try:
        known |= derived_metrics(task, known)
    except (ArithmeticError, ValueError):  # such as the logarithm of zero
        complete = False
    if metric.name in known or complete:
        headline_value(metric, known)
    return metric


def headline_value(metric: Metric, metrics: Record) -> float:
    """Return the value of the headline metric; raise ``UserError`` if it is not a number."""
    scalars = {name for name, value in metrics.items() if np.ndim(value) == 0} - {"seconds"}
    if metric.name in scalars:
        return float(metrics[metric.name])
    reason = "measures a vector" if metric.name in metrics else "does not measure"
    names = ", ".join(sorted(scalars))
    raise UserError(f"the task {reason} {metric.name!r}; choose the metric from {names}")
