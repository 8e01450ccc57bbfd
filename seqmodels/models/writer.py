"""A language model that writes: compiled pieces, handed out as they are drawn."""

from collections.abc import Iterator
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Int

from seqmodels.decode.arguments import SampleArguments
from seqmodels.decode.sample import Decoding, sample
from seqmodels.models.language_model import LanguageModel
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
    arguments: SampleArguments,
    piece: int = 32,
) -> Iterator[Int[np.ndarray, "T count"]]:
    """``arguments.count`` texts that go on from the prime, ``piece`` tokens at a time."""
    tokens = jnp.repeat(jnp.asarray(prime)[:, None], arguments.count, axis=1)
    start = model.start(params, (arguments.count,))
    logits, carry = jax.jit(model.unroll)(params, tokens, start)
    state = Decoding(carry, logits[-1], jax.random.key(arguments.seed))
    controls = {name: getattr(arguments, name) for name in ("temperature", "top_k", "top_p")}

    @jax.jit
    def go_on(params: Params, state: Decoding):
        return sample(partial(model.step, params), state, piece, **controls)

    for done in range(0, arguments.length, piece):
        state, drawn = go_on(params, state)
        yield jax.device_get(drawn)[: arguments.length - done]
