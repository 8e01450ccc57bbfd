import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seqmodels.errors import UserError
from seqmodels.models.recurrent import recurrent_layers
from seqmodels.unroll import unroll


@pytest.mark.parametrize("both_ways", [False, True])
@pytest.mark.parametrize(("layers", "keep_inputs"), [(1, True), (2, True), (1, False)])
def test_inputs_of_the_first_layer_can_be_kept(layers, keep_inputs, both_ways):
    sizes = {"hidden": 3, "layers": layers, "both_ways": both_ways}
    noisy = recurrent_layers("gru", 4, **sizes, drop=0.9, keep_inputs=keep_inputs)
    random = np.random.default_rng(0)
    params = jax.tree.map(
        lambda leaf: jnp.asarray(random.normal(size=leaf.shape), jnp.float32),
        jax.eval_shape(noisy.init, jax.random.key(0)),
    )
    xs = jnp.asarray(random.normal(size=(5, 2, 4)), jnp.float32)

    @jax.jit
    def outputs(params):
        with_noise, _ = unroll(noisy, params, xs, key=jax.random.key(1))
        return with_noise, unroll(recurrent_layers("gru", 4, **sizes), params, xs)[0]

    assert np.array_equal(*outputs(params)) == (keep_inputs and layers == 1)


def test_a_number_of_layers_below_one_is_refused():
    with pytest.raises(UserError, match="--layers"):
        recurrent_layers("gru", 4, 3, 0)
