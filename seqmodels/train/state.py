"""The state of a training run as one pytree, and the pure function that advances it."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from seqmodels.train.config import OptimizerConfig
from seqmodels.train.example_outputs import split_metrics
from seqmodels.train.optimizer import (
    Plateau,
    average_rate,
    initial_plateau,
    learning_rate,
    optimizer,
)
from seqmodels.types import Array, Key, Metrics, Params, PyTree, Task, Total


class TrainState(NamedTuple):
    """Everything that training needs to continue; ``step`` is also the position in the data."""

    params: Params
    optimizer: PyTree
    average: Params  # () if the config asks for no averaging
    memory: PyTree  # recurrent state of truncated backpropagation
    rates: dict[str, Array]
    plateau: Plateau
    key: Key[Array, ""]
    step: Array


class StepInfo(NamedTuple):
    """Statistics of the trainer, ``[K]`` for a chunk of K steps."""

    loss: Array
    gradient_norm: Array  # before clipping
    clipped: Array  # 1 where the gradient was clipped
    learning_rate: Array


class ChunkOutput(NamedTuple):
    """The task's totals and the trainer's statistics, each with a leading axis of K steps."""

    metrics: dict[str, Total]
    info: StepInfo


Chunk = Callable[[TrainState, PyTree], tuple[TrainState, ChunkOutput]]


def init_state(
    task: Task, config: OptimizerConfig, rates: dict[str, Array], key: Key[Array, ""], batch: PyTree
) -> TrainState:
    """Return the state before the first step. ``vmap`` over ``rates`` and ``key`` gives many."""
    init_key, noise_key = jax.random.split(key)
    params = jax.tree.map(
        lambda leaf: leaf * rates["weight_scale"] if leaf.ndim > 1 else leaf, task.init(init_key)
    )
    return TrainState(
        params=params,
        optimizer=optimizer(config, rates, rates["learning_rate"]).init(params),
        average=() if config.average == "none" else jax.tree.map(jnp.copy, params),
        memory=task.memory(params, batch),
        rates=rates,
        plateau=initial_plateau(),
        key=noise_key,
        step=jnp.zeros((), jnp.int32),
    )


def evaluation_params(state: TrainState) -> Params:
    """Return the averaged weights if there are any, otherwise the current ones."""
    return state.params if state.average == () else state.average


def train_chunk(task: Task, config: OptimizerConfig) -> Chunk:
    """Return ``(state, batches) -> (state, output)``: K steps in one scan over K stacked batches.

    The function is not jitted. ``vmap`` it over states to train a population.
    """
    gradient = jax.value_and_grad(task.loss, has_aux=True)

    def step(state: TrainState, batch: PyTree) -> tuple[TrainState, ChunkOutput]:
        rates, key = state.rates, jax.random.fold_in(state.key, state.step)
        (loss, (memory, metrics)), grads = gradient(state.params, rates, state.memory, batch, key)
        rate = learning_rate(config, rates, state.step, state.plateau.scale)
        updates, moments = optimizer(config, rates, rate).update(
            grads, state.optimizer, state.params
        )
        params = optax.apply_updates(state.params, updates)
        norm = optax.tree.get(moments, "gradient_norm")
        clipped = (norm > rates["clip_norm"]).astype(jnp.float32)
        state = state._replace(
            params=params,
            optimizer=moments,
            average=_average(config, state, params),
            memory=memory,
            step=state.step + 1,
        )
        totals, _ = split_metrics(metrics)
        return state, ChunkOutput(totals, StepInfo(loss, norm, clipped, rate))

    return lambda state, batches: jax.lax.scan(step, state, batches)


def _average(config: OptimizerConfig, state: TrainState, params: Params) -> Params:
    if config.average == "none":
        return ()
    rate = average_rate(config, state.rates, state.step)
    return optax.incremental_update(params, state.average, rate)


def measure_chunk(task: Task) -> Callable[..., tuple[PyTree, Metrics]]:
    """Return ``(params, rates, memory, batches) -> (memory, metrics)`` over K batches."""

    def chunk(params: Params, rates: dict[str, Array], memory: PyTree, batches: PyTree):
        def step(memory, batch):
            return task.measure(params, rates, memory, batch)

        return jax.lax.scan(step, memory, batches)

    return chunk
