"""The trainer's loop over a population."""

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from seqmodels.data.batching import Batches
from seqmodels.errors import UserError
from seqmodels.train.config import config_values, with_values
from seqmodels.train.distributed.devices import place, population_mesh, shard_members
from seqmodels.train.evaluator import CarriedMemory, Evaluator, headline_value, summarize
from seqmodels.train.feed import stack_batches
from seqmodels.train.fit import Trainer, TrainingDiverged, first_nonfinite
from seqmodels.train.optimizer import update_plateau
from seqmodels.train.program import Program
from seqmodels.train.records import ChunkSpan, Record, train_record
from seqmodels.train.state import ChunkOutput, TrainState, evaluation_params
from seqmodels.train.sweep.keeper import Best, Keeper
from seqmodels.train.sweep.population import (
    is_alive,
    lift_over_members,
    member_state,
    population_chunk,
    population_task,
    select_members,
)
from seqmodels.train.sweep.slices import choose_slice, fit_memory
from seqmodels.train.sweep.strategies import Evaluation, Selection, Strategy
from seqmodels.types import PyTree

_update_plateau = jax.jit(jax.vmap(update_plateau))


def stack_orders(orders: Sequence[Batches]) -> Batches:
    """Stack the batches of several data orders on a leading axis."""

    def at(step: int, part: slice) -> PyTree:
        del part  # without rows, it is always the whole batch
        try:
            return stack_batches([batches(step) for batches in orders])
        except ValueError as error:
            raise UserError("--order own needs batches of one shape; use --order shared") from error

    axis = jax.tree.map(lambda number: number + 1, orders[0].batch_axis)
    return Batches(at, orders[0].steps_per_epoch, batch_axis=axis)


class Member(NamedTuple):
    """A member's index in the sweep, and the config that it would have in a separate run."""

    number: int
    config: Any


class Population(NamedTuple):
    """The members, and how they are trained and selected."""

    members: list[Member]
    slots: np.ndarray | None  # index of each member's data order; None if they share one
    swept_rates: list[str]  # the hyperparameters in which members differ
    slice: int
    strategy: Strategy
    keep: Keeper


class PopulationTrainer(Trainer):
    """Trains all members in one program and logs each of them as a run with a member number."""

    def __init__(self, task, batches, config, metric, checkpoints, logs, population: Population):
        super().__init__(task, batches, config, metric, checkpoints, logs)
        self.population = population

    def run(self, state: TrainState, dev: Batches | None) -> TrainState:
        self.alive = np.array(is_alive(state))
        self.set_up(state)
        return super().run(state, dev)

    def set_up(self, state: TrainState) -> None:
        """Build the programs for the current number of members."""
        count = len(self.population.members)
        self.mesh = mesh = population_mesh(count, self.batches)
        local = count // (mesh.shape["population"] if mesh else 1)
        parameters = sum(leaf.size for leaf in jax.tree.leaves(state.params)) // count
        self.slice = self.population.slice or choose_slice(local, parameters)
        lift = lift_over_members(self.slice, mesh)
        task = population_task(self.task, lift, orders=self.population.slots is not None)
        self.program, self.fits = self.build(self.slice), False
        self.memory = CarriedMemory(task)
        measured = population_task(self.task, lift)
        self.measure = Evaluator(
            measured, self.config.dispatch, lambda batches: mesh, shard_members
        )

    def build(self, slice: int) -> Program:
        lift = lift_over_members(slice, self.mesh)
        return Program(population_chunk(self.task, self.config.optimizer, lift), donate=(0,))

    def place(self, tree: PyTree) -> PyTree:
        return shard_members(tree, self.mesh)

    def call(self, state: TrainState, chunk: PyTree) -> tuple[TrainState, ChunkOutput]:
        # The chunk may have been placed for a population that has been halved since.
        chunk = place(chunk, self.mesh, self.batches.batch_axis)
        slots = (
            None
            if self.population.slots is None
            else self.place(jnp.asarray(self.population.slots))
        )
        arguments = state, slots, chunk
        if not self.fits:
            self.program, fitting = fit_memory(self.build, self.slice, arguments)
            self.fits = True
            if fitting < self.slice:
                count = len(self.population.members)
                print(f"only {fitting} of {count} members fit into memory at a time")
        return self.program(*arguments)

    def report(self, output: ChunkOutput, size: int, seconds: float) -> None:
        """Log every member's chunk, or that it has diverged."""
        for position in np.flatnonzero(self.alive).tolist():
            own = jax.tree.map(lambda leaf: leaf[position], output)  # noqa: B023
            bad = first_nonfinite(own.info)
            if bad is None:
                span = ChunkSpan(self.step, size, seconds, self.program.seconds)
                record = train_record(self.task, own, span)
            else:
                record = {"step": self.step, "split": "diverged", "at": self.step - size + bad}
                self.alive[position] = False
            self.log_member(position, record)
        if not self.alive.any():
            raise TrainingDiverged(f"every member has diverged by step {self.step}")

    def log_member(self, position: int, record: Record) -> None:
        self.log({**record, "member": self.population.members[position].number})

    def evaluate(self, state: TrainState, dev: Batches) -> TrainState:
        """Log every member's evaluation, keep the best one, and apply the strategy."""
        measured = self.measure.measure(evaluation_params(state), state.rates, dev)
        values = np.full(self.alive.shape, np.inf)
        for position in np.flatnonzero(self.alive).tolist():
            record = summarize(self.task, measured.member(position))
            value = self.metric.signed(headline_value(self.metric, record))
            values[position] = value if np.isfinite(value) else np.inf
            self.log_member(position, {"step": self.step, "split": "dev", **record})
        self.offer(state, values)
        plateau = _update_plateau(state.plateau, state.rates, jnp.asarray(values, jnp.float32))
        return self.select(state._replace(plateau=plateau), values)

    def offer(self, state: TrainState, values: np.ndarray) -> None:
        """Pass each member's state to ``keep``, the best one first."""
        for position in np.argsort(values).tolist():
            number = self.population.members[position].number
            make = partial(self.snapshot, state, position, float(values[position]))
            self.population.keep(number, float(values[position]), make)

    def snapshot(self, state: TrainState, position: int, value: float) -> Best:
        """Return a member with its current state."""
        number, config = self.population.members[position]
        own, values_of = member_state(state, position), config_values(config)
        moved = {
            name: float(own.rates[name])
            for name in self.population.swept_rates
            if np.float32(values_of[name]) != own.rates[name]
        }
        return Best(number, with_values(config, moved), own, value)

    def select(self, state: TrainState, values: np.ndarray) -> TrainState:
        if self.step >= self.config.steps:
            return state  # there is no training left
        rates = {name: np.asarray(state.rates[name]) for name in self.population.swept_rates}
        selection = self.population.strategy(Evaluation(self.step, values, rates))
        if selection is None:
            return state
        self.log_selection(selection)
        parents = selection.parents
        chosen = select_members(state, jnp.asarray(parents))
        self.alive = self.alive[parents]
        if len(parents) < len(self.population.members):
            slots = None if self.population.slots is None else self.population.slots[parents]
            self.population = self.population._replace(
                members=[self.population.members[i] for i in parents], slots=slots
            )
            self.set_up(chosen)
            return chosen
        changed = {name: jnp.asarray(x, jnp.float32) for name, x in selection.rates.items()}
        # A copy keeps its own key, so that it differs from its parent.
        return chosen._replace(rates=chosen.rates | changed, key=state.key)

    def log_selection(self, selection: Selection) -> None:
        members, parents = self.population.members, selection.parents
        for position in set(range(len(members))) - set(parents.tolist()):
            if len(parents) < len(members):
                self.log_member(position, {"step": self.step, "split": "dropped"})
        for position in np.flatnonzero(parents != np.arange(len(parents))).tolist():
            if len(parents) == len(members):
                rates = {name: float(x[position]) for name, x in selection.rates.items()}
                event = {"parent": members[parents[position]].number, **rates}
                self.log_member(position, {"step": self.step, "split": "copied", **event})
