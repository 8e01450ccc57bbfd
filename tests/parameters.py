"""Random parameters for a cell or a layer, drawn by NumPy, so that nothing is compiled."""

import jax
import jax.numpy as jnp
import numpy as np


def random_params(module, seed=0, scale=1.0):
    """Return normal parameters, none of which is at a special value such as zero or one."""
    shapes = jax.eval_shape(module.init, jax.random.key(0))
    random = np.random.default_rng(seed)
    return jax.tree.map(lambda a: jnp.asarray(scale * random.normal(size=a.shape), a.dtype), shapes)


def random_normal(*shape, seed=1, dtype=np.float32):
    """Return normal inputs."""
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape), dtype)
