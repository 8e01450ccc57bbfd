"""A language model that writes: compiled pieces, handed out as they are drawn."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Int

from seqmodels.decode.sample import Decoding, sample
from seqmodels.models.language.language_model import LanguageModel
from seqmodels.types import Params


def likeliest(
    model: LanguageModel, params: Params, prime: Int[np.ndarray, " P"], count: int
) -> list[tuple[int, float]]:
    """The tokens that most probably follow the prime, each with its probability."""

    @jax.jit
    def last(params: Params, tokens: jax.Array):
        logits, _ = model.unroll(params, tokens, model.start(params, ()))
        return jax.lax.top_k(jax.nn.softmax(logits[-1]), count)

    shares, tokens = jax.device_get(last(params, jnp.asarray(prime)))
    return [(int(token), float(share)) for token, share in zip(tokens, shares, strict=True)]


def write(
    model: LanguageModel,
    params: Params,
    prime: Int[np.ndarray, " P"],
    length: int,
    *,
    count: int = 1,
    seed: int = 0,
    piece: int = 32,
    **controls: Any,
) -> Iterator[Int[np.ndarray, "T count"]]:
    """Continue a prime with ``count`` samples of ``length`` tokens, ``piece`` tokens at a time.

    controls: ``temperature``, ``top_k`` and ``top_p`` of ``decode.sample``.
    """
    tokens = jnp.repeat(jnp.asarray(prime)[:, None], count, axis=1)
    logits, carry = jax.jit(model.unroll)(params, tokens, model.start(params, (count,)))
    state = Decoding(carry, logits[-1], jax.random.key(seed))

    @jax.jit
    def draw_piece(params: Params, state: Decoding):
        return sample(partial(model.step, params), state, piece, **controls)

    for done in range(0, length, piece):
        state, drawn = draw_piece(params, state)
        yield jax.device_get(drawn)[: length - done]
