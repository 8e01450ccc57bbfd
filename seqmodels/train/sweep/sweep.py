"""Sweep: from points to trained members and a leaderboard, one compiled program for each shape."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from seqmodels.train.config import FitConfig, Metric, hyper
from seqmodels.train.feed import Batches
from seqmodels.train.fit import LOSS, Log, TrainingDiverged
from seqmodels.train.records import Record
from seqmodels.train.runs.checkpoint import Checkpoints
from seqmodels.train.runs.run_directory import RunDirectory
from seqmodels.train.state import TrainState
from seqmodels.train.sweep.leaderboard import Row, leaderboard
from seqmodels.train.sweep.points import Point, SweepOptions, by_program
from seqmodels.train.sweep.population import init_population
from seqmodels.train.sweep.population_trainer import Best, Member, Orders, Plan, PopulationTrainer
from seqmodels.train.sweep.strategies import choose_strategy
from seqmodels.types import Array, PyTree, Task


class Problem(NamedTuple):
    """What the members of one program learn, and from what."""

    task: Task
    train: Batches
    dev: Batches


class Swept(NamedTuple):
    """All members, the best first; every record; the best member at its best evaluation."""

    rows: list[Row]
    records: list[Record]
    best: Best | None


class Program(NamedTuple):
    """Members that one compiled program trains, each with the config that it would have alone."""

    members: list[int]  # their numbers in the whole sweep
    configs: list[Any]
    config: Any  # what they share; its seed is that of the data
    numbers: list[dict[str, float]]
    directory: RunDirectory | None

    def swept(self) -> dict[str, np.ndarray]:
        """The numbers in which members differ."""
        columns = {n: np.array([own[n] for own in self.numbers]) for n in self.numbers[0]}
        return {name: column for name, column in columns.items() if np.ptp(column)}


def sweep(
    problem: Callable[[Any], Problem],
    points: Sequence[Point],
    config: FitConfig,
    *,
    metric: Metric = LOSS,
    names: tuple[str, ...] = (),
    options: SweepOptions = SweepOptions(),  # noqa: B008 (frozen)
    directory: Callable[[int], RunDirectory] | None = None,
    logs: Sequence[Log] = (),
    keep: Callable[[Best], None] = lambda best: None,
) -> Swept:
    """Train a member for each point (config field -> value), each as if it ran alone.

    Numbers (the optimizer's, the config's fields ``names``, the seed) make members of one
    compiled program; whatever else differs makes further programs, one after the other.
    ``directory(i)`` holds what program i needs to go on after a kill; ``keep`` is handed each new
    best member.
    """
    config.check()
    records: list[Record] = []
    keeper = _Keeper(keep)
    for program in _programs(points, config, names, directory):
        _train(program, problem, metric, options, records, logs, keeper)
    return Swept(leaderboard(points, records, metric), records, keeper.best)


class _Keeper:
    """Hands on each member that is better than all before it."""

    def __init__(self, keep: Callable[[Best], None]):
        self.keep, self.value = keep, np.inf
        self.best: Best | None = None

    def __call__(self, best: Best) -> None:
        if best.value < self.value:
            self.best, self.value = best, best.value
            self.keep(best)

    def remember(self, records: Sequence[Record], metric: Metric) -> None:
        """What was found before a kill."""
        values = [metric.signed(r[metric.name]) for r in records if r["split"] == "dev"]
        self.value = min([self.value, *(value for value in values if np.isfinite(value))])


def _programs(
    points: Sequence[Point],
    config: Any,
    names: tuple[str, ...],
    directory: Callable[[int], RunDirectory] | None,
) -> list[Program]:
    swept = {*hyper(config, names), "seed"}
    programs = []
    for number, group in enumerate(by_program(points, swept)):
        configs = [replace(config, **points[member]) for member in group]
        numbers = [hyper(own, names) for own in configs]
        place = directory(number) if directory else None
        shared = replace(configs[0], seed=config.seed)
        programs.append(Program(group, configs, shared, numbers, place))
    return programs


def _train(
    program: Program,
    build: Callable[[Any], Problem],
    metric: Metric,
    options: SweepOptions,
    records: list[Record],
    logs: Sequence[Log],
    keep: _Keeper,
) -> None:
    """Train one program's members to the end, from where a killed sweep left off."""
    problem, config, configs = build(program.config), program.config, program.configs
    seeds = sorted({own.seed for own in program.configs}) if options.order == "own" else []
    orders = [build(replace(config, seed=seed)).train for seed in seeds]
    batches = Orders(tuple(orders)) if orders else problem.train
    checkpoints, left, state, earlier = _begin(program, problem.task, batches, bool(orders))
    records += earlier
    keep.remember(earlier, metric)
    if not orders:
        configs = [replace(own, seed=config.seed) for own in program.configs]
    plan = Plan(
        members=[Member(program.members[i], configs[i]) for i in left],
        slots=np.array([seeds.index(program.configs[i].seed) for i in left]) if orders else None,
        swept=list(program.swept()),
        slice=options.slice,
        strategy=choose_strategy(options, config, len(program.members), program.swept()),
        keep=keep,
    )
    written = [program.directory.log] if program.directory else []
    all_logs = (records.append, *written, *logs)
    trainer = PopulationTrainer(problem.task, batches, config, metric, checkpoints, all_logs, plan)
    with suppress(TrainingDiverged):  # the leaderboard tells of each
        trainer.run(state, problem.dev)


def _begin(
    program: Program, task: Task, batches: Batches, orders: bool
) -> tuple[Checkpoints | None, list[int], TrainState, list[Record]]:
    """Where to save, the positions of the members that are left, their state, what was logged."""
    values = {n: [own[n] for own in program.numbers] for n in program.numbers[0]}
    hyper = {name: jnp.array(column, jnp.float32) for name, column in values.items()}
    keys = jax.vmap(jax.random.key)(jnp.array([own.seed for own in program.configs], jnp.uint32))

    def initial(hyper: PyTree, keys: Array, batch: PyTree) -> TrainState:
        first = jax.tree.map(lambda leaf: leaf[0], batch) if orders else batch
        return init_population(task, program.config, hyper, keys, first)

    everyone = list(range(len(program.members)))
    if program.directory is None:
        return None, everyone, jax.jit(initial)(hyper, keys, batches(0)), []
    checkpoints = Checkpoints(program.directory.checkpoints, program.config.keep)
    if not checkpoints.steps():
        program.directory.rewind(-1)
        return checkpoints, everyone, jax.jit(initial)(hyper, keys, batches(0)), []
    logged = program.directory.records()

    def left(step: int) -> list[int]:
        dropped = {r["member"] for r in logged if r["split"] == "dropped" and r["step"] <= step}
        return [i for i in everyone if program.members[i] not in dropped]

    def abstract(step: int) -> TrainState:
        some = jax.tree.map(lambda leaf: leaf[np.array(left(step))], (hyper, keys))
        return jax.eval_shape(initial, *some, batches(max(step - 1, 0)))

    state = checkpoints.restore(abstract)
    step = int(np.max(state.step))
    program.directory.rewind(step)
    return checkpoints, left(step), state, program.directory.records()
