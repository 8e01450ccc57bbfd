"""How the members of a population, which ``vmap`` makes of one model, run on a CPU."""

from collections.abc import Callable
from functools import partial

import jax
from jax.custom_batching import custom_vmap

from seqmodels.types import PyTree


def one_by_one(function: Callable, plain: Callable) -> Callable:
    """A function of parameters and more, which under ``vmap`` runs for one member after another.

    So it does on a CPU, where XLA has no fast matmul of many small matrices.  Members that share
    their parameters are more rows of one batch instead.  For those, and for second derivatives,
    there is ``plain``: the same function without foreign calls.
    """
    if jax.default_backend() != "cpu":
        return function
    run = custom_vmap(function)  # which has no derivative of its own
    differentiable = jax.custom_vjp(run)
    differentiable.defvjp(partial(jax.vjp, plain), lambda pull, cotangents: pull(cotangents))

    @run.def_vmap
    def run_many(size: int, batched: list, *inputs: PyTree) -> tuple:
        leaves, tree = jax.tree.flatten(inputs)
        many = jax.tree.leaves(batched)

        def one(own: list) -> PyTree:
            rest = iter(own)
            mine = [next(rest) if m else a for m, a in zip(many, leaves, strict=True)]
            return run(*jax.tree.unflatten(tree, mine))

        if any(jax.tree.leaves(batched[0])):
            out = jax.lax.map(one, [a for m, a in zip(many, leaves, strict=True) if m])
        else:
            batch = jax.vmap(plain, axes(batched), axis_size=size)
            out = one_by_one(batch, batch)(*inputs)
        return out, jax.tree.map(lambda _: True, out)

    return differentiable


def axes(batched: list) -> tuple:
    """``in_axes`` from what ``custom_vmap`` knows."""
    return tuple(jax.tree.map(lambda many: 0 if many else None, batched))
