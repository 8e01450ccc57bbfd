"""Dtypes, matmuls, gates and normalisation, as the cells compute them."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from seqmodels.errors import UserError
from seqmodels.types import Array, Float, Params

DType = Any


def check_dtype(param_dtype: DType) -> DType:
    """Return the dtype of the parameters; raise where JAX would silently narrow it."""
    dtype = jnp.dtype(param_dtype)
    if jax.dtypes.canonicalize_dtype(dtype) != dtype:
        raise UserError(
            f"param_dtype={dtype.name} needs 64-bit mode: "
            "call jax.config.update('jax_enable_x64', True)"
        )
    return dtype


def at_least_float32(dtype: DType) -> DType:
    """Return the dtype of sums and carried states: float32, or ``dtype`` if it is wider."""
    return jnp.dtype(dtype if jnp.dtype(dtype).itemsize >= 4 else jnp.float32)


def cast(params: Params, dtype: DType, *names: str) -> Params:
    """Cast the named parameters to the compute dtype."""
    return params | {name: params[name].astype(dtype) for name in names}


def broadcast_rows(vector: Float[Array, " H"], like: Float[Array, "*B H"]) -> Float[Array, "*B H"]:
    """Broadcast a vector over the batch axes of ``like``, in its dtype."""
    return jnp.broadcast_to(vector.astype(like.dtype), like.shape)


def matmul(x: Float[Array, "*B D"], w: Float[Array, "D H"]) -> Float[Array, "*B H"]:
    """Return ``x @ w``, computed in w's dtype and accumulated in float32 or wider."""
    return jnp.matmul(x.astype(w.dtype), w, preferred_element_type=at_least_float32(w.dtype))


def affine(
    x: Float[Array, "*B D"], w: Float[Array, "D H"], b: Float[Array, " H"]
) -> Float[Array, "*B H"]:
    """Return ``x @ w + b``, with the product computed by ``matmul``."""
    u = matmul(x, w)
    return u + broadcast_rows(b, u)


def recurrent_matmul(
    h: Float[Array, "*B H"], kernel: Float[Array, "*N H1 GH"]
) -> Float[Array, "*C"]:
    """Return ``h @ kernel``, block by block where the kernel is [N, H/N, G*H/N]."""
    if kernel.ndim == 2:
        return matmul(h, kernel)
    blocks = h.reshape(*h.shape[:-1], *kernel.shape[:2]).astype(kernel.dtype)
    dtype = at_least_float32(kernel.dtype)
    return jnp.einsum("...nd,nde->...ne", blocks, kernel, preferred_element_type=dtype)


def bias_gradients(params: Params, **cotangents: Array) -> Params:
    """Sum the cotangents of the named biases over their rows; return zero for all other params."""
    sums = {
        name: jnp.sum(a, range(a.ndim - 1)).astype(params[name].dtype)
        for name, a in cotangents.items()
    }
    return jax.tree.map(jnp.zeros_like, params) | sums


def split_gates(z: Float[Array, "*B GH"], gates: int) -> Sequence[Float[Array, "*B H"]]:
    """Split the last axis into its gates."""
    return jnp.split(z, gates, axis=-1)


def gate_scale(hidden: int, gates: int, linear: tuple[int, ...]) -> Float[Array, " GH"]:
    """Return the column scale that lets one tanh compute all gates.

        sigma(z) = tanh(z / 2) / 2 + 1 / 2

    The scale is 1/2 for sigmoid gates and 1 for the gates in ``linear``.  XLA's CPU backend
    vectorises one ``tanh`` over all gates, whereas several sigmoids become scalar code that is
    five times slower.
    """
    return jnp.repeat(jnp.array([1.0 if g in linear else 0.5 for g in range(gates)]), hidden)


def tanh_to_sigmoid(t: Array) -> Array:
    """Return ``sigma(z)`` from ``t = tanh(z / 2)`` (see ``gate_scale``)."""
    return 0.5 * t + 0.5


def normalise(z: Float[Array, "*B H"], epsilon: float = 1e-5) -> Float[Array, "*B H"]:
    """Scale the last axis to zero mean and unit variance."""
    mean = jnp.mean(z, axis=-1, keepdims=True)
    centred = z - mean
    variance = jnp.mean(jnp.square(centred), axis=-1, keepdims=True)
    return centred * jax.lax.rsqrt(variance + epsilon)
