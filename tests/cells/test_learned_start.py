import jax
import jax.numpy as jnp
import numpy as np
import pytest
from parameters import random_normal, random_params

from seqmodels.cells.learned_start import learned_start
from seqmodels.cells.registry import CELLS
from seqmodels.errors import UserError
from seqmodels.noise import weight_drop
from seqmodels.unroll import unroll
from seqmodels.wrap import stack

T, B, D, H = 6, 2, 3, 4
XS = random_normal(T, B, D)
# A structured cell, one without a form, and a linear cell with a complex state.
KINDS = ["lstm", "gru_before", "lru"]


@pytest.mark.parametrize("name", KINDS)
def test_the_carry_starts_at_the_parameter_and_resets_return_to_it(name):
    plain = CELLS[name](D, H)
    cell = learned_start(plain)
    assert type(cell.form) is type(plain.form)
    assert cell.size == plain.size
    params = random_params(cell, scale=0.5)
    assert not any(jnp.iscomplexobj(leaf) for leaf in jax.tree.leaves(params))
    resets = jnp.zeros((T, B), bool).at[3].set(True)

    @jax.jit
    def run(params):
        def loss(params):
            ys, _ = unroll(cell, params, XS, resets=resets, engine="scan")
            return jnp.sum(ys**2), ys

        start = cell.start(params, (B,))
        parts = [unroll(plain, params["cell"], xs, start, engine="scan") for xs in (XS[:3], XS[3:])]
        return jax.grad(loss, has_aux=True)(params), [ys for ys, _ in parts]

    (gradients, ys), expected = run(params)
    np.testing.assert_allclose(ys, np.concatenate(expected), rtol=1e-5, atol=1e-6)
    assert all((leaf != 0).any() for leaf in jax.tree.leaves(gradients["start"]))


@pytest.mark.parametrize("name", KINDS)
def test_the_parameter_is_initialised_to_the_start_of_the_cell(name):
    plain = CELLS[name](D, H)
    cell = learned_start(plain)

    @jax.jit
    def starts(key):
        params = cell.init(key)
        return cell.start(params, (B,)), plain.start(params["cell"], (B,))

    jax.tree.map(np.testing.assert_array_equal, *starts(jax.random.key(0)))


def test_a_stochastic_cell_keeps_its_noise():
    noisy = weight_drop(CELLS["rnn"](D, H), 0.5)
    cell = learned_start(noisy)
    params = random_params(cell)
    params["start"] = jnp.zeros(H)

    @jax.jit
    def both(key):
        outer = unroll(cell, params, XS, key=key, engine="scan")
        return outer, unroll(noisy, params["cell"], XS, key=key, engine="scan")

    jax.tree.map(np.testing.assert_array_equal, *both(jax.random.key(5)))


def test_composites_are_an_error():
    with pytest.raises(UserError, match="learned_start"):
        learned_start(stack(CELLS["rnn"](D, H)))
