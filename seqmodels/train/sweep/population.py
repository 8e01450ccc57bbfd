"""A population: one ``TrainState`` whose every leaf has a leading axis, one entry for each member.

Pure functions; what runs is the trainer's own ``train_chunk`` under ``vmap`` or ``lax.map``.  A
member that diverges is frozen: its state stays, its step with it, so that it is known by a step
behind the population's.
"""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
from jax.sharding import Mesh, PartitionSpec

from seqmodels.train.config import OptimizerConfig
from seqmodels.train.state import TrainState, init_state, train_chunk
from seqmodels.types import Array, Bool, Int, Key, PyTree, Task

Over = Callable[[Callable], Callable]  # f(member, shared) -> the same of all members


def over(slice: int, mesh: Mesh | None = None) -> Over:
    """Lift ``f(member, shared)`` to all members, ``slice`` of them at the same time.

    With a mesh the members are spread over its ``population`` axis, and each device goes through
    its own.
    """

    def lift(function: Callable) -> Callable:
        def all_members(members: PyTree, shared: PyTree) -> PyTree:
            one = partial(_swapped, function, shared)
            if slice >= jax.tree.leaves(members)[0].shape[0]:
                return jax.vmap(one)(members)
            # A vmap over one would still make batched matmuls, which XLA runs slower on CPU.
            return jax.lax.map(one, members, batch_size=None if slice == 1 else slice)

        if mesh is None:
            return all_members
        spread, same = PartitionSpec("population"), PartitionSpec()
        return jax.shard_map(
            all_members,
            mesh=mesh,
            in_specs=(spread, same),
            out_specs=spread,
            axis_names={"population"},
            check_vma=False,
        )

    return lift


def _swapped(function: Callable, shared: PyTree, member: PyTree) -> PyTree:
    return function(member, shared)


def init_population(
    task: Task,
    config: OptimizerConfig,
    hyper: dict[str, Array],
    keys: Key[Array, "members"],
    batch: PyTree,
) -> TrainState:
    """The states of all members before the first step."""
    return jax.vmap(lambda values, key: init_state(task, config, values, key, batch))(hyper, keys)


def population_task(task: Task, lift: Over, orders: bool = False) -> Task:
    """The task of all members: what it starts and measures has a leading axis of members.

    With ``orders`` a batch has a leading axis of data orders; all have the same shapes.
    """

    def measure(params: PyTree, hyper: PyTree, memory: PyTree, batch: PyTree):
        one = lift(lambda member, batch: task.measure(*member, batch))
        return one((params, hyper, memory), batch)

    def memory(params: PyTree, batch: PyTree) -> PyTree:
        first = jax.tree.map(lambda leaf: leaf[0], batch) if orders else batch
        return lift(task.memory)(params, first)

    return task._replace(measure=measure, memory=memory)


def population_chunk(
    task: Task, config: OptimizerConfig, lift: Over
) -> Callable[..., tuple[TrainState, dict[str, PyTree]]]:
    """``(population, slots, batches) -> (population, metrics)``; every metric is ``[members, K]``.

    Without slots (None) all members learn from the same batches; else a batch has a leading axis
    of data orders, and ``slots[member]`` tells whose is whose.
    """
    chunk = train_chunk(task, config)

    def member(one: tuple[TrainState, PyTree], shared: tuple[Array, PyTree]):
        (state, slot), (step, batches) = one, shared
        if slot is not None:
            batches = jax.tree.map(lambda leaf: leaf[:, slot], batches)
        new, metrics = chunk(state, batches)
        finite = jnp.isfinite(metrics["loss"]) & jnp.isfinite(metrics["gradient_norm"])
        alive = (state.step == step) & jnp.all(finite)
        return jax.tree.map(lambda a, b: jnp.where(alive, a, b), new, state), metrics

    def run(population: TrainState, slots: Int[Array, "members"] | None, batches: PyTree):
        return lift(member)((population, slots), (jnp.max(population.step), batches))

    return run


def alive(population: TrainState) -> Bool[Array, "members"]:
    """Members that have not diverged."""
    return population.step == jnp.max(population.step)


@jax.jit
def pick(population: TrainState, positions: Int[Array, "chosen"]) -> TrainState:
    """Some of the members, any of them more than once."""
    return jax.tree.map(lambda leaf: leaf[positions], population)


def member_state(population: TrainState, position: int) -> TrainState:
    """One member as the state of an ordinary run, on this process's first device."""
    own = jax.tree.map(lambda leaf: leaf[position], population)
    return jax.device_put(own, jax.local_devices()[0])
