"""Sequence to sequence: an encoder, and a decoder with or without attention."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from seqmodels.data.ragged import Padded
from seqmodels.layers.attention import Attention
from seqmodels.layers.embedding import word_embedding
from seqmodels.layers.pooling import pool_final, pool_first
from seqmodels.models.encoder import EncoderOutput
from seqmodels.models.encoder import encoder as make_encoder
from seqmodels.models.seq2seq.attention_decoder import attach_source, attention_decoder
from seqmodels.models.seq2seq.bridge import bridge
from seqmodels.models.seq2seq.context_decoder import attach_context, context_decoder
from seqmodels.models.seq2seq.readout import token_readout
from seqmodels.models.seq2seq.token_decoder import (
    TokenDecoderParams,
    TokenInput,
    token_decoder,
)
from seqmodels.noise import Rate, apply_mask, dropout_mask
from seqmodels.types import Array, Bool, Carry, Cell, Float, Int, Params
from seqmodels.unroll import unroll, unroll_carries
from seqmodels.wrap_io import output_size, split_optional_key


class EncodedSource(NamedTuple):
    """Sources as the decoder sees them: its parameters for these sources, and its first carry."""

    decoder: Params
    carry: Carry


class EncoderDecoder(NamedTuple):
    """Sources in, logits of the next target token out.

    init:    ``(key) -> params``
    encode:  ``(params, source: Padded, key=None) -> EncodedSource``; a key turns on noise
    step:    ``(params, decoder, carry, token) -> (carry, logits)``
    unroll:  ``(params, encoded, tokens, mask=None, key=None) -> logits``
    align:   ``(params, encoded, tokens) -> attention weights [T, B, S]``; None without attention
    decoder: the ``token_decoder`` that ``step`` and ``unroll`` apply
    """

    init: Callable[[jax.Array], Params]
    encode: Callable[..., EncodedSource]
    step: Callable[[Params, Params, Carry, Array], tuple[Carry, Array]]
    unroll: Callable[..., Array]
    align: Callable[..., Array] | None
    decoder: Cell


def encoder_decoder(
    encoder: Cell,
    decoder: Cell,
    size: int,
    vocabularies: tuple[int, int],
    *,
    attention: Callable[[int, int], Attention] | None = None,
    feeding: bool = False,
    coverage: bool = False,
    context: int = 0,
    tied: bool = False,
    dropout: Rate = 0.0,
    word_dropout: Rate = 0.0,
    reverse: bool = False,
) -> EncoderDecoder:
    """Return an encoder-decoder with embeddings of ``size`` features for both vocabularies.

        m_1 ... m_S = encoder(E[x_1] ... E[x_S]),    h_t = decoder(h_{t-1}, F[y_{t-1}])
        p(y_t | y_1 ... y_{t-1}, x) = softmax(W h_t + b)

    Sutskever et al. (2014), arXiv:1409.3215; Cho et al. (2014), arXiv:1406.1078. The first carry
    of the decoder is the last one of the encoder, or follows from it (see ``bridge``).

    attention:    ``(query, memory) -> Attention`` for these numbers of features; h_t is then the
                  output of an attention decoder
    feeding:      input feeding, see ``attention_decoder``; ``decoder`` must take 2 * size features
    coverage:     see ``attention_decoder``
    context:      without attention, features of a summary of the source (``context_decoder``);
                  ``decoder`` must take size + context features
    tied:         W is F, after a linear map if the widths differ
    dropout:      dropout rate on the memory and on the input of the readout
    word_dropout: fraction of source and target tokens that are hidden in training
    reverse:      encode from the last token to the first
    """
    sources, targets = (word_embedding(count, size) for count in vocabularies)
    memory, query = (
        output_size(cell, jax.eval_shape(cell.init, jax.random.key(0)))
        for cell in (encoder, decoder)
    )
    source_encoder = make_encoder(encoder, sources, step_dropout=word_dropout, reverse=reverse)
    score = attention(query, memory) if attention else None
    cell, width = decoder, query
    if score:
        options = {"feeding": feeding, "coverage": coverage}
        cell, width = attention_decoder(decoder, score, memory, size, **options), size
    elif context:
        cell, width = context_decoder(decoder, memory, context, size), size
    first_carry = bridge(encoder, decoder, memory)
    readout = token_readout(width, size, vocabularies[1], tied)
    rates = {"dropout": dropout, "word_dropout": word_dropout}
    decoder_cell = token_decoder(cell, targets, readout, width, **rates)

    def init(key: jax.Array) -> Params:
        key_s, key_t, key_e, key_d, key_b, key_r = jax.random.split(key, 6)
        source = source_encoder.init(key_s, key_e)
        return {
            "source": source["embedding"],
            "target": targets.init(key_t),
            "encoder": source["cell"],
            "decoder": cell.init(key_d),
            "bridge": first_carry.init(key_b),
            "readout": readout.init(key_r),
        }

    def encode(params: Params, source: Padded, key: Any = None) -> EncodedSource:
        key_w, key_c, key_m = split_optional_key(key, 3)
        encoder_params = {"embedding": params["source"], "cell": params["encoder"]}
        output = source_encoder.apply(encoder_params, source, key_w, key_c)
        end = final_output(output, reverse)
        carry = first_carry.apply(params["bridge"], end, output.carry)
        if score:
            values = jnp.moveaxis(drop_features(output.outputs, dropout, key_m), 0, 1)
            mask = jnp.moveaxis(output.mask, 0, 1)
            attending = attach_source(score, params["decoder"], values, mask)
            start = cell.start(attending, mask.shape[:1])
            return EncodedSource(attending, start._replace(cell=carry))
        if context:
            return EncodedSource(attach_context(params["decoder"], end), carry)
        return EncodedSource(params["decoder"], carry)

    def step(
        params: Params, decoder: Params, carry: Carry, token: Int[Array, "*B"]
    ) -> tuple[Carry, Float[Array, "*B V"]]:
        return decoder_cell.step(TokenDecoderParams(params, decoder), carry, TokenInput(token))

    def unroll_targets(
        params: Params,
        encoded: EncodedSource,
        tokens: Int[Array, "T *B"],
        mask: Bool[Array, "T *B"] | None = None,
        key: Any = None,
    ) -> Float[Array, "T *B V"]:
        run = TokenDecoderParams(params, encoded.decoder)
        return unroll(decoder_cell, run, TokenInput(tokens), encoded.carry, mask=mask, key=key)[0]

    def align(
        params: Params, encoded: EncodedSource, tokens: Int[Array, "T *B"]
    ) -> Float[Array, "T *B S"]:
        xs = targets.apply(params["target"], tokens)
        _, states = unroll_carries(cell, encoded.decoder, xs, encoded.carry)
        return jnp.diff(states.coverage, axis=0, prepend=encoded.carry.coverage[None])

    aligner = align if score else None
    return EncoderDecoder(init, encode, step, unroll_targets, aligner, decoder_cell)


def final_output(output: EncoderOutput, reverse: bool) -> Float[Array, "B H"]:
    """Return the output at the step at which the encoder ends."""
    if reverse:
        return pool_first(output.outputs, output.mask)
    return pool_final(output.outputs, output.mask, output.carry)


def drop_features(ys: Float[Array, "*B H"], rate: Rate, key: Any) -> Float[Array, "*B H"]:
    """Apply dropout; without a key return the features unchanged."""
    return ys if key is None else apply_mask(dropout_mask(key, rate, ys.shape), ys)
