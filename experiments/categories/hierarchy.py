"""Classes in two levels whose probabilities cannot contradict each other."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Int

from seqmodels.models.classification.classifier import (
    Classifier,
    Fields,
    class_measures,
    hits,
    weighted,
)
from seqmodels.types import Array, Float, Params


class Levels(NamedTuple):
    """Names of the coarse classes, and for each fine class the number of its coarse one."""

    coarse: list[str]
    parents: Int[np.ndarray, "V"]


def levels(classes: Sequence[str]) -> Levels:
    """The two levels of classes that are called ``coarse:fine``."""
    above = [name.partition(":")[0] for name in classes]
    coarse = sorted(set(above))
    return Levels(coarse, np.array([coarse.index(name) for name in above]))


def two_levels(model: Classifier, parents: Int[np.ndarray, "V"]) -> Classifier:
    """Log-probabilities of V fine classes, from a model with C + V outputs.

        p(fine) = p(parent) p(fine | parent),    p(coarse) = sum_{fine of coarse} p(fine)

    The first C outputs are the coarse classes' logits, the others those of the fine classes within
    their own parent ``parents[fine]``.
    """

    def apply(params: Params, fields: Fields, key: Any = None) -> Float[Array, "B V"]:
        return fine_log_probabilities(model.apply(params, fields, key), parents)

    return Classifier(model.init, apply)


def fine_log_probabilities(
    logits: Float[Array, "*B C_plus_V"], parents: Int[np.ndarray, "V"]
) -> Float[Array, "*B V"]:
    """``log p(parent) + log p(fine | parent)``."""
    coarse, fine = jnp.split(logits, [logits.shape[-1] - len(parents)], axis=-1)
    within = fine - sum_over(fine, parents)[..., parents]
    return within + jax.nn.log_softmax(coarse)[..., parents]


def sum_over(logits: Float[Array, "*B V"], parents: Int[np.ndarray, "V"]) -> Float[Array, "*B C"]:
    """``log sum exp`` over the fine classes of each coarse class."""
    member = parents[:, None] == np.arange(parents.max() + 1)
    spread = jnp.broadcast_to(logits[..., None], (*logits.shape, member.shape[1]))
    return jax.nn.logsumexp(spread, axis=-2, where=jnp.broadcast_to(member, spread.shape))


def level_measures(parents: Int[np.ndarray, "V"]) -> Callable[..., Any]:
    """``class_measures`` of the fine classes, and ``coarse``, the accuracy on the coarse ones."""

    def measures(logits: Float[Array, "B V"], fields: Fields, weight: Array):
        label = jnp.asarray(parents, jnp.int32)[fields["label"]]
        coarse = weighted(hits(sum_over(logits, parents), label), weight)
        return class_measures(logits, fields, weight) | {"coarse": coarse}

    return measures
