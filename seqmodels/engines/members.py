"""A batching rule that runs the members of a population one after another on a CPU."""

from collections.abc import Callable
from functools import partial

import jax
from jax.custom_batching import custom_vmap

from seqmodels.types import PyTree


def loop_over_members(function: Callable, plain: Callable) -> Callable:
    """Return a function of ``(params, *inputs)`` that ``vmap`` over ``params`` turns into a loop.

    A population is one model under ``vmap``.  XLA's CPU backend has no fast batched matmul of small
    matrices, so there the members run one after another; on other devices ``function`` is returned
    unchanged.  If the members share their parameters, they become additional rows of one batch.
    That case and second derivatives use ``plain``, the same function without foreign calls.
    """
    if jax.default_backend() != "cpu":
        return function
    run = custom_vmap(function)  # custom_vmap defines no derivative
    differentiable = jax.custom_vjp(run)
    differentiable.defvjp(partial(jax.vjp, plain), lambda pull, cotangents: pull(cotangents))

    @run.def_vmap
    def run_many(size: int, batched: list, *inputs: PyTree) -> tuple:
        leaves, tree = jax.tree.flatten(inputs)
        many = jax.tree.leaves(batched)

        def run_one(batched_leaves: list) -> PyTree:
            rest = iter(batched_leaves)
            member = [next(rest) if m else a for m, a in zip(many, leaves, strict=True)]
            return run(*jax.tree.unflatten(tree, member))

        if any(jax.tree.leaves(batched[0])):
            out = jax.lax.map(run_one, [a for m, a in zip(many, leaves, strict=True) if m])
        else:
            batch = jax.vmap(plain, in_axes(batched), axis_size=size)
            out = loop_over_members(batch, batch)(*inputs)
        return out, jax.tree.map(lambda _: True, out)

    return differentiable


def in_axes(batched: list) -> tuple:
    """Convert the ``batched`` flags of ``custom_vmap`` to the ``in_axes`` of ``vmap``."""
    return tuple(jax.tree.map(lambda many: 0 if many else None, batched))
