"""Flax modules as layers, and cells as Flax modules."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx, traverse_util

from seqmodels.types import Carry, Cell, Layer, Params, PyTree
from seqmodels.unroll import unroll


def layer(module: Callable[..., nnx.Module], *args: Any, **options: Any) -> Layer:
    """A Flax NNX module as pure functions: ``layer(nnx.Linear, 64, 10)``.

        init(key) -> params                      a plain nested dict of arrays
        apply(params, *inputs, key=None) -> y

    With a key dropout is active, without one it is not.  State that is no parameter lies among the
    params as a constant without gradient: batch normalisation uses the statistics that it finds
    there and never changes them.  ``module`` may be any function of ``rngs`` that builds a module.
    """

    def build(key: jax.Array) -> nnx.Module:
        return module(*args, **options, rngs=nnx.Rngs(key))

    shapes = nnx.eval_shape(lambda: build(jax.random.key(0)))
    graph, *(noise, rest) = nnx.split(shapes, nnx.RngState, ...)

    def init(key: jax.Array) -> Params:
        return to_dict(nnx.state(build(key), nnx.Not(nnx.RngState)))

    def apply(params: Params, *inputs: Any, key: jax.Array | None = None, **options: Any) -> Any:
        module = nnx.merge(graph, from_dict(rest, params), seeded(noise, key))
        module.set_attributes(deterministic=key is None, raise_if_not_found=False)
        module.set_attributes(use_running_average=True, raise_if_not_found=False)
        return module(*inputs, **options)

    return Layer(init, apply)


def to_dict(state: PyTree) -> Params:
    """The arrays of a state in nested dicts; the places in a list become names, "0", "1", ..."""
    flat = traverse_util.flatten_dict(nnx.to_pure_dict(state))
    return traverse_util.unflatten_dict({tuple(map(str, p)): array for p, array in flat.items()})


def from_dict(state: PyTree, params: Params) -> PyTree:
    """The state that ``to_dict`` took apart; only parameters let gradients through."""
    flat = traverse_util.flatten_dict(params)

    def value(path: tuple, variable: nnx.Variable) -> nnx.Variable:
        array = flat[tuple(map(str, path))]
        trained = isinstance(variable, nnx.Param)
        return variable.replace(array if trained else jax.lax.stop_gradient(array))

    return nnx.map_state(value, state)


def seeded(state: PyTree, key: jax.Array | None) -> PyTree:
    """The random streams of a module, each from its own key and counting from zero."""
    key = jax.random.key(0) if key is None else key  # merged, but not drawn from
    streams = [p for p, variable in nnx.to_flat_state(state) if isinstance(variable, nnx.RngKey)]

    def value(path: tuple, variable: nnx.Variable) -> nnx.Variable:
        if path not in streams:
            return variable.replace(jnp.zeros(variable.shape, variable.dtype))
        own = jax.random.fold_in(key, streams.index(path))
        return variable.replace(jax.random.split(own, variable.shape) if variable.shape else own)

    return nnx.map_state(value, state)


class Recurrent(nnx.Module):
    """Any cell as a Flax module, ``Recurrent(cell, rngs=rngs)(xs) -> (ys, carry)``.

    Time comes first, and the keywords are those of ``unroll``.
    """

    def __init__(self, cell: Cell, *, rngs: nnx.Rngs):
        self.cell = cell
        self.params = nnx.data(jax.tree.map(nnx.Param, cell.init(rngs.params())))

    def __call__(self, xs: jax.Array, carry: Carry | None = None, **options: Any):
        return unroll(self.cell, nnx.as_pure(self.params), xs, carry, **options)
