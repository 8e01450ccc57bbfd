"""Sequence model: a cell whose outputs parametrize a distribution."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax

from seqmodels.distributions.distribution import Distribution
from seqmodels.types import Array, Bool, Carry, Cell, Float, Key, Params
from seqmodels.unroll import unroll


class SequenceModel(NamedTuple):
    """Sequences in, one distribution per step out.

    init:         ``(key) -> params``
    start:        ``(params, batch_shape) -> carry``
    step:         ``(params, carry, x) -> (carry, outputs)``
    unroll:       ``(params, inputs, carry, resets=None, mask=None, key=None) -> (outputs, carry)``;
                  a key turns on noise
    distribution: ``(params) -> Distribution``, parametrized by the outputs
    """

    init: Callable[[jax.Array], Params]
    start: Callable[[Params, tuple[int, ...]], Carry]
    step: Callable[[Params, Carry, Any], tuple[Carry, Array]]
    unroll: Callable[..., tuple[Array, Carry]]
    distribution: Callable[[Params], Distribution]


def sequence_model(
    cell: Cell,
    distribution: Distribution | Callable[[Params], Distribution],
    *,
    weights: Callable[[jax.Array], Params] | None = None,
    **options: Any,
) -> SequenceModel:
    """Return the model ``y_t ~ distribution(cell(x_1 ... x_t))``.

    The params are ``{"cell": ..., "distribution": ...}``; the second only with ``weights``.

    cell:         returns the ``size`` outputs that the distribution needs, or H times as many for
                  a task with H horizons
    distribution: a ``Distribution``, or ``(weights) -> Distribution`` if it has learned weights
    weights:      ``(key) -> weights`` of the distribution, for example ``init_nade``
    options:      of ``unroll``: ``engine``, ``chunk`` and ``clip_gradient``
    """

    def init(key: jax.Array) -> Params:
        cell_key, weights_key = jax.random.split(key)
        params = {"cell": cell.init(cell_key)}
        return params if weights is None else params | {"distribution": weights(weights_key)}

    def run(
        params: Params,
        inputs: Float[Array, "T *B D"],
        carry: Carry,
        resets: Bool[Array, "T *B"] | None = None,
        mask: Bool[Array, "T *B"] | None = None,
        key: Key[Array, ""] | None = None,
    ) -> tuple[Float[Array, "T *B P"], Carry]:
        arguments = {"resets": resets, "mask": mask, "key": key} | options
        return unroll(cell, params["cell"], inputs, carry, **arguments)

    def distribution_of(params: Params) -> Distribution:
        if isinstance(distribution, Distribution):
            return distribution
        return distribution(params.get("distribution"))

    start = partial(_with_cell_params, cell.start)
    step = partial(_with_cell_params, cell.step)
    return SequenceModel(init, start, step, run, distribution_of)


def _with_cell_params(function: Callable, params: Params, *arguments: Any) -> Any:
    return function(params["cell"], *arguments)
