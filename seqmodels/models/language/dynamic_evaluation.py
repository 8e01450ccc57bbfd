"""Dynamic evaluation: a model that continues to learn from the text that it is evaluated on.

Krause, Kahembwe, Murray and Renals (2018), "Dynamic evaluation of neural sequence models",
arXiv:1709.07432.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from seqmodels.types import Array, Params, Task


class DynamicMemory(NamedTuple):
    """Memory of a task with dynamic evaluation: that of the task, and the current parameters."""

    inner: Any
    params: Params


def dynamic_task(task: Task, squares: Params) -> Task:
    """Return the task with a gradient step after each window of an evaluation.

        p <- p - rate g / (r + e) + decay (r / mean r) (p_0 - p),    r = sqrt(E g^2) in training

    The rate is ``rates["dynamic_rate"]`` and the decay is ``rates["dynamic_decay"]``. Each window
    is scored before the model learns from it.

    squares: E g^2, see ``gradient_squares``
    """
    roots = jax.tree.map(jnp.sqrt, squares)
    leaves = jax.tree.leaves(roots)
    mean = sum(jnp.sum(leaf) for leaf in leaves) / sum(leaf.size for leaf in leaves)

    def learn(params: Params, current: Params, gradient: Params, rates: dict) -> Params:
        def update(trained: Array, p: Array, g: Array, r: Array) -> Array:
            back = jnp.minimum(rates["dynamic_decay"] * r / mean, 1.0)
            return p - rates["dynamic_rate"] * g / (r + 2e-5) + back * (trained - p)

        return jax.tree.map(update, params, current, gradient, roots)

    def measure(params: Params, rates: dict, memory: DynamicMemory, window: Any):
        gradient = jax.grad(task.loss, has_aux=True)
        grads, _ = gradient(memory.params, rates, memory.inner, window, None)
        inner, metrics = task.measure(memory.params, rates, memory.inner, window)
        return DynamicMemory(inner, learn(params, memory.params, grads, rates)), metrics

    def memory(params: Params, window: Any) -> DynamicMemory:
        return DynamicMemory(task.memory(params, window), jax.tree.map(jnp.copy, params))

    return task._replace(measure=measure, memory=memory, mixture=None)


def gradient_squares(
    task: Task, params: Params, rates: dict, batches: Callable[[int], Any], count: int
) -> Params:
    """Return the elementwise mean square of the gradient over the first ``count`` batches."""

    @jax.jit
    def add(total: Params, memory: Any, batch: Any) -> tuple[Params, Any]:
        grads, (memory, _) = jax.grad(task.loss, has_aux=True)(params, rates, memory, batch, None)
        return jax.tree.map(lambda t, g: t + jnp.square(g) / count, total, grads), memory

    total, memory = jax.tree.map(jnp.zeros_like, params), task.memory(params, batches(0))
    for step in range(count):
        total, memory = add(total, memory, batches(step))
    return total
