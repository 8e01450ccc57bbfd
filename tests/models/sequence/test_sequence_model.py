"""Sequence model: steps, masks, resets and noise are those of ``unroll``."""

import jax
import jax.numpy as jnp
import numpy as np

from seqmodels.cells.gru import gru
from seqmodels.distributions.gaussian import gaussian
from seqmodels.models.sequence.sequence_model import sequence_model
from seqmodels.noise import dropout


def test_unroll_equals_steps_and_passes_its_options():
    model = sequence_model(dropout(gru(3, 2), outputs=0.5), gaussian(), engine="scan")
    params = model.init(jax.random.key(0))
    xs = jax.random.normal(jax.random.key(1), (4, 5, 3))
    resets = jnp.zeros((4, 5), bool).at[2].set(True)
    mask = jnp.ones((4, 5), bool).at[3:].set(False)

    @jax.jit
    def run(params, xs):
        carry = model.start(params, (5,))
        plain, last = model.unroll(params, xs, carry)
        masked, early = model.unroll(params, xs, carry, resets, mask)
        noisy, _ = model.unroll(params, xs, carry, key=jax.random.key(2))
        steps = []
        for x in xs:
            carry, y = model.step(params, carry, x)
            steps.append(y)
        _, again = model.step(params, model.start(params, (5,)), xs[2])
        return plain, last, jnp.stack(steps), carry, masked, early, noisy, again

    plain, last, steps, carry, masked, early, noisy, again = run(params, xs)
    np.testing.assert_allclose(plain, steps, rtol=1e-5, atol=1e-6)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6), last, carry)
    np.testing.assert_allclose(masked[2], again, rtol=1e-5, atol=1e-6)
    assert (masked[3] == 0.0).all()
    np.testing.assert_allclose(jax.tree.leaves(early)[0], again, rtol=1e-5, atol=1e-6)
    assert (noisy == 0.0).any()
    assert (plain != 0.0).all()
    assert set(params) == {"cell"}
    assert model.distribution(params).size == 2
