"""Text generation with a language model."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Int

from seqmodels.decode.sample import SampleState, sample, sample_token
from seqmodels.models.language.language_model import LanguageModel
from seqmodels.types import Params


def most_likely(
    model: LanguageModel, params: Params, prime: Int[np.ndarray, " P"], count: int
) -> list[tuple[int, float]]:
    """Return the ``count`` most likely tokens after a prime, each with its probability."""

    @jax.jit
    def last(params: Params, tokens: jax.Array):
        logits, _ = model.unroll(params, tokens, model.start(params, ()))
        return jax.lax.top_k(jax.nn.softmax(logits[-1]), count)

    probabilities, tokens = jax.device_get(last(params, jnp.asarray(prime)))
    return [(int(token), float(p)) for token, p in zip(tokens, probabilities, strict=True)]


def generate(
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
    """Continue a prime with ``count`` samples of ``length`` tokens.

    Yields ``piece`` tokens at a time, so that a long text can be printed while it is generated.

    controls: ``temperature``, ``top_k`` and ``top_p`` of ``sample_token``
    """
    tokens = jnp.repeat(jnp.asarray(prime)[:, None], count, axis=1)
    logits, carry = jax.jit(model.unroll)(params, tokens, model.start(params, (count,)))
    state = SampleState(carry, logits[-1], jax.random.key(seed))
    draw = partial(sample_token, **controls)

    @jax.jit
    def sample_piece(params: Params, state: SampleState):
        return sample(partial(model.step, params), state, piece, draw=draw)

    for position in range(0, length, piece):
        state, tokens = sample_piece(params, state)
        yield jax.device_get(tokens)[: length - position]
