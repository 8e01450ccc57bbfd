"""Sweeps: from points to trained members and a leaderboard, one compiled program per shape."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from seqmodels.data.batching import Batches
from seqmodels.train.config import (
    FitConfig,
    Metric,
    check_config,
    training_part,
    training_rates,
    with_values,
)
from seqmodels.train.evaluator import NATS, headline
from seqmodels.train.fit import Log, TrainingDiverged
from seqmodels.train.records import Record
from seqmodels.train.runs.checkpoint import Checkpoints
from seqmodels.train.runs.run_directory import RunDirectory
from seqmodels.train.state import TrainState
from seqmodels.train.sweep.keeper import Best, Keeper
from seqmodels.train.sweep.leaderboard import Row, leaderboard
from seqmodels.train.sweep.points import Point, SweepOptions, group_by_program
from seqmodels.train.sweep.population import first_member, init_population
from seqmodels.train.sweep.population_trainer import (
    Member,
    Population,
    PopulationTrainer,
    stack_orders,
)
from seqmodels.train.sweep.strategies import choose_strategy
from seqmodels.types import Array, PyTree, Task

RatesOf = Callable[[Any], dict[str, float]]


class SweepData(NamedTuple):
    """The task of the members of one program, and its training and dev batches."""

    task: Task
    train: Batches
    dev: Batches


class SweepResult(NamedTuple):
    """The leaderboard, all records, and the best member at its best evaluation."""

    rows: list[Row]
    records: list[Record]
    best: Best | None


class MemberGroup(NamedTuple):
    """Members that one compiled program trains."""

    members: list[int]  # indices in the sweep
    configs: list[Any]  # each member's config in a separate run
    config: Any  # shared by the members; its seed is that of the data
    rates: list[dict[str, float]]
    directory: RunDirectory | None

    def swept_rates(self) -> dict[str, np.ndarray]:
        """Return the hyperparameters in which members differ."""
        columns = {n: np.array([own[n] for own in self.rates]) for n in self.rates[0]}
        return {name: column for name, column in columns.items() if np.ptp(column)}


def default_rates(config: Any) -> dict[str, float]:
    """Return the optimizer's hyperparameters of a config."""
    return training_rates(training_part(config))


def sweep(
    build: Callable[[Any], SweepData],
    points: Sequence[Point],
    config: Any,
    *,
    metric: Metric = NATS,
    initial_rates: RatesOf = default_rates,
    options: SweepOptions = SweepOptions(),  # noqa: B008 (frozen)
    directory: Callable[[int], RunDirectory] | None = None,
    logs: Sequence[Log] = (),
    keeper: Keeper | None = None,
) -> SweepResult:
    """Train a member for each point (field name -> value), each as if it ran alone.

    Members that differ only in hyperparameters (``initial_rates(config)``) or the seed share one
    compiled program. Programs run one after the other.

    config:    a ``FitConfig``, or a config with a field ``training``
    metric:    the headline metric; if the task measures a single one, the name may be left out
    directory: ``(i) -> directory`` with the state of program i, so that a killed sweep can resume
    keeper:    receives the states of the best members
    """
    check_config(config)
    records: list[Record] = []
    keeper = keeper or Keeper()
    for group in _groups(points, config, initial_rates, directory):
        metric = _train(group, build, metric, options, records, logs, keeper)
    return SweepResult(leaderboard(points, records, metric), records, keeper.best)


def _groups(
    points: Sequence[Point],
    config: Any,
    initial_rates: RatesOf,
    directory: Callable[[int], RunDirectory] | None,
) -> list[MemberGroup]:
    traced = {*initial_rates(config), "seed"}
    groups = []
    for number, group in enumerate(group_by_program(points, traced)):
        configs = [with_values(config, points[member]) for member in group]
        rates = [initial_rates(own) for own in configs]
        place = directory(number) if directory else None
        shared = with_values(configs[0], {"seed": training_part(config).seed})
        groups.append(MemberGroup(group, configs, shared, rates, place))
    return groups


def _seed(config: Any) -> int:
    return training_part(config).seed


def _train(
    group: MemberGroup,
    build: Callable[[Any], SweepData],
    metric: Metric,
    options: SweepOptions,
    records: list[Record],
    logs: Sequence[Log],
    keep: Keeper,
) -> Metric:
    """Train the members of one program from their last checkpoint; return the headline metric."""
    data, config, configs = build(group.config), group.config, group.configs
    training = training_part(config)
    seeds = sorted({_seed(own) for own in configs}) if options.order == "own" else []
    orders = [build(with_values(config, {"seed": seed})).train for seed in seeds]
    batches = stack_orders(orders) if orders else data.train
    checkpoints, left, state, earlier = _begin(group, data.task, batches, bool(orders))
    metric = headline(data.task, jax.eval_shape(first_member, state), data.dev, metric)
    records += earlier
    keep.read(earlier, metric)
    slots = np.array([seeds.index(_seed(configs[i])) for i in left]) if orders else None
    if not orders:
        configs = [with_values(own, {"seed": training.seed}) for own in configs]
    population = Population(
        members=[Member(group.members[i], configs[i]) for i in left],
        slots=slots,
        swept_rates=list(group.swept_rates()),
        slice=options.slice,
        strategy=choose_strategy(options, training, len(group.members), group.swept_rates()),
        keep=keep,
    )
    written = [group.directory.log] if group.directory else []
    trainer = PopulationTrainer(
        data.task,
        batches,
        training,
        metric,
        checkpoints,
        (records.append, *written, *logs),
        population,
    )
    with suppress(TrainingDiverged):  # the leaderboard reports diverged members
        trainer.run(state, data.dev)
    return metric


def _begin(
    group: MemberGroup, task: Task, batches: Batches, orders: bool
) -> tuple[Checkpoints | None, list[int], TrainState, list[Record]]:
    """Return checkpoints, positions of the members that are left, their state, and records."""
    values = {n: [own[n] for own in group.rates] for n in group.rates[0]}
    rates = {name: jnp.array(column, jnp.float32) for name, column in values.items()}
    keys = jax.vmap(jax.random.key)(jnp.array([_seed(own) for own in group.configs], jnp.uint32))
    training: FitConfig = training_part(group.config)

    def initial(rates: PyTree, keys: Array, batch: PyTree) -> TrainState:
        first = jax.tree.map(lambda leaf: leaf[0], batch) if orders else batch
        return init_population(task, training.optimizer, rates, keys, first)

    everyone = list(range(len(group.members)))
    if group.directory is None:
        return None, everyone, jax.jit(initial)(rates, keys, batches(0)), []
    checkpoints = Checkpoints(group.directory.checkpoints, training.keep)
    if not checkpoints.steps():
        group.directory.rewind(-1)
        return checkpoints, everyone, jax.jit(initial)(rates, keys, batches(0)), []
    records = group.directory.records()

    def left(step: int) -> list[int]:
        dropped = {r["member"] for r in records if r["split"] == "dropped" and r["step"] <= step}
        return [i for i in everyone if group.members[i] not in dropped]

    def abstract(step: int) -> TrainState:
        some = jax.tree.map(lambda leaf: leaf[np.array(left(step))], (rates, keys))
        return jax.eval_shape(initial, *some, batches(max(step - 1, 0)))

    state = checkpoints.restore(abstract)
    step = int(np.max(state.step))
    group.directory.rewind(step)
    return checkpoints, left(step), state, group.directory.records()
