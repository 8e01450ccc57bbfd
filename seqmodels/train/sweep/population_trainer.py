"""The trainer's loop over a population: what is different where there are many members."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from seqmodels.errors import UserError
from seqmodels.train.distributed.devices import place, population_mesh, spread
from seqmodels.train.feed import Batches, stack
from seqmodels.train.fit import Evaluator, Memory, Trainer, TrainingDiverged, first_bad
from seqmodels.train.optimizer import observe
from seqmodels.train.program import Program
from seqmodels.train.records import Record, train_record
from seqmodels.train.state import TrainState, evaluation_params
from seqmodels.train.sweep.population import (
    alive,
    member_state,
    over,
    pick,
    population_chunk,
    population_task,
)
from seqmodels.train.sweep.slices import choose_slice, fit_memory
from seqmodels.train.sweep.strategies import Selection, Standing, Strategy
from seqmodels.types import PyTree

_observe = jax.jit(jax.vmap(observe))


class Best(NamedTuple):
    """The best member so far: its state at its best evaluation, as that of an ordinary run."""

    member: int
    config: Any
    state: TrainState
    value: float  # of the headline metric, its sign turned so that lower is better


@dataclass(frozen=True)
class Orders:
    """The batches of several data orders, stacked on a leading axis."""

    orders: tuple[Batches, ...]

    def __call__(self, step: int) -> PyTree:
        batches = [batches(step) for batches in self.orders]
        try:
            return stack(batches)
        except ValueError as error:
            raise UserError("--order own needs batches of one shape: use --order shared") from error

    @property
    def steps_per_epoch(self) -> int:
        return self.orders[0].steps_per_epoch

    @property
    def batch_axis(self) -> PyTree:
        axis = getattr(self.orders[0], "batch_axis", None)
        return jax.tree.map(lambda number: number + 1, axis)


class Member(NamedTuple):
    """A member's number in the whole sweep, and the config that it would have alone."""

    number: int
    config: Any


class Plan(NamedTuple):
    """Who the members are, and what becomes of them."""

    members: list[Member]
    slots: np.ndarray | None  # which data order each has; None where they share one
    swept: list[str]  # the numbers in which they differ
    slice: int
    strategy: Strategy
    keep: Callable[[Best], None]


class PopulationTrainer(Trainer):
    """Trains members as one; each is logged as if it were alone, with its number."""

    def __init__(self, task, batches, config, metric, checkpoints, logs, plan: Plan):
        super().__init__(task, batches, config, metric, checkpoints, logs)
        self.task, self.plan = task, plan

    def run(self, state: TrainState, dev: Batches | None) -> TrainState:
        self.alive = np.array(alive(state))
        self.set_up(state)
        return super().run(state, dev)

    def set_up(self, state: TrainState) -> None:
        """The programs for as many members as there are now."""
        count = len(self.plan.members)
        self.mesh = mesh = population_mesh(count, self.batches)
        local = count // (mesh.shape["population"] if mesh else 1)
        parameters = sum(leaf.size for leaf in jax.tree.leaves(state.params)) // count
        self.slice = self.plan.slice or choose_slice(local, parameters)
        lift = over(self.slice, mesh)
        task = population_task(self.task, lift, orders=self.plan.slots is not None)
        self.program, self.fits = self.build(self.slice), False
        self.memory = Memory(task)
        measured = population_task(self.task, lift)
        self.measure = Evaluator(measured, self.config.dispatch, lambda batches: mesh, spread)

    def build(self, slice: int) -> Program:
        return Program(
            population_chunk(self.task, self.config, over(slice, self.mesh)), donate=(0,)
        )

    def place(self, tree: PyTree) -> PyTree:
        return spread(tree, self.mesh)

    def call(self, state: TrainState, chunk: PyTree) -> tuple[TrainState, dict[str, Any]]:
        # The chunk may have been made ready for the devices of a population since halved.
        chunk = place(chunk, self.mesh, getattr(self.batches, "batch_axis", None))
        slots = None if self.plan.slots is None else self.place(jnp.asarray(self.plan.slots))
        arguments = state, slots, chunk
        if not self.fits:
            self.program, fitting = fit_memory(self.build, self.slice, arguments)
            self.fits = True
            if fitting < self.slice:
                print(
                    f"memory has room for {fitting} of {len(self.plan.members)} members at a time"
                )
        return self.program(*arguments)

    def report(self, metrics: dict[str, Any], size: int, seconds: float) -> None:
        """Log every member's chunk, or that it has diverged."""
        for position in np.flatnonzero(self.alive).tolist():
            own = jax.tree.map(lambda leaf: leaf[position], metrics)  # noqa: B023
            bad = first_bad(own)
            if bad is None:
                compiled, name = self.program.seconds, self.metric.name
                record = train_record(own, self.step, size, seconds, compiled, name)
            else:
                record = {"step": self.step, "split": "diverged", "at": self.step - size + bad}
                self.alive[position] = False
            self.log_member(position, record)
        if not self.alive.any():
            raise TrainingDiverged(f"every member has diverged by step {self.step}")

    def log_member(self, position: int, record: Record) -> None:
        self.log({**record, "member": self.plan.members[position].number})

    def evaluate(self, state: TrainState, dev: Batches) -> TrainState:
        """Log every member's evaluation, keep the best, and let the strategy choose."""
        means = self.measure(evaluation_params(state), state.hyper, dev)
        for position in np.flatnonzero(self.alive).tolist():
            own = {
                name: float(np.broadcast_to(x, self.alive.shape)[position])
                for name, x in means.items()
            }
            self.log_member(position, {"step": self.step, "split": "dev", **own})
        values = np.array([self.metric.signed(float(x)) for x in means[self.metric.name]])
        values = np.where(self.alive & np.isfinite(values), values, np.inf)
        self.offer(state, values)
        plateau = _observe(state.plateau, state.hyper, jnp.asarray(values, jnp.float32))
        return self.select(state._replace(plateau=plateau), values)

    def offer(self, state: TrainState, values: np.ndarray) -> None:
        """Offer the best member of this evaluation to whoever keeps the best of all."""
        position = int(np.argmin(values))
        number, config = self.plan.members[position]
        own = member_state(state, position)
        moved = {
            name: float(own.hyper[name])
            for name in self.plan.swept
            if np.float32(getattr(config, name)) != own.hyper[name]
        }
        self.plan.keep(Best(number, replace(config, **moved), own, float(values[position])))

    def select(self, state: TrainState, values: np.ndarray) -> TrainState:
        if self.step >= self.config.steps:
            return state  # nobody would train what is chosen now
        hyper = {name: np.asarray(state.hyper[name]) for name in self.plan.swept}
        selection = self.plan.strategy(Standing(self.step, values, hyper))
        if selection is None:
            return state
        self.log_selection(selection)
        parents = selection.parents
        chosen = pick(state, jnp.asarray(parents))
        self.alive = self.alive[parents]
        if len(parents) < len(self.plan.members):
            slots = None if self.plan.slots is None else self.plan.slots[parents]
            self.plan = self.plan._replace(
                members=[self.plan.members[i] for i in parents], slots=slots
            )
            self.set_up(chosen)
            return chosen
        numbers = {name: jnp.asarray(x, jnp.float32) for name, x in selection.hyper.items()}
        # A copy keeps its own key, so that noise drives it and its parent apart.
        return chosen._replace(hyper=chosen.hyper | numbers, key=state.key)

    def log_selection(self, selection: Selection) -> None:
        members, parents = self.plan.members, selection.parents
        for position in set(range(len(members))) - set(parents.tolist()):
            if len(parents) < len(members):
                self.log_member(position, {"step": self.step, "split": "dropped"})
        for position in np.flatnonzero(parents != np.arange(len(parents))).tolist():
            if len(parents) == len(members):
                numbers = {name: float(x[position]) for name, x in selection.hyper.items()}
                event = {"parent": members[parents[position]].number, **numbers}
                self.log_member(position, {"step": self.step, "split": "copied", **event})
