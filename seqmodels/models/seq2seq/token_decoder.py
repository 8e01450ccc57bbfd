"""A decoder from tokens to logits, with its embedding and readout, as a ``Cell``."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from seqmodels.engines.problem import inputs_of, leading_axes, noise_of, where, zeros_like
from seqmodels.models.seq2seq.readout import Readout
from seqmodels.noise import Rate, apply_mask, dropout_mask
from seqmodels.types import Array, Bool, Carry, Cell, Composite, Float, Int, Layer, Params, PyTree
from seqmodels.wrap_io import attach_noise, draw_noise, split_optional_key


class TokenInput(NamedTuple):
    """Input of a decoder that reads tokens."""

    token: Int[Array, "*B"]


class TokenDecoderParams(NamedTuple):
    """The parameters of the model, and those of its decoder with the sources of a batch."""

    model: Params
    decoder: Params


class TokenNoise(NamedTuple):
    """Noise of the embedded tokens, of the cell, and of the features that the readout reads."""

    kept: Bool[Array, "*B"] | None = None
    cell: PyTree = ()
    features: Float[Array, "*B H"] | None = None


def token_decoder(
    cell: Cell,
    embedding: Layer,
    readout: Readout,
    width: int,
    *,
    dropout: Rate = 0.0,
    word_dropout: Rate = 0.0,
) -> Cell:
    """Return a cell with inputs ``TokenInput`` and logits as outputs.

        h_t = cell(h_{t-1}, F[y_{t-1}]),    z_t = readout(h_t)

    The parameters of a run are ``TokenDecoderParams``, in which ``target`` and ``readout`` of the
    model belong to the embedding and the readout.  ``init`` makes those of ``cell`` alone.

    width:        features of h
    dropout:      dropout rate on h
    word_dropout: fraction of tokens that are hidden in training
    """
    decoder = _TokenDecoder(cell, embedding, readout, width, dropout, word_dropout)
    form = Composite(decoder.unroll)
    return Cell(cell.init, decoder.start, decoder.step, decoder.draw, form)


class _TokenDecoder(NamedTuple):
    """The arguments of ``token_decoder``, and the functions of the cell that it returns."""

    cell: Cell
    embedding: Layer
    readout: Readout
    width: int
    dropout: Rate
    word_dropout: Rate

    def embed(self, params: TokenDecoderParams, x: TokenInput, kept: Array | None) -> Array:
        xs = self.embedding.apply(params.model["target"], x.token)
        return where(kept, xs, zeros_like(xs))

    def read(self, params: TokenDecoderParams, hidden: Array, mask: Array | None) -> Array:
        table = params.model["target"]["embedding"]
        return self.readout.apply(params.model["readout"], apply_mask(mask, hidden), table)

    def masks(self, key_w: Any, key_r: Any, shape: tuple[int, ...]) -> TokenNoise:
        kept = jax.random.bernoulli(key_w, 1.0 - jnp.asarray(self.word_dropout), shape)
        return TokenNoise(kept, (), dropout_mask(key_r, self.dropout, (*shape, self.width)))

    def start(self, params: TokenDecoderParams, batch_shape: tuple[int, ...]) -> Carry:
        return self.cell.start(params.decoder, batch_shape)

    def step(self, params: TokenDecoderParams, carry: Carry, x: Any) -> tuple[Carry, Array]:
        noise = noise_of(x) or TokenNoise()
        inputs = attach_noise(self.embed(params, inputs_of(x), noise.kept), noise.cell)
        carry, hidden = self.cell.step(params.decoder, carry, inputs)
        return carry, self.read(params, hidden, noise.features)

    def draw(
        self, params: TokenDecoderParams, key: Any, length: int, batch_shape: tuple[int, ...]
    ) -> tuple[TokenDecoderParams, TokenNoise]:
        key_w, key_c, key_r = jax.random.split(key, 3)
        decoder, noise = draw_noise(self.cell, params.decoder, key_c, length, batch_shape)
        masks = self.masks(key_w, key_r, (length, *batch_shape))
        return params._replace(decoder=decoder), masks._replace(cell=noise)

    def unroll(
        self,
        unroll_one: Callable,
        params: TokenDecoderParams,
        xs: TokenInput,
        carry: Carry,
        options: dict,
    ) -> tuple[Array, Carry]:
        key_w, key_c, key_r = split_optional_key(options["key"], 3)
        noise = TokenNoise()
        if options["key"] is not None:
            noise = self.masks(key_w, key_r, leading_axes(xs))
        options = options | {"key": key_c}
        embedded = self.embed(params, xs, noise.kept)
        hidden, carry = unroll_one(self.cell, params.decoder, embedded, carry, **options)
        logits = self.read(params, hidden, noise.features)
        return where(options["mask"], logits, zeros_like(logits)), carry
