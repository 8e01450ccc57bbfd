import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from seqmodels.cells.registry import CELLS
from seqmodels.data.ragged import Padded
from seqmodels.flax import layer
from seqmodels.models.encoder import drop_steps, encoder
from seqmodels.unroll import unroll

KEY = jax.random.key(0)


def test_encodes_padded_tokens_and_arrays():
    cell, embedding = CELLS["gru"](4, 3), layer(nnx.Embed, 9, 4)
    tokens = np.random.default_rng(0).integers(0, 9, (5, 2), dtype=np.int32)
    mask = np.arange(5)[:, None] < np.array([5, 3])

    @jax.jit
    def outputs(keys):
        backward = encoder(cell, embedding, reverse=True)
        params = backward.init(*keys)
        xs = embedding.apply(params["embedding"], jnp.asarray(tokens))
        options = {"mask": jnp.asarray(mask), "reverse": True}
        padded = backward.apply(params, Padded(tokens, mask))
        array = encoder(cell).apply({"cell": params["cell"]}, jnp.moveaxis(xs, 0, 1))
        return (
            (padded, unroll(cell, params["cell"], xs, **options)),
            (array, unroll(cell, params["cell"], xs)),
        )

    for (found, expected), valid in zip(outputs(jax.random.split(KEY)), (mask, True), strict=True):
        np.testing.assert_allclose(found.outputs, expected[0], atol=1e-6)
        np.testing.assert_allclose(found.carry, expected[1], atol=1e-6)
        np.testing.assert_array_equal(found.mask, np.broadcast_to(valid, (5, 2)))


def test_steps_are_dropped_as_a_whole():
    xs = jnp.ones((200, 30, 3))
    dropped = drop_steps(xs, 0.25, KEY)
    assert set(np.asarray(dropped.sum(axis=-1)).ravel()) == {0.0, 3.0}
    assert abs(float(dropped.mean()) - 0.75) < 0.02
    assert drop_steps(xs, 0.25, None) is xs
