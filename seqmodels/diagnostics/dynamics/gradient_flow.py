"""Gradient of a loss with respect to every state of a sequence.

The state s_t = step(s_{t-1}, x_t) is the whole carry (h and c of an LSTM), and

    dL/ds_k = (ds_T/ds_k)^T dL/ds_T + ...    ds_t/ds_k = ds_t/ds_{t-1} ... ds_{k+1}/ds_k

A product of many Jacobians vanishes or explodes with their singular values.  Hochreiter (1991);
Bengio, Simard and Frasconi (1994); Pascanu, Mikolov and Bengio (2013), arXiv:1211.5063.
"""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from seqmodels.diagnostics.dynamics.perturb import flatten_carry, perturb, unflatten_carry
from seqmodels.types import Array, Carry, Cell, Float, Int, Key, Metrics, Params, Task, Total
from seqmodels.unroll import unroll, unroll_carries

Loss = Callable[[Any, Carry], Array]


def gradient_flow(
    cell: Cell,
    params: Params,
    xs: Float[Array, "T *B D"],
    loss: Loss | None = None,
    carry: Carry | None = None,
    **options: Any,
) -> dict[str, Float[Array, "T+1 *B"]]:
    """Return the norms of dL/ds_t for each sequence, of the whole carry (``"all"``) and its parts.

    Index t is the state after t steps: 0 is the initial state and T the final one.  The gradient
    comes from the steps *after* t, since y_t is not computed from s_t.  ``loss(ys, carry)`` is a
    sum over the sequences; the default is L = u . s_T with a random unit vector u.  ``options`` are
    those of ``unroll``: engine, mask, resets, key, chunk, clip_gradient.
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
    """Return dL/ds_t, a carry with a leading axis [T+1] (see ``gradient_flow``).

    For a complex state this is dL/dRe + i dL/dIm, the direction of steepest ascent.
    """
    start = cell.start(params, xs.shape[1:-1]) if carry is None else carry
    shapes = jax.eval_shape(lambda: cell.start(params, ()))
    loss = loss or _random_projection(jax.random.key(0), xs.ndim - 2)

    def total(start: Array, bumps: Array) -> Array:
        inputs = jnp.concatenate([xs.astype(bumps.dtype), bumps], axis=-1)
        first = unflatten_carry(start, shapes)
        ys, last = unroll(perturb(cell, shapes), params, inputs, first, **options)
        return loss(ys, last)

    flat = flatten_carry(start, xs.ndim - 2)
    first, rest = jax.grad(total, (0, 1))(flat, jnp.zeros((xs.shape[0], *flat.shape), flat.dtype))
    return unflatten_carry(jnp.concatenate([first[None], rest]), shapes)


def _random_projection(key: Key[Array, ""], batch_axes: int) -> Loss:
    """Return the loss ``L = u . s_T`` with a random unit vector u for each sequence."""

    def loss(ys: Any, carry: Carry) -> Array:
        last = flatten_carry(carry, batch_axes)
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
    """Return the Jacobians ds_stop/ds_start of K pairs of steps, for small states.

    Each column costs one jvp.  A complex state is its real and imaginary parts.
    """
    states, push = _pushforward(cell, params, xs, start, stop, carry)
    basis = jnp.eye(states.shape[-1], dtype=states.dtype)
    columns = jax.vmap(lambda column: push(jnp.broadcast_to(column, states.shape)))(basis)
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
    """Return the largest singular value of each Jacobian J = ds_stop/ds_start, by power iteration.

        u = J v / |J v|    v = J^T u / |J^T u|    sigma = |J v|

    Each iteration costs one jvp and one vjp; J is never formed.
    """
    states, push = _pushforward(cell, params, xs, start, stop, carry)
    pull = jax.linear_transpose(push, states)
    first = unit(jax.random.normal(jax.random.key(0), states.shape, states.dtype))
    v = jax.lax.fori_loop(0, iterations, lambda _, v: unit(pull(unit(push(v)))[0]), first)
    return norm(push(v))


def _pushforward(
    cell: Cell, params: Params, xs: Array, start: np.ndarray, stop: np.ndarray, carry: Any
) -> tuple[Array, Callable[[Array], Array]]:
    """Return the flat states at ``start``, and the map from their tangents to those at ``stop``."""
    shapes = jax.eval_shape(lambda: cell.start(params, ()))
    first = cell.start(params, xs.shape[1:-1]) if carry is None else carry
    _, later = unroll_carries(cell, params, xs, first)
    states = jnp.concatenate(
        [flatten_carry(first, xs.ndim - 2)[None], flatten_carry(later, xs.ndim - 1)]
    )
    steps = np.arange(np.max(stop - start))[:, None]
    windows = xs[np.minimum(start + steps, len(xs) - 1)]
    mask = jnp.expand_dims(steps < stop - start, range(2, windows.ndim - 1))

    def advance(state: Array) -> Array:
        inside = jnp.broadcast_to(mask, windows.shape[:-1])
        _, last = unroll(
            cell, params, windows, unflatten_carry(state, shapes), mask=inside, engine="scan"
        )
        return flatten_carry(last, windows.ndim - 2)

    before = states[start]
    return before, jax.linearize(advance, before)[1]


def saturated_share(
    states: Float[Array, "T *B H"], low: float = -0.95, high: float = 0.95
) -> Float[Array, "T *B"]:
    """Return the share of units outside ``(low, high)``, where tanh is almost flat.

    For sigmoid gates, use 0.05 and 0.95.
    """
    return jnp.mean((states < low) | (states > high), axis=-1, dtype=jnp.float32)


def add_probe(task: Task, probe: Callable[[Params, Any], Mapping[str, Array]]) -> Task:
    """Add the scalars of ``probe(params, batch)`` to the evaluation metrics of a task.

    ``fit`` then logs them before, during and after training, without slowing down its steps.
    """

    def measure(params: Params, rates: dict, memory: Any, batch: Any) -> tuple[Any, Metrics]:
        memory, metrics = task.measure(params, rates, memory, batch)
        scalars = probe(params, batch).items()
        return memory, metrics | {name: Total(x, jnp.ones_like(x)) for name, x in scalars}

    return task._replace(measure=measure)


def plot_flow(axes: Any, curves: Mapping[str, Array], first: int = 0) -> None:
    """Plot norms against time, with the median and the 5 % to 95 % range of the batch.

    ``first`` is the time of the first norm.
    """
    for name, norms in curves.items():
        rows = np.asarray(norms).reshape(len(norms), -1)
        rows = np.where(rows > 0, rows, np.nan)  # zero cannot be on a logarithmic axis
        low, middle, high = np.nanquantile(rows, [0.05, 0.5, 0.95], axis=1)
        time = first + np.arange(len(rows))
        (line,) = axes.semilogy(time, middle, label=name)
        axes.fill_between(time, low, high, color=line.get_color(), alpha=0.2, linewidth=0)
    axes.set(xlabel="time step t", ylabel="norm of dL/ds_t")
    axes.legend()


def norm(vectors: Float[Array, "*B S"]) -> Float[Array, "*B"]:
    """Return Euclidean norms, scaled so that the squares of tiny numbers do not underflow."""
    largest = jnp.max(jnp.abs(vectors), axis=-1, keepdims=True)
    scale = jnp.where(largest > 0, largest, jnp.ones_like(largest))
    return scale[..., 0] * jnp.sqrt(jnp.sum(jnp.square(jnp.abs(vectors / scale)), axis=-1))


def unit(vectors: Float[Array, "*B S"]) -> Float[Array, "*B S"]:
    """Return vectors of length one; zero stays zero."""
    length = norm(vectors)[..., None]
    return vectors / jnp.where(length > 0, length, jnp.ones_like(length))
