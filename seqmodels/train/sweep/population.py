"""Populations: a ``TrainState`` whose leaves have a leading axis of members.

These are pure functions around the trainer's own ``train_chunk``, under ``vmap`` or ``lax.map``. A
member that diverges is frozen: its state and its step no longer change, so its step falls behind.
"""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
from jax.sharding import Mesh, PartitionSpec

from seqmodels.train.config import OptimizerConfig
from seqmodels.train.state import ChunkOutput, TrainState, init_state, train_chunk
from seqmodels.types import Array, Bool, Int, Key, PyTree, Task

Lift = Callable[[Callable], Callable]  # f(member, shared) -> f(members, shared)


def lift_over_members(slice: int, mesh: Mesh | None = None) -> Lift:
    """Lift ``f(member, shared)`` to all members, ``slice`` of them at a time.

    With a mesh, the members are sharded over its ``population`` axis.
    """

    def lift(function: Callable) -> Callable:
        def all_members(members: PyTree, shared: PyTree) -> PyTree:
            one = partial(_swapped, function, shared)
            if slice >= jax.tree.leaves(members)[0].shape[0]:
                return jax.vmap(one)(members)
            # vmap over a single member would still batch the matmuls, which is slower on a CPU.
            return jax.lax.map(one, members, batch_size=None if slice == 1 else slice)

        if mesh is None:
            return all_members
        sharded, same = PartitionSpec("population"), PartitionSpec()
        return jax.shard_map(
            all_members,
            mesh=mesh,
            in_specs=(sharded, same),
            out_specs=sharded,
            axis_names={"population"},
            check_vma=False,
        )

    return lift


def _swapped(function: Callable, shared: PyTree, member: PyTree) -> PyTree:
    return function(member, shared)


def init_population(
    task: Task,
    config: OptimizerConfig,
    rates: dict[str, Array],
    keys: Key[Array, "members"],
    batch: PyTree,
) -> TrainState:
    """Return the states of all members before the first step."""
    return jax.vmap(lambda values, key: init_state(task, config, values, key, batch))(rates, keys)


def population_task(task: Task, lift: Lift, orders: bool = False) -> Task:
    """Return the task with a leading axis of members on its memory and metrics.

    With ``orders``, batches have a leading axis of data orders of the same shapes.
    """

    def measure(params: PyTree, rates: PyTree, memory: PyTree, batch: PyTree):
        one = lift(lambda member, batch: task.measure(*member, batch))
        return one((params, rates, memory), batch)

    def memory(params: PyTree, batch: PyTree) -> PyTree:
        first = jax.tree.map(lambda leaf: leaf[0], batch) if orders else batch
        return lift(task.memory)(params, first)

    return task._replace(measure=measure, memory=memory)


def population_chunk(
    task: Task, config: OptimizerConfig, lift: Lift
) -> Callable[..., tuple[TrainState, ChunkOutput]]:
    """Return ``(population, slots, batches) -> (population, output)``, outputs ``[members, K]``.

    If ``slots`` is None, all members learn from the same batches. Otherwise batches have a leading
    axis of data orders, and ``slots[member]`` is the index of a member's order.
    """
    chunk = train_chunk(task, config)

    def member(one: tuple[TrainState, PyTree], shared: tuple[Array, PyTree]):
        (state, slot), (step, batches) = one, shared
        if slot is not None:
            batches = jax.tree.map(lambda leaf: leaf[:, slot], batches)
        new, output = chunk(state, batches)
        finite = jnp.isfinite(output.info.loss) & jnp.isfinite(output.info.gradient_norm)
        alive = (state.step == step) & jnp.all(finite)
        return jax.tree.map(lambda a, b: jnp.where(alive, a, b), new, state), output

    def run(population: TrainState, slots: Int[Array, "members"] | None, batches: PyTree):
        return lift(member)((population, slots), (jnp.max(population.step), batches))

    return run


def is_alive(population: TrainState) -> Bool[Array, "members"]:
    """Return which members have not diverged."""
    return population.step == jnp.max(population.step)


@jax.jit
def select_members(population: TrainState, positions: Int[Array, "chosen"]) -> TrainState:
    """Return the members at these positions, which may repeat."""
    return jax.tree.map(lambda leaf: leaf[positions], population)


def member_state(population: TrainState, position: int) -> TrainState:
    """Return one member as the state of an ordinary run, on this process's first device."""
    return jax.device_put(_member(population, position), jax.local_devices()[0])


def first_member(population: TrainState) -> TrainState:
    """Return the first member, for its shapes."""
    return jax.tree.map(lambda leaf: leaf[0], population)


@jax.jit
def _member(population: TrainState, position: Int[Array, ""] | int) -> TrainState:
    return jax.tree.map(lambda leaf: leaf[position], population)
