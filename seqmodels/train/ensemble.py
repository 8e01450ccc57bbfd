"""Ensembles: the mixture of several trained models as one task."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from seqmodels.errors import UserError
from seqmodels.types import Array, Params, PyTree, Task


class MemberStack(NamedTuple):
    """Members of one architecture; every leaf has a leading axis of members."""

    params: Params
    rates: dict[str, Array]


def stack_members(members: Sequence[MemberStack]) -> MemberStack:
    """Stack members of one architecture, which have no leading axis yet."""
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *members)


def ensemble_task(tasks: Sequence[Task]) -> Task:
    """Return a task that measures the mixture of members of one or several architectures.

    Its params are a list with a ``MemberStack`` per task, its memory a list of the members'
    memories. It cannot be trained.
    """
    mixture = tasks[0].mixture
    if mixture is None:
        raise UserError("this experiment does not define how predictions are combined")

    def members_of(task: Task, stack: MemberStack, memory: PyTree, batch: PyTree):
        assert task.mixture is not None
        predict = task.mixture.predict
        # One after the other, since only the predictions of all members need to fit into memory.
        return jax.lax.map(lambda one: predict(*one[0], one[1], batch), (stack, memory))

    def measure(stacks: list[MemberStack], rates: Any, memories: list[PyTree], batch: PyTree):
        parts = [
            members_of(task, stack, memory, batch)
            for task, stack, memory in zip(tasks, stacks, memories, strict=True)
        ]
        predictions = jax.tree.map(lambda *leaves: jnp.concatenate(leaves), *[p for _, p in parts])
        return [memory for memory, _ in parts], mixture.measure(predictions, batch)

    def memory(stacks: list[MemberStack], batch: PyTree) -> list[PyTree]:
        return [
            jax.vmap(task.memory, in_axes=(0, None))(stack.params, batch)
            for task, stack in zip(tasks, stacks, strict=True)
        ]

    return tasks[0]._replace(measure=measure, memory=memory, mixture=None)
