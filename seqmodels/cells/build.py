"""What the cells share: matmuls with a compute dtype, initial states, and structured -> step."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from seqmodels.errors import UserError
from seqmodels.types import Array, Carry, Cell, Float, Params, Structured

Initializer = Callable[..., Array]
DType = Any

glorot = jax.nn.initializers.glorot_uniform()
orthogonal = jax.nn.initializers.orthogonal()
zeros = jax.nn.initializers.zeros


def check_dtype(param_dtype: DType) -> DType:
    """The dtype of parameters, refused where JAX would silently narrow it."""
    wanted = jnp.dtype(param_dtype)
    if wanted.itemsize == 8 and not jax.config.jax_enable_x64:
        raise UserError(
            f"param_dtype={wanted.name} needs 64-bit mode: jax.config.update('jax_enable_x64', True)"
        )
    return wanted


def dot(x: Float[Array, "*B D"], w: Float[Array, "D H"]) -> Float[Array, "*B H"]:
    """``x @ w`` in w's dtype, accumulated in float32 or wider."""
    return jnp.matmul(x.astype(w.dtype), w, preferred_element_type=wide(w.dtype))


def wide(dtype: DType) -> DType:
    """The dtype of sums and carried states: float32, or wider where the parameters are."""
    return jnp.dtype(dtype if jnp.dtype(dtype).itemsize >= 4 else jnp.float32)


def rows(vector: Float[Array, " H"], like: Float[Array, "*B H"]) -> Float[Array, "*B H"]:
    """A vector repeated over the batch axes of ``like``."""
    return jnp.broadcast_to(vector.astype(like.dtype), like.shape)


def recur(h: Float[Array, "*B H"], kernel: Float[Array, "*N H1 GH"]) -> Float[Array, "*C"]:
    """The recurrent matmul: ``h @ kernel``, block by block where the kernel is [N, H/N, G*H/N]."""
    if kernel.ndim == 2:
        return dot(h, kernel)
    blocks = h.reshape(*h.shape[:-1], *kernel.shape[:2]).astype(kernel.dtype)
    return jnp.einsum("...nd,nde->...ne", blocks, kernel, preferred_element_type=wide(kernel.dtype))


def gate_init(init: Initializer, key: jax.Array, size: int, hidden: int, gates: int, dtype: DType):
    """A [size, gates*hidden] matrix whose gates are drawn one by one, so that fan-out is per gate."""
    keys = jax.random.split(key, gates)
    return jnp.concatenate([init(k, (size, hidden), dtype) for k in keys], axis=-1)


def zero_start(*sizes: int, dtype: DType) -> Callable[[Params, tuple[int, ...]], Carry]:
    """A carry of zero vectors (a bare array where there is one)."""

    def start(params: Params, batch_shape: tuple[int, ...]) -> Carry:
        states = tuple(jnp.zeros((*batch_shape, size), wide(dtype)) for size in sizes)
        return states[0] if len(sizes) == 1 else states

    return start


def structured_cell(
    init: Callable[[jax.Array], Params],
    start: Callable[[Params, tuple[int, ...]], Carry],
    form: Structured,
    size: int,
) -> Cell:
    """A cell whose ``step`` follows from its structured form."""

    def step(params: Params, carry: Carry, x: Any) -> tuple[Carry, Any]:
        return structured_step(form, form.prepare(params), carry, x)

    return Cell(init, start, step, form=form, size=size)


def structured_step(form: Structured, prepared: Params, carry: Carry, x: Any) -> tuple[Carry, Any]:
    """One step of a structured cell from its prepared parameters."""
    u = form.project(prepared, x)
    a = recur(form.hidden(prepared, carry), form.kernel(prepared))
    return form.update(prepared, carry, u, a)


def split_gates(z: Float[Array, "*B GH"], gates: int) -> Sequence[Float[Array, "*B H"]]:
    """The G gates that lie side by side in the last axis."""
    return jnp.split(z, gates, axis=-1)


def uniform_fan(key: jax.Array, shape: tuple[int, ...], dtype: DType = jnp.float32) -> Array:
    """U(-1/sqrt(H), 1/sqrt(H)) by the last axis, PyTorch's initialisation of recurrent layers."""
    bound = 1.0 / math.sqrt(shape[-1])
    return jax.random.uniform(key, shape, dtype, -bound, bound)
