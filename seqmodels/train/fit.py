"""Fit a task: the host's side of training, around one compiled function."""

import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from seqmodels.train.config import FitConfig, Metric, hyper
from seqmodels.train.distributed.devices import data_mesh, replicate
from seqmodels.train.distributed.hosts import heard
from seqmodels.train.feed import Batches, feed, shape_of
from seqmodels.train.interrupt import Interrupted, listen
from seqmodels.train.optimizer import observe
from seqmodels.train.program import Program
from seqmodels.train.records import Record, Sums, means, totals, train_record
from seqmodels.train.runs.checkpoint import Checkpoints
from seqmodels.train.state import (
    TrainState,
    evaluation_params,
    init_state,
    measure_chunk,
    train_chunk,
)
from seqmodels.types import Params, PyTree, Task

Log = Callable[[Record], None]
LOSS = Metric("loss")

_observe = jax.jit(observe)


class Fitted(NamedTuple):
    """The state at the end, and every record on the way."""

    state: TrainState
    records: list[Record]


class TrainingDiverged(RuntimeError):
    """The loss or the gradient is infinite or no number; says where, and what is left."""


def start(
    task: Task, batches: Batches, config: FitConfig, numbers: dict[str, float] | None = None
) -> TrainState:
    """State before the first step, on the device; ``numbers`` defaults to the config's."""
    batch = batches(0)
    state = jax.jit(_initial(task, config))(*_seeds(config, numbers), batch)
    return _rehearsed(task, state, batch)


def resume(
    task: Task,
    batches: Batches,
    config: FitConfig,
    checkpoints: Checkpoints,
    numbers: dict[str, float] | None = None,
) -> TrainState:
    """State of the newest whole checkpoint, with the numbers that the config has now."""
    values, key = _seeds(config, numbers)

    def abstract(step: int) -> TrainState:
        return jax.eval_shape(_initial(task, config), values, key, last_batch(step))

    def last_batch(step: int) -> PyTree:
        return batches(max(step - 1, 0))  # the memory has the shape that it asked for

    state = checkpoints.restore(abstract)._replace(hyper=values)
    return _rehearsed(task, state, last_batch(int(state.step)))


def _rehearsed(task: Task, state: TrainState, batch: PyTree) -> TrainState:
    """The state, once a loss was traced: what the model refuses is told before a run is touched."""
    jax.eval_shape(task.loss, state.params, state.hyper, state.memory, batch, state.key)
    return state


def _initial(task: Task, config: FitConfig) -> Callable[..., TrainState]:
    return lambda values, key, batch: init_state(task, config, values, key, batch)


def _seeds(config: FitConfig, numbers: dict[str, float] | None) -> tuple[dict, jax.Array]:
    values = hyper(config) if numbers is None else numbers
    return {name: jnp.float32(x) for name, x in values.items()}, jax.random.key(config.seed)


def fit(
    task: Task,
    batches: Batches,
    config: FitConfig,
    *,
    dev: Batches | None = None,
    metric: Metric = LOSS,
    numbers: dict[str, float] | None = None,
    state: TrainState | None = None,
    checkpoints: Checkpoints | None = None,
    logs: Sequence[Log] = (),
) -> Fitted:
    """Train to ``config.steps``, from ``state`` where one is given (it is consumed).

    Every chunk and every evaluation makes a record, handed to each of ``logs``.  With
    ``checkpoints`` the state is saved at every evaluation, at the end, and on Ctrl-C or SIGTERM,
    which raise ``Interrupted``.
    """
    config.check()
    state = start(task, batches, config, numbers) if state is None else state
    records: list[Record] = []
    trainer = Trainer(task, batches, config, metric, checkpoints, (records.append, *logs))
    return Fitted(trainer.run(state, dev), records)


class Evaluator:
    """``(params, hyper, batches) -> record``: exact means over one epoch, memory carried on.

    ``mesh_for(batches)`` and ``put(tree, mesh)`` say how arrays lie on devices.
    """

    def __init__(self, task: Task, dispatch: int = 20, mesh_for=data_mesh, put=replicate):
        self.dispatch, self.memory = dispatch, Memory(task)
        self.mesh_for, self.put = mesh_for, put
        self.program = Program(measure_chunk(task))

    def __call__(self, params: Params, hyper: dict, batches: Batches) -> Record:
        begin, compiled = time.perf_counter(), self.program.seconds
        memory: PyTree = None
        sums: Sums = {}
        mesh, stop = self.mesh_for(batches), batches.steps_per_epoch
        params, hyper = self.put((params, hyper), mesh)
        with feed(batches, 0, stop, self.dispatch, mesh=mesh) as chunks:
            for chunk, _ in chunks:
                memory = self.put(self.memory(params, memory, chunk), mesh)
                memory, metrics = self.program(params, hyper, memory, chunk)
                sums = totals(metrics, sums)
        seconds = time.perf_counter() - begin - (self.program.seconds - compiled)
        return {**means(sums), "seconds": seconds}


class Memory:
    """``(params, memory, chunk) -> memory``, a fresh one where the shapes ask for another."""

    def __init__(self, task: Task):
        def fresh(params, chunk):
            return task.memory(params, jax.tree.map(lambda leaf: leaf[0], chunk))

        self.fresh = jax.jit(fresh)
        self.wanted: dict[Any, Any] = {}

    def __call__(self, params: Params, memory: PyTree, chunk: PyTree) -> PyTree:
        shapes = shape_of(chunk)
        if shapes not in self.wanted:
            self.wanted[shapes] = shape_of(jax.eval_shape(self.fresh, params, chunk))
        fits = memory is not None and shape_of(memory) == self.wanted[shapes]
        return memory if fits else self.fresh(params, chunk)


class Trainer:
    """The loop of ``fit``; ``sweep`` runs the same one over a population."""

    def __init__(self, task, batches, config, metric, checkpoints, logs):
        self.batches, self.mesh = batches, data_mesh(batches)
        self.config, self.metric = config, metric
        self.checkpoints, self.logs = checkpoints, logs
        self.program, self.memory = Program(train_chunk(task, config), donate=(0,)), Memory(task)
        self.measure = Evaluator(task, config.dispatch)
        self.step = 0
        self.value: float | None = None  # headline of the last evaluation, until it is saved

    def run(self, state: TrainState, dev: Batches | None) -> TrainState:
        """Train to ``config.steps``, or until it stalls."""
        self.step = int(np.max(jax.device_get(state.step)))
        try:
            with listen() as requests, self.feed() as chunks:
                for chunk, size in chunks:
                    state = self.advance(state, chunk, size)
                    if self.is_due() and dev is not None:
                        state = self.evaluate(state, dev)
                    stop = heard(requests.signal)
                    if self.is_due() or stop:
                        self.save(state)
                    if stop:
                        raise Interrupted(stop, self.step)
                    if self.is_due() and self.has_stalled(state):
                        break
        finally:
            if self.checkpoints is not None:
                self.checkpoints.wait()
        return state

    def feed(self):
        config, span = self.config, (self.step, self.config.steps)
        return feed(self.batches, *span, config.dispatch, config.evaluate_every, self.mesh)

    def advance(self, state: TrainState, chunk: PyTree, size: int) -> TrainState:
        state = self.place(state)
        memory = self.place(self.memory(state.params, state.memory, chunk))
        compiled, begin = self.program.seconds, time.perf_counter()
        state, metrics = self.call(state._replace(memory=memory), chunk)
        metrics = jax.tree.map(np.asarray, metrics)  # a tenth of device_get's time on a CPU
        seconds = time.perf_counter() - begin - (self.program.seconds - compiled)
        self.step += size
        self.report(metrics, size, seconds)
        return state

    def place(self, tree: PyTree) -> PyTree:
        return replicate(tree, self.mesh)

    def call(self, state: TrainState, chunk: PyTree) -> tuple[TrainState, dict[str, Any]]:
        return self.program(state, chunk)

    def report(self, metrics: dict[str, Any], size: int, seconds: float) -> None:
        """Log a chunk; stop at the first step whose loss or gradient is no finite number."""
        bad = first_bad(metrics)
        if bad is not None:
            last = self.checkpoints.last_path() if self.checkpoints else None
            raise TrainingDiverged(
                f"training diverged at step {self.step - size + bad}: loss "
                f"{metrics['loss'][bad]:.4g}, learning rate {metrics['learning_rate'][bad]:.4g}, "
                f"gradient norm {metrics['gradient_norm'][bad]:.4g}; "
                f"last good checkpoint: {last or 'none'}"
            )
        compiled = self.program.seconds
        self.log(train_record(metrics, self.step, size, seconds, compiled, self.metric.name))

    def is_due(self) -> bool:
        return self.step % self.config.evaluate_every == 0 or self.step == self.config.steps

    def evaluate(self, state: TrainState, dev: Batches) -> TrainState:
        """Log an evaluation, and let the learning rate and early stopping know of it."""
        record = self.measure(evaluation_params(state), state.hyper, dev)
        self.log({"step": self.step, "split": "dev", **record})
        self.value = self.metric.signed(record[self.metric.name])
        plateau = _observe(state.plateau, state.hyper, jnp.float32(self.value))
        return state._replace(plateau=plateau)

    def has_stalled(self, state: TrainState) -> bool:
        return 0 < self.config.patience <= int(state.plateau.since_best)

    def save(self, state: TrainState) -> None:
        if self.checkpoints is not None:
            self.checkpoints.save(state, self.value, self.step)
        self.value = None

    def log(self, record: Record) -> None:
        for log in self.logs:
            log(record)


def first_bad(metrics: dict[str, Any]) -> int | None:
    """Index of the first step whose loss or gradient is no finite number."""
    good = np.isfinite(metrics["loss"]) & np.isfinite(metrics["gradient_norm"])
    return None if good.all() else int(np.argmin(good))
