"""Fit a task: the host loop around one compiled function."""

import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from seqmodels.data.batching import Batches
from seqmodels.train.config import FitConfig, Metric, check_config, training_rates
from seqmodels.train.distributed.devices import data_mesh, replicate
from seqmodels.train.distributed.hosts import any_host_signal
from seqmodels.train.evaluator import NATS, CarriedMemory, Evaluator, headline, headline_value
from seqmodels.train.feed import feed
from seqmodels.train.interrupt import Interrupted, listen
from seqmodels.train.optimizer import update_plateau
from seqmodels.train.program import Program
from seqmodels.train.records import ChunkSpan, Record, train_record
from seqmodels.train.runs.checkpoint import Checkpoints
from seqmodels.train.state import (
    ChunkOutput,
    StepInfo,
    TrainState,
    evaluation_params,
    init_state,
    train_chunk,
)
from seqmodels.types import PyTree, Task

Log = Callable[[Record], None]

_update_plateau = jax.jit(update_plateau)


class FitResult(NamedTuple):
    """The final state, and the records of all chunks and evaluations."""

    state: TrainState
    records: list[Record]


class TrainingDiverged(RuntimeError):
    """The loss or the gradient is not finite."""


def start(
    task: Task, batches: Batches, config: FitConfig, rates: dict[str, float] | None = None
) -> TrainState:
    """Return the state before the first step, on the device."""
    batch = batches(0)
    state = jax.jit(_initial(task, config))(*_rates_and_key(config, rates), batch)
    return _check_loss_traces(task, state, batch)


def resume(
    task: Task,
    batches: Batches,
    config: FitConfig,
    checkpoints: Checkpoints,
    rates: dict[str, float] | None = None,
) -> TrainState:
    """Return the state of the newest undamaged checkpoint, with the config's current rates."""
    values, key = _rates_and_key(config, rates)

    def abstract(step: int) -> TrainState:
        return jax.eval_shape(_initial(task, config), values, key, last_batch(step))

    def last_batch(step: int) -> PyTree:
        return batches(max(step - 1, 0))  # the memory has the shape of this batch

    state = checkpoints.restore(abstract)._replace(rates=values)
    return _check_loss_traces(task, state, last_batch(int(state.step)))


def _check_loss_traces(task: Task, state: TrainState, batch: PyTree) -> TrainState:
    """Trace the loss once, so that configuration errors surface before a run is written."""
    jax.eval_shape(task.loss, state.params, state.rates, state.memory, batch, state.key)
    return state


def _initial(task: Task, config: FitConfig) -> Callable[..., TrainState]:
    return lambda rates, key, batch: init_state(task, config.optimizer, rates, key, batch)


def _rates_and_key(config: FitConfig, rates: dict[str, float] | None) -> tuple[dict, jax.Array]:
    values = training_rates(config) if rates is None else rates
    return {name: jnp.float32(x) for name, x in values.items()}, jax.random.key(config.seed)


def fit(
    task: Task,
    batches: Batches,
    config: FitConfig,
    *,
    dev: Batches | None = None,
    metric: Metric = NATS,
    rates: dict[str, float] | None = None,
    state: TrainState | None = None,
    checkpoints: Checkpoints | None = None,
    logs: Sequence[Log] = (),
) -> FitResult:
    """Train to ``config.steps``, from ``state`` if one is given (its buffers are donated).

    Each chunk and each evaluation makes a record, which is passed to each of ``logs``. With
    ``checkpoints``, the state is saved at every evaluation, at the end, and on Ctrl-C or SIGTERM,
    which raise ``Interrupted``.

    metric: the headline metric, a number that the task measures, derives or scores on ``dev``;
        if the task measures a single metric, the name may be left out
    rates: initial hyperparameters; by default the config's
    """
    check_config(config)
    state = start(task, batches, config, rates) if state is None else state
    metric = metric if dev is None else headline(task, state, dev, metric)
    records: list[Record] = []
    trainer = Trainer(task, batches, config, metric, checkpoints, (records.append, *logs))
    return FitResult(trainer.run(state, dev), records)


class Trainer:
    """The loop of ``fit``; ``sweep`` runs the same loop over a population."""

    def __init__(self, task, batches, config, metric, checkpoints, logs):
        self.batches, self.mesh = batches, data_mesh(batches)
        self.config, self.metric = config, metric
        self.checkpoints, self.logs = checkpoints, logs
        self.task = task
        self.program = Program(train_chunk(task, config.optimizer), donate=(0,))
        self.memory = CarriedMemory(task)
        self.measure = Evaluator(task, config.dispatch)
        self.step = 0
        self.value: float | None = None  # headline of the last evaluation, until it is saved

    def run(self, state: TrainState, dev: Batches | None) -> TrainState:
        """Train to ``config.steps``, or until early stopping."""
        self.step = int(np.max(jax.device_get(state.step)))
        try:
            with listen() as requests, self.feed() as chunks:
                for chunk, size in chunks:
                    state = self.advance(state, chunk, size)
                    if self.is_due() and dev is not None:
                        state = self.evaluate(state, dev)
                    stop = any_host_signal(requests.signal)
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
        state, output = self.call(state._replace(memory=memory), chunk)
        output = jax.tree.map(np.asarray, output)  # a tenth of device_get's time on a CPU
        seconds = time.perf_counter() - begin - (self.program.seconds - compiled)
        self.step += size
        self.report(output, size, seconds)
        return state

    def place(self, tree: PyTree) -> PyTree:
        return replicate(tree, self.mesh)

    def call(self, state: TrainState, chunk: PyTree) -> tuple[TrainState, ChunkOutput]:
        return self.program(state, chunk)

    def report(self, output: ChunkOutput, size: int, seconds: float) -> None:
        """Log a chunk; stop at the first step whose loss or gradient is not finite."""
        info = output.info
        bad = first_nonfinite(info)
        if bad is not None:
            last = self.checkpoints.last_path() if self.checkpoints else None
            raise TrainingDiverged(
                f"training diverged at step {self.step - size + bad}: loss "
                f"{info.loss[bad]:.4g}, learning rate {info.learning_rate[bad]:.4g}, "
                f"gradient norm {info.gradient_norm[bad]:.4g}; "
                f"last good checkpoint: {last or 'none'}"
            )
        span = ChunkSpan(self.step, size, seconds, self.program.seconds)
        self.log(train_record(self.task, output, span))

    def is_due(self) -> bool:
        return self.step % self.config.evaluate_every == 0 or self.step == self.config.steps

    def evaluate(self, state: TrainState, dev: Batches) -> TrainState:
        """Log an evaluation and update the plateau schedule and early stopping."""
        record = self.measure(evaluation_params(state), state.rates, dev)
        self.value = self.metric.signed(headline_value(self.metric, record))
        self.log({"step": self.step, "split": "dev", **record})
        plateau = _update_plateau(state.plateau, state.rates, jnp.float32(self.value))
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


def first_nonfinite(info: StepInfo) -> int | None:
    """Return the index of the first step whose loss or gradient is not finite."""
    finite = np.isfinite(info.loss) & np.isfinite(info.gradient_norm)
    return None if finite.all() else int(np.argmin(finite))
