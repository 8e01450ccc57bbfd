"""Distribution of the voices of a frame."""

from itertools import product

import jax
import jax.numpy as jnp
import numpy as np

from experiments.music.voices import init_voices, voice_nats, voices

CONTEXT = jax.random.normal(jax.random.key(1), (3,))


def weights(scale=4.0):
    params = init_voices(jax.random.key(0), features=3, voices=2, symbols=4, hidden=5)
    return jax.tree.map(lambda a: scale * a, params)


def all_nats(params):
    """Return the nats of all 16 values, and the values."""
    values = jnp.array(list(product(range(4), repeat=2)), jnp.int32)
    contexts = jnp.broadcast_to(CONTEXT, (16, 3))
    return np.asarray(jax.jit(voices(params).nats)(contexts, values)), values


def test_probabilities_of_all_values_sum_to_one_and_follow_the_equation():
    params = weights()
    nats, values = all_nats(params)
    np.testing.assert_allclose(np.exp(-nats).sum(), 1.0, rtol=1e-5)
    second = {name: np.asarray(a, np.float64) for name, a in params["1"].items()}
    h = np.asarray(CONTEXT, np.float64)
    state = second["b"] + h @ second["wh"] + second["we"][0][2]
    logits = second["c"] + h @ second["wc"] + np.tanh(state) @ second["v"]
    expected = np.log(np.exp(logits).sum()) - logits[3]
    found = voice_nats(params, CONTEXT, jnp.array([2, 3], jnp.int32))
    np.testing.assert_allclose(found[1], expected, rtol=1e-4)
    index = np.flatnonzero((np.asarray(values) == [2, 3]).all(axis=1))[0]
    np.testing.assert_allclose(nats[index], found.sum(), rtol=1e-5)


def test_draws_have_their_probabilities_and_temperature_zero_is_greedy():
    params = weights()
    nats, _ = all_nats(params)
    contexts = jnp.broadcast_to(CONTEXT, (4000, 3))
    draw = jax.jit(voices(params).draw)
    drawn = draw(jax.random.key(2), contexts, 1.0)
    counts = np.bincount(np.asarray(drawn) @ [4, 1], minlength=16) / 4000
    np.testing.assert_allclose(counts, np.exp(-nats), atol=0.035)
    greedy = draw(jax.random.key(3), contexts, 0.0)[0]
    table = np.exp(-nats).reshape(4, 4)
    first = table.sum(axis=1).argmax()
    assert greedy.tolist() == [first, table[first].argmax()]
