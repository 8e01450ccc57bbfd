"""A cell whose outputs are leaky sums of its inputs, and its equations in numpy."""

import jax
import jax.numpy as jnp
import numpy as np

from seqmodels.types import Cell

D = 2  # input features
RANDOM = np.random.default_rng(0)


def outputs_of(size):
    """Return leaky sums of the inputs, which parametrize the distribution."""

    def init(key):
        return {"w": jax.random.normal(key, (D, size)), "decay": jnp.full(size, 0.7)}

    def start(params, batch_shape):
        return jnp.zeros((*batch_shape, size)) + 0.1

    def step(params, carry, x):
        carry = jnp.broadcast_to(params["decay"], carry.shape) * carry + x @ params["w"]
        return carry, carry

    return Cell(init, start, step, size=D)


def leaky_sums(params, inputs, resets=None):
    """Return the outputs of the cell, by numpy."""
    w, decay = (np.asarray(params["cell"][name], float) for name in ("w", "decay"))
    start = np.full((*inputs.shape[1:-1], len(decay)), 0.1)
    resets = np.zeros(inputs.shape[:-1], bool) if resets is None else resets
    ys = [start]
    for x, reset in zip(inputs, resets, strict=True):
        ys.append(decay * np.where(reset[..., None], start, ys[-1]) + x @ w)
    return np.stack(ys[1:])


def floats(*shape):
    return RANDOM.normal(size=shape).astype(np.float32)


def gaussian_nats(outputs, y):
    """Return the nats of ``gaussian()`` in float64."""
    mean, raw = outputs[..., 0], outputs[..., 1]
    scale = 1e-3 + np.logaddexp(0.0, raw + np.log(np.expm1(1.0 - 1e-3)))
    return 0.5 * ((y - mean) / scale) ** 2 + np.log(scale) + 0.5 * np.log(2.0 * np.pi)
