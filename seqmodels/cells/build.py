"""What the cells share: matmuls with a compute dtype, initial states, and form -> step."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax.custom_batching import sequential_vmap

from seqmodels.errors import UserError
from seqmodels.types import Array, Carry, Cell, Float, Linear, Params, Structured

Initializer = Callable[..., Array]
DType = Any

glorot = jax.nn.initializers.glorot_uniform()
zeros = jax.nn.initializers.zeros


def orthogonal(key: jax.Array, shape: tuple[int, ...], dtype: DType = jnp.float32) -> Array:
    """A random orthogonal matrix; under ``vmap`` one is made after the other.

    A batch of QR decompositions can stop XLA's CPU backend for good: a GRU's population of 16 at
    H = 256 did so on two cores (jax 0.10.2).
    """
    draw = jax.nn.initializers.orthogonal()
    return sequential_vmap(lambda key: draw(key, shape, dtype))(key)


def check_dtype(param_dtype: DType) -> DType:
    """The dtype of parameters, refused where JAX would silently narrow it."""
    wanted = jnp.dtype(param_dtype)
    if jax.dtypes.canonicalize_dtype(wanted) != wanted:
        raise UserError(
            f"param_dtype={wanted.name} needs 64-bit mode: "
            "jax.config.update('jax_enable_x64', True)"
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


def affine(
    x: Float[Array, "*B D"], w: Float[Array, "D H"], b: Float[Array, " H"]
) -> Float[Array, "*B H"]:
    """``x @ w + b``, computed as ``dot`` does."""
    u = dot(x, w)
    return u + rows(b, u)


def bias_gradients(params: Params, **cotangents: Array) -> Params:
    """Zero for all parameters but the named biases, whose cotangents are summed over their rows."""
    sums = {
        name: jnp.sum(a, range(a.ndim - 1)).astype(params[name].dtype)
        for name, a in cotangents.items()
    }
    return jax.tree.map(jnp.zeros_like, params) | sums


def cast(params: Params, dtype: DType, *names: str) -> Params:
    """The parameters with the named matrices in the compute dtype."""
    return params | {name: params[name].astype(dtype) for name in names}


def recur(h: Float[Array, "*B H"], kernel: Float[Array, "*N H1 GH"]) -> Float[Array, "*C"]:
    """The recurrent matmul: ``h @ kernel``, block by block where the kernel is [N, H/N, G*H/N]."""
    if kernel.ndim == 2:
        return dot(h, kernel)
    blocks = h.reshape(*h.shape[:-1], *kernel.shape[:2]).astype(kernel.dtype)
    return jnp.einsum("...nd,nde->...ne", blocks, kernel, preferred_element_type=wide(kernel.dtype))


def gate_init(init: Initializer, key: jax.Array, size: int, hidden: int, gates: int, dtype: DType):
    """A [size, gates*hidden] matrix, gate by gate, so that fan-out is that of one gate."""
    keys = jax.random.split(key, gates)
    return jnp.concatenate([init(k, (size, hidden), dtype) for k in keys], axis=-1)


def gate_scale(hidden: int, gates: int, linear: tuple[int, ...]) -> Float[Array, " GH"]:
    """A half for the columns of sigmoid gates, since sigma(z) = tanh(z / 2) / 2 + 1 / 2.

    XLA's CPU backend vectorises one ``tanh`` over all gates; several sigmoids come out as scalar
    code, five times slower.
    """
    return jnp.repeat(jnp.array([1.0 if g in linear else 0.5 for g in range(gates)]), hidden)


def half(t: Array) -> Array:
    """The sigmoid gate whose halved pre-activation went through tanh."""
    return 0.5 * t + 0.5


def normalise(z: Float[Array, "*B H"], epsilon: float = 1e-5) -> Float[Array, "*B H"]:
    """Zero mean and unit variance along the last axis."""
    mean = jnp.mean(z, axis=-1, keepdims=True)
    centred = z - mean
    variance = jnp.mean(jnp.square(centred), axis=-1, keepdims=True)
    return centred * jax.lax.rsqrt(variance + epsilon)


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
    size: int | None,
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


def linear_cell(
    init: Callable[[jax.Array], Params],
    start: Callable[[Params, tuple[int, ...]], Carry],
    form: Linear,
    size: int,
) -> Cell:
    """A cell whose ``step`` follows from its linear form."""

    def step(params: Params, h: Array, x: Any) -> tuple[Array, Any]:
        a, b = form.elements(params, x)
        h = jnp.logaddexp(a + h, b) if form.log else a * h + b
        return h, form.read(params, h, x)

    return Cell(init, start, step, form=form, size=size)


def split_gates(z: Float[Array, "*B GH"], gates: int) -> Sequence[Float[Array, "*B H"]]:
    """The G gates that lie side by side in the last axis."""
    return jnp.split(z, gates, axis=-1)
