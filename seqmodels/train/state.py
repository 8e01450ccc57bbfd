"""The whole of a training run as one pytree, and the pure function that moves it on."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from seqmodels.train.config import OptimizerConfig
from seqmodels.train.optimizer import (
    Plateau,
    average_rate,
    learning_rate,
    optimizer,
    start_plateau,
)
from seqmodels.types import Array, Key, Params, PyTree, Task

Chunk = Callable[["TrainState", PyTree], tuple["TrainState", dict[str, PyTree]]]


class TrainState(NamedTuple):
    """All that training needs to go on; the data position is ``step``."""

    params: Params
    optimizer: PyTree
    average: Params  # () where the config asks for none
    memory: PyTree  # carried state of truncated backprop
    hyper: dict[str, Array]
    plateau: Plateau
    key: Key[Array, ""]
    step: Array


def init_state(
    task: Task, config: OptimizerConfig, hyper: dict[str, Array], key: Key[Array, ""], batch: PyTree
) -> TrainState:
    """State before the first step; pure, so ``vmap`` over ``hyper`` and ``key`` gives many."""
    init_key, noise_key = jax.random.split(key)
    params = jax.tree.map(
        lambda leaf: leaf * hyper["weight_scale"] if leaf.ndim > 1 else leaf, task.init(init_key)
    )
    return TrainState(
        params=params,
        optimizer=optimizer(config, hyper, hyper["learning_rate"]).init(params),
        average=() if config.average == "none" else jax.tree.map(jnp.copy, params),
        memory=task.memory(params, batch),
        hyper=hyper,
        plateau=start_plateau(),
        key=noise_key,
        step=jnp.zeros((), jnp.int32),
    )


def evaluation_params(state: TrainState) -> Params:
    """Averaged weights where there are any, else the last ones."""
    return state.params if state.average == () else state.average


def train_chunk(task: Task, config: OptimizerConfig) -> Chunk:
    """``(state, batches) -> (state, metrics)``: K steps in one scan over K stacked batches.

    Not jitted, and closed over names only: ``vmap`` it over states to train a population.  Each
    metric is ``[K]``: loss, gradient_norm (before clipping), clipped, learning_rate, and the
    task's own pairs ``(total, count)``.
    """
    gradient = jax.value_and_grad(task.loss, has_aux=True)

    def step(state: TrainState, batch: PyTree) -> tuple[TrainState, dict[str, PyTree]]:
        hyper, key = state.hyper, jax.random.fold_in(state.key, state.step)
        (loss, (memory, metrics)), grads = gradient(state.params, hyper, state.memory, batch, key)
        rate = learning_rate(config, hyper, state.step, state.plateau.scale)
        updates, moments = optimizer(config, hyper, rate).update(
            grads, state.optimizer, state.params
        )
        params = optax.apply_updates(state.params, updates)
        norm = optax.tree.get(moments, "gradient_norm")
        infos = {
            "loss": loss,
            "gradient_norm": norm,
            "clipped": (norm > hyper["clip_norm"]).astype(jnp.float32),
            "learning_rate": rate,
        }
        state = state._replace(
            params=params,
            optimizer=moments,
            average=_average(config, state, params),
            memory=memory,
            step=state.step + 1,
        )
        return state, {**metrics, **infos}

    return lambda state, batches: jax.lax.scan(step, state, batches)


def _average(config: OptimizerConfig, state: TrainState, params: Params) -> Params:
    if config.average == "none":
        return ()
    rate = average_rate(config, state.hyper, state.step)
    return optax.incremental_update(params, state.average, rate)


def measure_chunk(task: Task) -> Callable[..., tuple[PyTree, dict[str, PyTree]]]:
    """``(params, hyper, memory, batches) -> (memory, metrics)``: K measurements in one scan."""

    def chunk(params: Params, hyper: dict[str, Array], memory: PyTree, batches: PyTree):
        def step(memory, batch):
            return task.measure(params, hyper, memory, batch)

        return jax.lax.scan(step, memory, batches)

    return chunk
