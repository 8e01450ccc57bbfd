"""Short masked sequences for a cell, and all gradients of a call of ``unroll`` on them."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from seqmodels.unroll import unroll

T, D = 3, 2


@partial(jax.jit, static_argnums=0)
def moved(make):
    """What ``make`` gives, moved away from every special point."""
    leaves, tree = jax.tree.flatten(make())
    waves = [jnp.sin(jnp.arange(1, a.size + 1, dtype=a.dtype)).reshape(a.shape) for a in leaves]
    return tree.unflatten([a + 0.1 * wave for a, wave in zip(leaves, waves, strict=True)])


def arguments(cell, batch):
    """Parameters, inputs, carry, mask and resets."""
    params = moved(lambda: cell.init(jax.random.key(0)))
    carry = moved(lambda: cell.start(params, batch))
    xs = moved(lambda: jnp.zeros((T, *batch, D)))
    random = np.random.default_rng(0).random((2, T, *batch))
    return params, xs, carry, jnp.asarray(random[0] < 0.7), jnp.asarray(random[1] < 0.3)


def graded(cell, engine, **options):
    """Outputs, final carry and the gradients of parameters, inputs and carry."""

    def loss(params, xs, carry, mask, resets):
        result = unroll(cell, params, xs, carry, mask=mask, resets=resets, engine=engine, **options)
        flat = jnp.concatenate([a.astype(jnp.float32).ravel() for a in jax.tree.leaves(result)])
        return jnp.vdot(jnp.cos(jnp.arange(flat.size, dtype=jnp.float32)), flat), result

    return jax.grad(loss, argnums=(0, 1, 2), has_aux=True)


def members_are_alone(cell, batch, engine):
    """Compare two members under ``vmap`` with what the scan gives each of them."""
    params, *rest = arguments(cell, batch)
    members = [jax.tree.map(lambda a, s=s: a * s, params) for s in (1.0, 0.5)]
    stacked = lambda trees: jax.tree.map(lambda *leaves: jnp.stack(leaves), *trees)  # noqa: E731
    many = jax.vmap(graded(cell, engine), in_axes=(0, None, None, None, None))
    one = jax.jit(graded(cell, "scan"))
    alone = [one(member, *rest) for member in members]
    close(jax.jit(many)(stacked(members), *rest), stacked(alone))


def close(a, b, tolerance=1e-5):
    as_float = lambda tree: jax.tree.map(lambda x: np.asarray(x, np.float32), tree)  # noqa: E731
    compare = partial(np.testing.assert_allclose, rtol=tolerance, atol=tolerance)
    jax.tree.map(compare, as_float(a), as_float(b))


def arguments_of_zeros(cell, batch):
    """The same without values that take time to make."""
    params = cell.init(jax.random.key(0))
    flags = jnp.zeros((T, *batch), bool)
    return params, jnp.zeros((T, *batch, D)), cell.start(params, batch), flags, flags
