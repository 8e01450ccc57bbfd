"""Optimizers from optax whose every number is a traced array.

Built inside the traced function from ``hyper``, so that one compiled program serves all values
and ``vmap`` over ``hyper`` trains a population.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from seqmodels.train.config import OptimizerConfig
from seqmodels.types import Array, Bool, Float, Int, Params, PyTree

__all__ = [
    "GradientNorm",
    "OptimizerConfig",
    "Plateau",
    "average_rate",
    "learning_rate",
    "observe",
    "optimizer",
    "start_plateau",
]

Hyper = dict[str, Array]


class GradientNorm(NamedTuple):
    """Global norm of the last gradient, before clipping."""

    gradient_norm: Array


class Plateau(NamedTuple):
    """What the evaluations so far say: lower is better."""

    best: Array
    since_best: Array  # evaluations since the best one
    waited: Array  # evaluations since the best one or the last cut
    scale: Array  # of the learning rate


def optimizer(
    config: OptimizerConfig, hyper: Hyper, rate: Float[Array, ""]
) -> optax.GradientTransformation:
    """Chain ``clip -> rule -> -rate``, over the mean of ``config.accumulate`` gradients.

    With a ``sparse_rate``, parameters under the name ``sparse`` are weights of features that are
    seldom there.  A rule that divides by the size of past gradients would step as far for the one
    example that has a feature as for many, so theirs is sgd with momentum, without decay.
    """
    decay = optax.add_decayed_weights(hyper["weight_decay"], mask=_matrices)
    rule = _rule(config.optimizer, hyper)
    order = [rule, decay] if config.optimizer == "adamw" else [decay, rule]
    if "sparse_rate" in hyper:
        share = hyper["sparse_rate"] / hyper["learning_rate"]
        sparse = optax.chain(optax.trace(hyper["momentum"]), optax.scale(share))
        order = [optax.partition({"dense": optax.chain(*order), "sparse": sparse}, _kinds)]
    chain = optax.chain(
        _record_norm(), optax.clip_by_global_norm(hyper["clip_norm"]), *order, optax.scale(-rate)
    )
    steps = optax.MultiSteps(chain, config.accumulate) if config.accumulate > 1 else chain

    def update(updates: PyTree, state: PyTree, params: Params = None):
        with jax.numpy_dtype_promotion("standard"):  # optax mixes its integer counts with floats
            return steps.update(updates, state, params)

    return optax.GradientTransformation(steps.init, update)


def _rule(name: str, hyper: Hyper) -> optax.GradientTransformation:
    momentum = optax.trace(hyper["momentum"])
    if name == "sgd":
        return momentum
    if name == "rmsprop":
        return optax.chain(optax.scale_by_rms(hyper["b2"], hyper["epsilon"]), momentum)
    return optax.scale_by_adam(hyper["b1"], hyper["b2"], hyper["epsilon"])


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
    config: OptimizerConfig, hyper: Hyper, step: Int[Array, ""], scale: Float[Array, ""]
) -> Float[Array, ""]:
    """Learning rate of a step; optax's schedules ask ``if`` of numbers that are traced here.

    t = (step - warmup) / (decay_steps - warmup), in [0, 1]
    cosine       rate (f + (1 - f) (1 + cos(pi t)) / 2)
    exponential  rate decay_rate^t
    staircase    rate decay_rate^n, n = max(0, 1 + floor((step - hold) / decay_steps)) cuts
    plateau      rate scale
    """
    warmup = hyper["warmup_steps"]
    rate, now = hyper["learning_rate"], step.astype(jnp.float32)
    t = jnp.clip((now - warmup) / jnp.maximum(hyper["decay_steps"] - warmup, 1.0), 0.0, 1.0)
    if config.schedule == "cosine":
        final = hyper["final_scale"]
        rate = rate * (final + (1.0 - final) * 0.5 * (1.0 + jnp.cos(jnp.pi * t)))
    elif config.schedule == "exponential":
        rate = rate * hyper["decay_rate"] ** t
    elif config.schedule == "staircase":
        cuts = 1.0 + jnp.floor((now - hyper["hold_steps"]) / hyper["decay_steps"])
        rate = rate * hyper["decay_rate"] ** jnp.maximum(cuts, 0.0)
    elif config.schedule == "plateau":
        rate = rate * scale
    return rate * jnp.minimum(1.0, (now + 1.0) / jnp.maximum(warmup, 1.0))


def average_rate(config: OptimizerConfig, hyper: Hyper, step: Int[Array, ""]) -> Float[Array, ""]:
    """Weight of the new parameters in the average, ``max(1 - decay, 1 / (n + 1))``.

    n counts steps since ``average_start``.  The maximum makes a moving average the plain mean at
    first, so that it needs no bias correction; a decay of 1 is the mean throughout, averaged SGD
    (Polyak and Juditsky, 1992).
    """
    since = jnp.maximum(step.astype(jnp.float32) - hyper["average_start"], 0.0)
    decay = hyper["average_decay"] if config.average == "ema" else jnp.float32(1.0)
    return jnp.maximum(1.0 - decay, 1.0 / (since + 1.0))


def start_plateau() -> Plateau:
    """Nothing has been evaluated yet."""
    zero = jnp.zeros((), jnp.int32)
    return Plateau(jnp.full((), jnp.inf), zero, zero, jnp.ones(()))


def observe(plateau: Plateau, hyper: Hyper, value: Float[Array, ""]) -> Plateau:
    """Take in one evaluation; cut the scale after ``plateau_patience`` without improvement."""
    better: Bool[Array, ""] = value < plateau.best
    waited = jnp.where(better, 0, plateau.waited + 1)
    cut = waited.astype(jnp.float32) >= jnp.maximum(hyper["plateau_patience"], 1.0)
    return Plateau(
        best=jnp.minimum(plateau.best, value),
        since_best=jnp.where(better, 0, plateau.since_best + 1),
        waited=jnp.where(cut, 0, waited),
        scale=jnp.where(cut & ~better, plateau.scale * hyper["decay_rate"], plateau.scale),
    )
