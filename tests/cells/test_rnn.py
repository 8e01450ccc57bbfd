import jax
import jax.numpy as jnp
import numpy as np
from parameters import random_normal

from seqmodels.cells.rnn import irnn
from seqmodels.unroll import unroll


def test_irnn_accumulates_its_inputs():
    cell = irnn(3, 3, kernel_init=lambda key, shape, dtype: jnp.eye(*shape, dtype=dtype))
    xs = jnp.abs(random_normal(9, 2, 3))
    ys, _ = jax.jit(lambda key: unroll(cell, cell.init(key), xs, engine="scan"))(jax.random.key(0))
    np.testing.assert_allclose(ys, np.cumsum(np.asarray(xs), axis=0), rtol=1e-5)
