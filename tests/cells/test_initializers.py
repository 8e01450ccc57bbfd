import re

import jax
import jax.numpy as jnp
import numpy as np

from seqmodels.cells.initializers import gate_init, orthogonal

KEY = jax.random.key(0)


def test_recurrent_matrices_are_orthogonal_gate_by_gate():
    kernel = gate_init(orthogonal, KEY, 5, 5, 3, jnp.float32)
    for gate in np.split(np.asarray(kernel), 3, axis=-1):
        np.testing.assert_allclose(gate.T @ gate, np.eye(5), atol=1e-5)


def test_a_population_computes_one_orthogonal_matrix_at_a_time():
    """A batch of QR decompositions can hang XLA's CPU backend."""
    keys = jax.random.split(KEY, 3)
    draw = jax.jit(jax.vmap(lambda key: orthogonal(key, (4, 4))))
    lowered = draw.lower(keys).as_text()
    assert re.findall(r"geqrf.*?tensor<([\dx]+)xf32>", lowered) == ["4x4"]
    one = jax.jit(lambda key: jax.nn.initializers.orthogonal()(key, (4, 4)))
    np.testing.assert_allclose(draw(keys), np.stack([one(key) for key in keys]), rtol=1e-6)
