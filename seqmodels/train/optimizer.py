"""Optimizers from optax with traced hyperparameters.

They are built inside the traced function from ``rates``, so that one compiled program serves all
values and ``vmap`` over ``rates`` trains a population.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from seqmodels.train.config import OptimizerConfig
from seqmodels.types import Array, Bool, Float, Int, Params, PyTree


class GradientNorm(NamedTuple):
    """Global norm of the last gradient, before clipping."""

    gradient_norm: Array


class Plateau(NamedTuple):
    """Progress of the dev metric; lower is better."""

    best: Array
    since_best: Array  # evaluations since the best one
    waited: Array  # evaluations since the best one or the last cut
    scale: Array  # of the learning rate


def optimizer(
    config: OptimizerConfig, rates: dict[str, Array], rate: Float[Array, ""]
) -> optax.GradientTransformation:
    """Return the chain ``clip -> rule -> -rate`` over the mean of ``config.accumulate`` gradients.

    If ``rates`` has a ``sparse_rate``, parameters under the name ``sparse`` are the weights of rare
    features and learn by SGD with momentum, without weight decay. A rule that divides by the size
    of past gradients would take as large a step for one example with a feature as for many.
    """
    decay = optax.add_decayed_weights(rates["weight_decay"], mask=_matrices)
    rule = _rule(config.optimizer, rates)
    order = [rule, decay] if config.optimizer == "adamw" else [decay, rule]
    if "sparse_rate" in rates:
        share = rates["sparse_rate"] / rates["learning_rate"]
        sparse = optax.chain(optax.trace(rates["momentum"]), optax.scale(share))
        order = [optax.partition({"dense": optax.chain(*order), "sparse": sparse}, _kinds)]
    chain = optax.chain(
        _record_norm(), optax.clip_by_global_norm(rates["clip_norm"]), *order, optax.scale(-rate)
    )
    steps = optax.MultiSteps(chain, config.accumulate) if config.accumulate > 1 else chain

    def update(updates: PyTree, state: PyTree, params: Params = None):
        with jax.numpy_dtype_promotion("standard"):  # optax mixes its integer counts with floats
            return steps.update(updates, state, params)

    return optax.GradientTransformation(steps.init, update)


def _rule(name: str, rates: dict[str, Array]) -> optax.GradientTransformation:
    momentum = optax.trace(rates["momentum"])
    if name == "sgd":
        return momentum
    if name == "rmsprop":
        return optax.chain(optax.scale_by_rms(rates["b2"], rates["epsilon"]), momentum)
    return optax.scale_by_adam(rates["b1"], rates["b2"], rates["epsilon"])


def _kinds(params: Params) -> PyTree:
    def kind(path: tuple[Any, ...], leaf: Any) -> str:
        return "sparse" if any(getattr(key, "key", None) == "sparse" for key in path) else "dense"

    return jax.tree_util.tree_map_with_path(kind, params)


def _matrices(params: Params) -> PyTree:
    return jax.tree.map(lambda leaf: leaf.ndim > 1, params)


def _record_norm() -> optax.GradientTransformation:
    def update(updates, state, params=None):
        del state, params
        return updates, GradientNorm(optax.tree.norm(updates))

    return optax.GradientTransformation(lambda params: GradientNorm(jnp.zeros(())), update)


def learning_rate(
    config: OptimizerConfig, rates: dict[str, Array], step: Int[Array, ""], scale: Float[Array, ""]
) -> Float[Array, ""]:
    """Return the learning rate of a step. (optax's schedules branch on values traced here.)

    t = (step - warmup) / (decay_steps - warmup), in [0, 1]
    cosine       rate (f + (1 - f) (1 + cos(pi t)) / 2)
    exponential  rate decay_rate^t
    staircase    rate decay_rate^n, n = max(0, 1 + floor((step - hold) / decay_steps)) cuts
    plateau      rate scale
    """
    warmup = rates["warmup_steps"]
    rate, now = rates["learning_rate"], step.astype(jnp.float32)
    t = jnp.clip((now - warmup) / jnp.maximum(rates["decay_steps"] - warmup, 1.0), 0.0, 1.0)
    if config.schedule == "cosine":
        final = rates["final_scale"]
        rate = rate * (final + (1.0 - final) * 0.5 * (1.0 + jnp.cos(jnp.pi * t)))
    elif config.schedule == "exponential":
        rate = rate * rates["decay_rate"] ** t
    elif config.schedule == "staircase":
        cuts = 1.0 + jnp.floor((now - rates["hold_steps"]) / rates["decay_steps"])
        rate = rate * rates["decay_rate"] ** jnp.maximum(cuts, 0.0)
    elif config.schedule == "plateau":
        rate = rate * scale
    return rate * jnp.minimum(1.0, (now + 1.0) / jnp.maximum(warmup, 1.0))


def average_rate(
    config: OptimizerConfig, rates: dict[str, Array], step: Int[Array, ""]
) -> Float[Array, ""]:
    """Return the weight of the new parameters in the average, ``max(1 - decay, 1 / (n + 1))``.

    n counts the steps since ``average_start``. The maximum makes a moving average the plain mean
    at first, so that it needs no bias correction. A decay of 1 gives the uniform average, averaged
    SGD (Polyak and Juditsky, 1992).
    """
    since = jnp.maximum(step.astype(jnp.float32) - rates["average_start"], 0.0)
    decay = rates["average_decay"] if config.average == "ema" else jnp.float32(1.0)
    return jnp.maximum(1.0 - decay, 1.0 / (since + 1.0))


def initial_plateau() -> Plateau:
    """Return the state before the first evaluation."""
    zero = jnp.zeros((), jnp.int32)
    return Plateau(jnp.full((), jnp.inf), zero, zero, jnp.ones(()))


def update_plateau(plateau: Plateau, rates: dict[str, Array], value: Float[Array, ""]) -> Plateau:
    """Update with one evaluation; cut the scale after ``plateau_patience`` without improvement."""
    better: Bool[Array, ""] = value < plateau.best
    waited = jnp.where(better, 0, plateau.waited + 1)
    cut = waited.astype(jnp.float32) >= jnp.maximum(rates["plateau_patience"], 1.0)
    return Plateau(
        best=jnp.minimum(plateau.best, value),
        since_best=jnp.where(better, 0, plateau.since_best + 1),
        waited=jnp.where(cut, 0, waited),
        scale=jnp.where(cut & ~better, plateau.scale * rates["decay_rate"], plateau.scale),
    )
