"""Initializers of weights and biases."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax.custom_batching import sequential_vmap

from seqmodels.cells.arithmetic import DType
from seqmodels.types import Array

Initializer = Callable[..., Array]

glorot = jax.nn.initializers.glorot_uniform()


def zeros(key: jax.Array, shape: tuple[int, ...], dtype: DType = jnp.float32) -> Array:
    """Return zeros."""
    del key
    return jnp.zeros(shape, dtype)


def orthogonal(key: jax.Array, shape: tuple[int, ...], dtype: DType = jnp.float32) -> Array:
    """Return a random orthogonal matrix; under ``vmap``, compute one matrix at a time.

    A batch of QR decompositions can hang XLA's CPU backend.  It did so on two cores for a
    population of 16 GRUs with H = 256 (jax 0.10.2).
    """
    draw = jax.nn.initializers.orthogonal()
    return sequential_vmap(lambda key: draw(key, shape, dtype))(key)


def gate_init(
    init: Initializer, key: jax.Array, size: int, hidden: int, gates: int, dtype: DType
) -> Array:
    """Return a [size, gates*hidden] matrix, initialised gate by gate.

    The fan-out that the initializer sees is that of a single gate.
    """
    keys = jax.random.split(key, gates)
    return jnp.concatenate([init(k, (size, hidden), dtype) for k in keys], axis=-1)
