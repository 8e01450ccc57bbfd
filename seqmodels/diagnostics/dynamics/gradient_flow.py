"""Gradients through time: how much of a loss's gradient reaches each state of the past.

With the state s_t = step(s_{t-1}, x_t), which is the whole carry (h and c of an LSTM),

    dL/ds_k = (ds_T/ds_k)^T dL/ds_T + ...    ds_t/ds_k = ds_t/ds_{t-1} ... ds_{k+1}/ds_k

and a product of many Jacobians vanishes or explodes with their singular values.  Hochreiter (1991);
Bengio, Simard and Frasconi (1994); Pascanu, Mikolov and Bengio (2013), arXiv:1211.5063.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from seqmodels.diagnostics.dynamics.perturb import pack, perturbed, unpack
from seqmodels.types import Array, Carry, Cell, Float, Int, Key, Params, Task
from seqmodels.unroll import carries, unroll

Loss = Callable[[Any, Carry], Array]


def gradient_flow(
    cell: Cell,
    params: Params,
    xs: Float[Array, "T *B D"],
    loss: Loss | None = None,
    carry: Carry | None = None,
    **options: Any,
) -> dict[str, Float[Array, "T+1 *B"]]:
    """Norms of dL/ds_t of every sequence, whole (``"all"``) and by the parts of the carry.

    Place t is the state after t steps: 0 the initial one, T the final one.  What counts is all
    that comes *after* step t: y_t is computed beside s_t, not from it.  ``loss(ys, carry)`` is a
    sum over the sequences; without one, L = u . s_T with a random direction u of length one.
    ``options`` are those of ``unroll``: engine, mask, resets, key, chunk, clip_gradient.
    """
    gradients = state_gradients(cell, params, xs, loss, carry, **options)
    batch = xs.ndim - 1
    named, _ = jax.tree_util.tree_flatten_with_path(gradients)
    parts = {
        jax.tree_util.keystr(path, simple=True, separator="."): norm(
            g.reshape(*g.shape[:batch], -1)
        )
        for path, g in named
    }
    whole = norm(jnp.stack(list(parts.values()), axis=-1))
    return {"all": whole} | (parts if len(parts) > 1 else {})


def state_gradients(
    cell: Cell,
    params: Params,
    xs: Float[Array, "T *B D"],
    loss: Loss | None = None,
    carry: Carry | None = None,
    **options: Any,
) -> Carry:
    """dL/ds_t itself, a carry with a leading axis [T+1] (see ``gradient_flow``).

    Of a complex state it is dL/dRe + i dL/dIm, the direction of steepest ascent.
    """
    start = cell.start(params, xs.shape[1:-1]) if carry is None else carry
    shapes = jax.eval_shape(lambda: cell.start(params, ()))
    loss = loss or along_a_direction(jax.random.key(0), xs.ndim - 2)

    def total(start: Array, bumps: Array) -> Array:
        seen = jnp.concatenate([xs.astype(bumps.dtype), bumps], axis=-1)
        first = unpack(start, shapes)
        ys, last = unroll(perturbed(cell, shapes), params, seen, first, **options)
        return loss(ys, last)

    flat = pack(start, xs.ndim - 2)
    first, rest = jax.grad(total, (0, 1))(flat, jnp.zeros((xs.shape[0], *flat.shape), flat.dtype))
    return unpack(jnp.concatenate([first[None], rest]), shapes)


def along_a_direction(key: Key[Array, ""], batch_axes: int) -> Loss:
    """``L = u . s_T`` for every sequence, u random and of length one."""

    def loss(ys: Any, carry: Carry) -> Array:
        last = pack(carry, batch_axes)
        return jnp.sum(unit(jax.random.normal(key, last.shape, last.dtype)) * last)

    return loss


def jacobians(
    cell: Cell,
    params: Params,
    xs: Float[Array, "T *B D"],
    start: Int[np.ndarray, "K"],
    stop: Int[np.ndarray, "K"],
    carry: Carry | None = None,
) -> Float[Array, "K *B S S"]:
    """The products ds_stop/ds_start themselves, for small states: one column for each jvp.

    A complex state counts as its real and imaginary parts.
    """
    at, push = pushforward(cell, params, xs, start, stop, carry)
    basis = jnp.eye(at.shape[-1], dtype=at.dtype)
    columns = jax.vmap(lambda column: push(jnp.broadcast_to(column, at.shape)))(basis)
    return jnp.moveaxis(columns, 0, -1)


def largest_singular_values(
    cell: Cell,
    params: Params,
    xs: Float[Array, "T *B D"],
    start: Int[np.ndarray, "K"],
    stop: Int[np.ndarray, "K"],
    carry: Carry | None = None,
    iterations: int = 60,
) -> Float[Array, "K *B"]:
    """The largest singular value of each product J = ds_stop/ds_start, by power iteration.

        u = J v / |J v|    v = J^T u / |J^T u|    sigma = |J v|

    J is never formed: each iteration is one jvp and one vjp, whatever the size of the state.
    """
    at, push = pushforward(cell, params, xs, start, stop, carry)
    pull = jax.linear_transpose(push, at)
    first = unit(jax.random.normal(jax.random.key(0), at.shape, at.dtype))
    v = jax.lax.fori_loop(0, iterations, lambda _, v: unit(pull(unit(push(v)))[0]), first)
    return norm(push(v))


def pushforward(
    cell: Cell, params: Params, xs: Array, start: np.ndarray, stop: np.ndarray, carry: Any
) -> tuple[Array, Callable[[Array], Array]]:
    """Flat states at ``start``, and the derivative of s_start -> s_stop; all pairs side by side."""
    shapes = jax.eval_shape(lambda: cell.start(params, ()))
    first = cell.start(params, xs.shape[1:-1]) if carry is None else carry
    _, later = carries(cell, params, xs, first)
    states = jnp.concatenate([pack(first, xs.ndim - 2)[None], pack(later, xs.ndim - 1)])
    steps = np.arange(np.max(stop - start))[:, None]
    windows = xs[np.minimum(start + steps, len(xs) - 1)]
    mask = jnp.expand_dims(steps < stop - start, range(2, windows.ndim - 1))

    def advance(state: Array) -> Array:
        inside = jnp.broadcast_to(mask, windows.shape[:-1])
        _, last = unroll(cell, params, windows, unpack(state, shapes), mask=inside, engine="scan")
        return pack(last, windows.ndim - 2)

    at = states[start]
    return at, jax.linearize(advance, at)[1]


def saturated_share(
    states: Float[Array, "T *B H"], low: float = -0.95, high: float = 0.95
) -> Float[Array, "T *B"]:
    """The share of units outside of ``(low, high)``, where tanh has hardly any slope left.

    For the gates of a sigmoid take 0.05 and 0.95.
    """
    return jnp.mean((states < low) | (states > high), axis=-1, dtype=jnp.float32)


def watched(task: Task, probe: Callable[[Params, Any], Mapping[str, Array]]) -> Task:
    """The task with ``probe(params, batch)``, some scalars, among the metrics of evaluations.

    ``fit`` then logs them before, during and after training at no cost to a training step.
    """

    def measure(params: Params, hyper: dict, memory: Any, batch: Any):
        memory, metrics = task.measure(params, hyper, memory, batch)
        found = {
            name: (value, jnp.ones_like(value)) for name, value in probe(params, batch).items()
        }
        return memory, metrics | found

    return task._replace(measure=measure)


def plot_flow(axes: Any, curves: Mapping[str, Array], first: int = 0) -> None:
    """Norms against time, a line for each name: the median over a batch, and 5 % to 95 % around it.

    ``first`` is the time of the first norm.
    """
    for name, norms in curves.items():
        rows = np.asarray(norms).reshape(len(norms), -1)
        rows = np.where(rows > 0, rows, np.nan)  # a logarithmic axis has no zero
        low, middle, high = np.nanquantile(rows, [0.05, 0.5, 0.95], axis=1)
        time = first + np.arange(len(rows))
        (line,) = axes.semilogy(time, middle, label=name)
        axes.fill_between(time, low, high, color=line.get_color(), alpha=0.2, linewidth=0)
    axes.set(xlabel="time step t", ylabel="norm of dL/ds_t")
    axes.legend()


def show_flow(curves: Mapping[str, Array], path: Path | str, title: str) -> None:
    """How much of a gradient arrives at the beginning, and ``plot_flow`` as a picture."""
    from matplotlib.figure import Figure

    for name, norms in curves.items():
        print(f"{name:<10} of a gradient of 1 at T arrives at 0: {jnp.median(norms[0]):.3g}")

    figure = Figure(figsize=(6.4, 3.6), layout="constrained")
    axes = figure.subplots()
    plot_flow(axes, curves)
    axes.set_title(title, fontsize=10)
    figure.savefig(path, dpi=130)
    print(f"drawn in {path}")


def norm(vectors: Float[Array, "*B S"]) -> Float[Array, "*B"]:
    """Euclidean norms, right down to the smallest float, whose square would be zero."""
    largest = jnp.max(jnp.abs(vectors), axis=-1, keepdims=True)
    scale = jnp.where(largest > 0, largest, jnp.ones_like(largest))
    return scale[..., 0] * jnp.sqrt(jnp.sum(jnp.square(jnp.abs(vectors / scale)), axis=-1))


def unit(vectors: Float[Array, "*B S"]) -> Float[Array, "*B S"]:
    """The vectors at length one; zero stays zero."""
    length = norm(vectors)[..., None]
    return vectors / jnp.where(length > 0, length, jnp.ones_like(length))
