"""Classifier with two consistent levels of classes."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Int

from seqmodels.losses.classification import is_correct, weighted_sum
from seqmodels.models.classification.classifier import Classifier, Fields
from seqmodels.models.classification.task import class_metrics
from seqmodels.types import Array, Float, Metrics, Params


class Levels(NamedTuple):
    """Names of the coarse classes, and the index of each fine class's coarse class."""

    coarse: list[str]
    parents: Int[np.ndarray, "V"]


def class_levels(classes: Sequence[str]) -> Levels:
    """Return the two levels of classes with names of the form ``coarse:fine``."""
    prefixes = [name.partition(":")[0] for name in classes]
    coarse = sorted(set(prefixes))
    return Levels(coarse, np.array([coarse.index(name) for name in prefixes]))


def two_level_classifier(model: Classifier, parents: Int[np.ndarray, "V"]) -> Classifier:
    """Return a classifier of V fine classes, from a model with C + V outputs.

        p(fine) = p(parent) p(fine | parent),    p(coarse) = sum_{fine of coarse} p(fine)

    The first C outputs are the logits of the coarse classes. The others are the logits of the fine
    classes among those with the same parent.
    """

    def apply(params: Params, fields: Fields, key: Any = None) -> Float[Array, "B V"]:
        return fine_log_probabilities(model.apply(params, fields, key), parents)

    return Classifier(model.init, apply)


def fine_log_probabilities(
    logits: Float[Array, "*B C_plus_V"], parents: Int[np.ndarray, "V"]
) -> Float[Array, "*B V"]:
    """Return ``log p(parent) + log p(fine | parent)``."""
    coarse, fine = jnp.split(logits, [logits.shape[-1] - len(parents)], axis=-1)
    within = fine - coarse_logsumexp(fine, parents)[..., parents]
    return within + jax.nn.log_softmax(coarse)[..., parents]


def coarse_logsumexp(
    logits: Float[Array, "*B V"], parents: Int[np.ndarray, "V"]
) -> Float[Array, "*B C"]:
    """Return ``log sum exp`` over the fine classes of each coarse class."""
    member = parents[:, None] == np.arange(parents.max() + 1)
    spread = jnp.broadcast_to(logits[..., None], (*logits.shape, member.shape[1]))
    return jax.nn.logsumexp(spread, axis=-2, where=jnp.broadcast_to(member, spread.shape))


def level_metrics(parents: Int[np.ndarray, "V"]) -> Callable[..., Metrics]:
    """Return ``class_metrics`` of the fine classes with ``coarse``, the accuracy on coarse ones."""

    def metrics(logits: Float[Array, "B V"], fields: Fields, weight: Array) -> Metrics:
        label = jnp.asarray(parents, jnp.int32)[fields["label"]]
        coarse = weighted_sum(is_correct(coarse_logsumexp(logits, parents), label), weight)
        return class_metrics(logits, fields, weight) | {"coarse": coarse}

    return metrics
