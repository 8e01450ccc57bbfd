"""From the end of the encoder to the first carry of the decoder."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from seqmodels.models.seq2seq.decoder_layers import init_affine, tanh_affine
from seqmodels.types import Array, Carry, Cell, Float, Params


class Bridge(NamedTuple):
    """The decoder's first carry as a function of the encoder's last output and carry.

    init:  ``(key) -> params``
    apply: ``(params, end [*B, M], carry) -> carry``
    """

    init: Callable[[jax.Array], Params]
    apply: Callable[[Params, Array, Carry], Carry]


def bridge(encoder: Cell, decoder: Cell, width: int) -> Bridge:
    """Return the encoder's carry if it fits the decoder, otherwise ``tanh(m W + b)``.

    A carry does not fit if depth or direction of the layers differ. ``width`` is the number of
    features of m, the encoder's last output.
    """
    shapes = carry_shapes(decoder)
    if carry_shapes(encoder) == shapes:
        return Bridge(lambda key: {}, lambda params, end, carry: carry)
    leaves, tree = jax.tree.flatten(shapes)
    sizes = [leaf.shape[-1] for leaf in leaves]

    def init(key: jax.Array) -> Params:
        return init_affine(key, width, sum(sizes))

    def apply(params: Params, end: Float[Array, "*B M"], carry: Carry) -> Carry:
        states = tanh_affine(params, end)
        splits = [sum(sizes[:place]) for place in range(1, len(sizes))]
        parts = zip(jnp.split(states, splits, axis=-1), leaves, strict=True)
        return jax.tree.unflatten(tree, [part.astype(leaf.dtype) for part, leaf in parts])

    return Bridge(init, apply)


def carry_shapes(cell: Cell) -> Any:
    """Return the shapes and dtypes of a cell's carry, without batch axes."""
    return jax.eval_shape(lambda key: cell.start(cell.init(key), ()), jax.random.key(0))
