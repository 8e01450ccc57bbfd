"""A multilayer perceptron from Flax's linear layers."""

from collections.abc import Sequence
from itertools import pairwise

import jax
from flax import nnx

from seqmodels.flax import layer
from seqmodels.noise import Rate, keep_mask
from seqmodels.types import Array, Float, Layer, Params


def mlp(sizes: Sequence[int], dropout: Rate = 0.0) -> Layer:
    """``sizes`` from input to output, rectified in between; with a key each input drops features.

    h_{i+1} = relu(W_i d(h_i) + b_i),    the last without relu
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
                mask = keep_mask(jax.random.fold_in(key, i), dropout, x.shape)
                x = x * mask.astype(x.dtype)
            x = each.apply(params[str(i)], x)
        return x

    return Layer(init, apply)
