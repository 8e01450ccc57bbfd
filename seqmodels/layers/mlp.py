"""Multilayer perceptron."""

from collections.abc import Sequence
from itertools import pairwise

import jax
from flax import nnx

from seqmodels.flax import layer
from seqmodels.noise import Rate, dropout_mask
from seqmodels.types import Array, Float, Layer, Params


def mlp(sizes: Sequence[int], dropout: Rate = 0.0) -> Layer:
    """Return an MLP with ReLU between its layers; ``sizes`` are from input to output.

        h_{i+1} = W_i d(relu(h_i)) + b_i

    The first layer has no ReLU.  Dropout d acts on the input of every layer, if ``apply`` is given
    a key.
    """
    layers = [layer(nnx.Linear, *size) for size in pairwise(sizes)]

    def init(key: jax.Array) -> Params:
        keys = jax.random.split(key, len(layers))
        return {str(i): each.init(k) for i, (each, k) in enumerate(zip(layers, keys, strict=True))}

    def apply(
        params: Params, x: Float[Array, "*B D"], key: jax.Array | None = None
    ) -> Float[Array, "*B H"]:
        for i, each in enumerate(layers):
            x = x if i == 0 else jax.nn.relu(x)
            if key is not None:
                mask = dropout_mask(jax.random.fold_in(key, i), dropout, x.shape)
                x = x * mask.astype(x.dtype)
            x = each.apply(params[str(i)], x)
        return x

    return Layer(init, apply)
