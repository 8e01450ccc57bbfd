"""Flax modules as layers, and cells as Flax modules."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx, traverse_util

from seqmodels.types import Carry, Cell, Layer, Params, PyTree
from seqmodels.unroll import unroll


def layer(module: Callable[..., nnx.Module], *args: Any, **options: Any) -> Layer:
    """Convert a Flax NNX module to pure functions, for example ``layer(nnx.Linear, 64, 10)``.

        init(key) -> params                      a nested dict of arrays
        apply(params, *inputs, key=None) -> y

    ``module`` is a module class, or any function of ``rngs`` that builds a module.  Dropout is
    active if ``apply`` is given a key.  State other than parameters is stored in the params as
    constants without a gradient: batch normalisation uses the statistics in the params and never
    updates them.
    """

    def build(key: jax.Array) -> nnx.Module:
        return module(*args, **options, rngs=nnx.Rngs(key))

    shapes = nnx.eval_shape(lambda: build(jax.random.key(0)))
    graph, *(noise, rest) = nnx.split(shapes, nnx.RngState, ...)

    def init(key: jax.Array) -> Params:
        return _state_to_params(nnx.state(build(key), nnx.Not(nnx.RngState)))

    def apply(params: Params, *inputs: Any, key: jax.Array | None = None, **options: Any) -> Any:
        module = nnx.merge(graph, _params_to_state(rest, params), _seed_streams(noise, key))
        module.set_attributes(deterministic=key is None, raise_if_not_found=False)
        module.set_attributes(use_running_average=True, raise_if_not_found=False)
        return module(*inputs, **options)

    return Layer(init, apply)


def _state_to_params(state: PyTree) -> Params:
    """Convert a state to nested dicts; list indices become the names "0", "1", ..."""
    flat = traverse_util.flatten_dict(nnx.to_pure_dict(state))
    return traverse_util.unflatten_dict({tuple(map(str, p)): array for p, array in flat.items()})


def _params_to_state(state: PyTree, params: Params) -> PyTree:
    """Invert ``_state_to_params``; only parameters get gradients."""
    flat = traverse_util.flatten_dict(params)

    def value(path: tuple, variable: nnx.Variable) -> nnx.Variable:
        array = flat[tuple(map(str, path))]
        trained = isinstance(variable, nnx.Param)
        return variable.replace(array if trained else jax.lax.stop_gradient(array))

    return nnx.map_state(value, state)


def _seed_streams(state: PyTree, key: jax.Array | None) -> PyTree:
    """Give each random stream of a module a different key, and reset its counter."""
    key = jax.random.key(0) if key is None else key  # merging needs a key even if none is used
    streams = [p for p, variable in nnx.to_flat_state(state) if isinstance(variable, nnx.RngKey)]

    def value(path: tuple, variable: nnx.Variable) -> nnx.Variable:
        if path not in streams:
            return variable.replace(jnp.zeros(variable.shape, variable.dtype))
        stream = jax.random.fold_in(key, streams.index(path))
        keys = jax.random.split(stream, variable.shape) if variable.shape else stream
        return variable.replace(keys)

    return nnx.map_state(value, state)


class Recurrent(nnx.Module):
    """A cell as a Flax module, ``Recurrent(cell, rngs=rngs)(xs) -> (ys, carry)``.

    Time is the first axis, and the keyword arguments are those of ``unroll``.
    """

    def __init__(self, cell: Cell, *, rngs: nnx.Rngs):
        self.cell = cell
        self.params = nnx.data(jax.tree.map(nnx.Param, cell.init(rngs.params())))

    def __call__(self, xs: jax.Array, carry: Carry | None = None, **options: Any):
        return unroll(self.cell, nnx.as_pure(self.params), xs, carry, **options)
