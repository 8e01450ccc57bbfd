"""Pullbacks of the parts of a structured cell, each for all steps of a chunk at once."""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp

from seqmodels.cells.arithmetic import recurrent_matmul
from seqmodels.types import (
    Array,
    Carry,
    Cotangents,
    Noisy,
    Params,
    Pullback,
    PyTree,
    Structured,
)


def derive_pullback(form: Structured) -> Pullback:
    """Return the pullback of any ``update`` by automatic differentiation."""

    def keep(params: Params, carry: Carry, u: PyTree, a: Array) -> tuple[tuple, PyTree]:
        return form.update(params, carry, u, a), (u, a)

    def linearise(params: Params, previous: Carry, residuals: PyTree) -> PyTree:
        vjp = lambda *row: jax.vjp(partial(form.update, params), *row)[1]  # noqa: E731
        return jax.vmap(vjp)(previous, *residuals)

    def gather(params: Params, previous: Carry, residuals: PyTree, steps: Cotangents) -> Params:
        update = lambda p: over_steps(form.update)(p, previous, *residuals)  # noqa: E731
        return jax.vjp(update, params)[1]((steps.new, steps.y))[0]

    return Pullback(keep, linearise, lambda linear, dnew, dy: linear((dnew, dy)), gather)


def project(form: Structured, params: Params, x: Array, noise: PyTree) -> PyTree:
    """Return the cell's projection of all inputs of a chunk, with their noise if they have any."""
    return form.project(params, Noisy(x, noise) if jax.tree.leaves(noise) else x)


def pull_project(
    form: Structured, params: Params, x: Array, noise: PyTree, steps: Cotangents
) -> tuple[Params, Array]:
    """Return the cotangents of the parameters and of ``x`` in ``project``."""
    du = steps.a if steps.u is None else steps.u
    if jax.tree.leaves(noise):
        noisy = lambda p, x: form.project(p, Noisy(x, noise))  # noqa: E731
        return jax.vjp(noisy, params, x)[1](du)
    rows = partial(as_rows, features=x.ndim - 1)
    dparams, dx = jax.vjp(form.project, params, by_columns(rows(x)))[1](jax.tree.map(rows, du))
    return dparams, dx.reshape(x.shape)


def recur_transposed(kernel: Array) -> Callable[[Array, Array], Array]:
    """Return ``(hidden, da) -> da @ kernel.T``; the kernel is transposed only once."""
    if kernel.ndim > 2:
        return lambda h, da: jax.linear_transpose(lambda h: recurrent_matmul(h, kernel), h)(da)[0]
    transposed = kernel.T
    dims = lambda da: (((da.ndim - 1,), (0,)), ((), ()))  # noqa: E731
    return lambda h, da: jax.lax.dot_general(
        da, transposed, dims(da), preferred_element_type=da.dtype
    ).astype(h.dtype)


def pull_recur(hiddens: Array, kernel: Array, da: Array) -> tuple[Array, Array]:
    """Return the cotangents of ``recurrent_matmul``: of the hidden states and of the kernel."""
    rows = partial(as_rows, features=hiddens.ndim - 1)
    h = by_columns(rows(hiddens)) if kernel.ndim == 2 else rows(hiddens)
    dh, dkernel = jax.vjp(recurrent_matmul, h, kernel)[1](rows(da))
    return dh.reshape(hiddens.shape), dkernel


def as_rows(a: Array, features: int) -> Array:
    """Reshape ``[K, *B, ...]`` to ``[K*B, ...]``; axes from ``features`` on stay."""
    return a.reshape(-1, *a.shape[features:])


def by_columns(a: Array) -> Array:
    """Return the same matrix in column-major order, for the matmul that contracts its rows.

    XLA's CPU backend has a fast matmul only for ``[M, K] @ [K, N]``.  The gradient of a weight,
    ``[K, M].T @ [K, N]``, otherwise runs at half that speed.
    """
    return jax.lax.optimization_barrier(a.T).T if jax.default_backend() == "cpu" else a


def over_steps(function: Callable) -> Callable:
    """Return ``function(params, *rows)`` vectorised over the steps of a chunk."""
    return lambda params, *rows: jax.vmap(partial(function, params))(*rows)


def add(a: PyTree, b: PyTree) -> PyTree:
    """Add two trees."""
    return jax.tree.map(jnp.add, a, b)
