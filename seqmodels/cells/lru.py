"""Linear recurrent unit, with a complex diagonal state."""

import math
from functools import partial

import jax
import jax.numpy as jnp

from seqmodels.cells.arithmetic import (
    DType,
    at_least_float32,
    broadcast_rows,
    check_dtype,
    matmul,
    split_gates,
)
from seqmodels.cells.forms import linear_cell
from seqmodels.cells.initializers import Initializer, glorot
from seqmodels.errors import UserError
from seqmodels.types import Array, Cell, Float, Linear, Params


def ring_init(
    key: jax.Array, hidden: int, r_min: float, r_max: float, max_phase: float, dtype: DType
) -> Params:
    """Return nu, theta and gamma of eigenvalues drawn uniformly by area between two radii."""
    key_radius, key_phase = jax.random.split(key)
    tiny = float(jnp.finfo(dtype).eps)  # keeps the logarithms finite at radius 0 and 1
    area = jax.random.uniform(key_radius, (hidden,), dtype)
    squared = jnp.clip(r_min**2 + area * (r_max**2 - r_min**2), tiny, 1.0 - tiny)
    phase = max_phase * jax.random.uniform(key_phase, (hidden,), dtype, minval=tiny)
    return {
        "nu": jnp.log(-0.5 * jnp.log(squared)),
        "theta": jnp.log(phase),
        "gamma": 0.5 * jnp.log1p(-squared),
    }


def lru(
    inputs: int,
    hidden: int,
    *,
    r_min: float = 0.0,
    r_max: float = 1.0,
    max_phase: float = 2.0 * math.pi,
    kernel_init: Initializer = glorot,
    dtype: DType | None = None,
    param_dtype: DType = jnp.float32,
) -> Cell:
    """LRU of Orvieto et al. (2023), arXiv:2303.06349.

        h_t = lambda * h_{t-1} + exp(gamma) * (B x_t)      lambda = exp(-exp(nu) + i exp(theta))
        y_t = Re(C h_t) + D x_t

    h, B and C are complex.  |lambda| < 1 for every nu.  |lambda| is initialised in the ring
    [r_min, r_max], and gamma to log sqrt(1 - |lambda|^2), which makes the size of the state
    independent of |lambda|.  ``wx`` is [Re B, Im B], ``wc`` is [Re C; -Im C] and ``wd`` is D, so
    every matmul is real.
    """
    param_dtype = check_dtype(param_dtype)
    compute = jnp.dtype(dtype or param_dtype)
    if not 0.0 <= r_min < r_max <= 1.0:
        raise UserError(
            f"lru: r_min={r_min} and r_max={r_max} must satisfy 0 <= r_min < r_max <= 1"
        )

    def init(key: jax.Array) -> Params:
        key_ring, key_b, key_c, key_d = jax.random.split(key, 4)
        normal = jax.random.normal
        return ring_init(key_ring, hidden, r_min, r_max, max_phase, param_dtype) | {
            "wx": normal(key_b, (inputs, 2 * hidden), param_dtype) / math.sqrt(2 * inputs),
            "wc": normal(key_c, (2 * hidden, hidden), param_dtype) / math.sqrt(hidden),
            "wd": kernel_init(key_d, (inputs, hidden), param_dtype),
        }

    def start(params: Params, batch_shape: tuple[int, ...]) -> Array:
        zeros = jnp.zeros((*batch_shape, hidden), at_least_float32(param_dtype))
        return jax.lax.complex(zeros, zeros)

    def read(params: Params, h: Array, x: Float[Array, "*B D"]) -> Array:
        parts = jnp.concatenate([h.real, h.imag], axis=-1)
        y = matmul(parts, params["wc"].astype(compute)) + matmul(x, params["wd"].astype(compute))
        return y.astype(compute)

    form = Linear(partial(_elements, dtype=compute), read)
    return linear_cell(init, start, form, inputs)


def _elements(params: Params, x: Float[Array, "*B D"], dtype: DType) -> tuple[Array, Array]:
    """Return lambda and ``exp(gamma) * (B x)``."""
    real, imaginary = split_gates(matmul(x, params["wx"].astype(dtype)), 2)
    gain = broadcast_rows(jnp.exp(params["gamma"]), real)
    radius = jnp.exp(-jnp.exp(params["nu"]))
    phase = jnp.exp(params["theta"])
    eigenvalue = jax.lax.complex(
        broadcast_rows(radius * jnp.cos(phase), real),
        broadcast_rows(radius * jnp.sin(phase), real),
    )
    return eigenvalue, jax.lax.complex(gain * real, gain * imaginary)
