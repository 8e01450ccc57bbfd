"""Sequence to sequence: an encoder, and a decoder with or without attention."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from seqmodels.cells.build import affine, dot, glorot, rows
from seqmodels.data.ragged import Padded
from seqmodels.layers.attention import ATTENTIONS, Attention
from seqmodels.layers.embedding import word_embedding
from seqmodels.layers.pooling import final, first
from seqmodels.models.classification.classifier import without_steps
from seqmodels.models.recurrent import recurrent_layers
from seqmodels.models.seq2seq.attention_decoder import attention_decoder, bind
from seqmodels.models.seq2seq.config import EncoderDecoderConfig
from seqmodels.models.seq2seq.context_decoder import context_decoder, summarised
from seqmodels.noise import Rate, dropped, keep_mask
from seqmodels.types import Array, Bool, Carry, Cell, Float, Int, Params
from seqmodels.unroll import carries, unroll
from seqmodels.wrap import output_size, split_optional


class Encoded(NamedTuple):
    """What the decoder knows of a source: its parameters for this run, and where it begins."""

    decoder: Params
    carry: Carry


class EncoderDecoder(NamedTuple):
    """Sources in, logits of the next target token out.

    init:   ``(key) -> params``
    encode: ``(params, source: Padded, key=None) -> Encoded``; a key turns on noise
    step:   ``(params, decoder, carry, token) -> (carry, logits)``
    unroll: ``(params, encoded, tokens, mask=None, key=None) -> logits``
    align:  ``(params, encoded, tokens) -> weights [T, B, S]``; None where nothing is attended to
    """

    init: Callable[[jax.Array], Params]
    encode: Callable[..., Encoded]
    step: Callable[[Params, Params, Carry, Array], tuple[Carry, Array]]
    unroll: Callable[..., Array]
    align: Callable[..., Array] | None


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
    """Two recurrences, and an embedding of ``size`` features for each of two vocabularies.

        m_1 ... m_S = encoder(E[x_1] ... E[x_S]),    h_t = decoder(h_{t-1}, F[y_{t-1}]), h_0 from m
        p(y_t | y_1 ... y_{t-1}, x) = softmax(W h_t + b)

    Sutskever et al. (2014), arXiv:1409.3215; Cho et al. (2014), arXiv:1406.1078.  The encoder's
    final carry is the decoder's first one; where it does not fit (other depth, both directions), a
    learned layer makes one of what the encoder puts out at its end (``bridge``).

    attention: makes a score from the widths of a query and of the memory; h_t is then what an
        attention decoder puts out.  With ``feeding`` the decoder must take ``2 * size`` features.
    context: without attention, features of a summary of the source that every step is given
        (``context_decoder``); the decoder must then take ``size + context`` features.
    tied: W is F, after a linear map where the widths differ.
    dropout: share of the memory, and of what is read out, that is dropped in training.
    word_dropout: share of the words on either side that the recurrences do not see in training.
    reverse: the encoder reads from the end of the source to its beginning.
    """
    sources, targets = (word_embedding(count, size) for count in vocabularies)
    memory, query = (
        output_size(cell, jax.eval_shape(cell.init, jax.random.key(0)))
        for cell in (encoder, decoder)
    )
    score = attention(query, memory) if attention else None
    options = {"feeding": feeding, "coverage": coverage}
    if score:
        cell = attention_decoder(decoder, score, memory, size, **options)
    else:
        cell = context_decoder(decoder, memory, context, size) if context else decoder
    width = size if score or context else query
    connect = bridge(encoder, decoder, memory)

    def init(key: jax.Array) -> Params:
        key_s, key_t, key_e, key_d, key_b, key_r = jax.random.split(key, 6)
        return {
            "source": sources.init(key_s),
            "target": targets.init(key_t),
            "encoder": encoder.init(key_e),
            "decoder": cell.init(key_d),
            "bridge": connect.init(key_b),
            "readout": init_readout(key_r, width, size if tied else vocabularies[1])
            | {"bias": jnp.zeros((vocabularies[1],))},
        }

    def encode(params: Params, source: Padded, key: Any = None) -> Encoded:
        key_w, key_c, key_m = split_optional(key, 3)
        xs, mask = sources.apply(params["source"], source.values), jnp.asarray(source.mask)
        xs = without_steps(xs, word_dropout, key_w)
        ys, carry = unroll(encoder, params["encoder"], xs, mask=mask, reverse=reverse, key=key_c)
        end = first(ys, mask) if reverse else final(ys, mask, carry)
        begin = connect.apply(params["bridge"], end, carry)
        if score is None:
            own = params["decoder"]
            return Encoded(summarised(own, end) if context else own, begin)
        ys = noisy(ys, dropout, key_m)
        values = jnp.moveaxis(ys, 0, 1)
        bound = bind(score, params["decoder"], values, jnp.moveaxis(mask, 0, 1))
        return Encoded(bound, cell.start(bound, xs.shape[1:-1])._replace(cell=begin))

    def readout(params: Params, hidden: Float[Array, "*B H"]) -> Float[Array, "*B V"]:
        if "w" in params["readout"]:
            hidden = dot(hidden, params["readout"]["w"])
        logits = dot(hidden, params["target"]["embedding"].T) if tied else hidden
        return logits + rows(params["readout"]["bias"], logits)

    def step(
        params: Params, decoder: Params, carry: Carry, token: Int[Array, "*B"]
    ) -> tuple[Carry, Float[Array, "*B V"]]:
        carry, hidden = cell.step(decoder, carry, targets.apply(params["target"], token))
        return carry, readout(params, hidden)

    def run(
        params: Params,
        encoded: Encoded,
        tokens: Int[Array, "T *B"],
        mask: Bool[Array, "T *B"] | None = None,
        key: Any = None,
    ) -> Float[Array, "T *B V"]:
        key_w, key_c, key_r = split_optional(key, 3)
        xs = without_steps(targets.apply(params["target"], tokens), word_dropout, key_w)
        ys, _ = unroll(cell, encoded.decoder, xs, encoded.carry, mask=mask, key=key_c)
        return readout(params, noisy(ys, dropout, key_r))

    def align(
        params: Params, encoded: Encoded, tokens: Int[Array, "T *B"]
    ) -> Float[Array, "T *B S"]:
        xs = targets.apply(params["target"], tokens)
        _, states = carries(cell, encoded.decoder, xs, encoded.carry)
        return jnp.diff(states.covered, axis=0, prepend=encoded.carry.covered[None])

    return EncoderDecoder(init, encode, step, run, align if score else None)


def configured(
    config: EncoderDecoderConfig, vocabularies: tuple[int, int], hyper: dict[str, Any]
) -> EncoderDecoder:
    """The model that a config asks for; ``hyper`` may hold its rates, which are zero without."""
    rate, size, attends = hyper.get("dropout", 0.0), config.embedding, config.attention != "none"
    shape = {"hidden": config.hidden, "layers": config.layers, "drop": rate}
    context = config.hidden if config.context and not attends else 0
    fed = size if config.feeding and attends else context
    return encoder_decoder(
        recurrent_layers(config.cell, size, both_ways=config.bidirectional, **shape),
        recurrent_layers(config.cell, size + fed, **shape),
        size,
        vocabularies,
        attention=partial(ATTENTIONS[config.attention], units=config.score) if attends else None,
        feeding=config.feeding,
        coverage=config.coverage,
        context=context,
        tied=config.tied,
        dropout=rate,
        word_dropout=hyper.get("word_dropout", 0.0),
        reverse=config.reverse,
    )


def noisy(ys: Float[Array, "*B H"], rate: Rate, key: Any) -> Float[Array, "*B H"]:
    """Dropout, where there is a key."""
    return ys if key is None else dropped(keep_mask(key, rate, ys.shape), ys)


def init_readout(key: jax.Array, width: int, size: int) -> Params:
    """A matrix to ``size``; none where the width is that already."""
    return {} if width == size else {"w": glorot(key, (width, size))}


class Bridge(NamedTuple):
    """From where the encoder ended to where the decoder begins.

    init:  ``(key) -> params``
    apply: ``(params, end [*B, M], carry) -> carry``
    """

    init: Callable[[jax.Array], Params]
    apply: Callable[[Params, Array, Carry], Carry]


def bridge(encoder: Cell, decoder: Cell, width: int) -> Bridge:
    """The encoder's carry itself where it fits, else ``tanh(V m + c)`` for each part of one."""
    ends, begins = start_shapes(encoder), start_shapes(decoder)
    if ends == begins:
        return Bridge(lambda key: {}, lambda params, end, carry: carry)
    leaves, tree = jax.tree.flatten(begins)
    sizes = [leaf.shape[-1] for leaf in leaves]

    def init(key: jax.Array) -> Params:
        return {"w": glorot(key, (width, sum(sizes))), "b": jnp.zeros((sum(sizes),))}

    def apply(params: Params, end: Array, carry: Carry) -> Carry:
        states = jnp.tanh(affine(end, params["w"], params["b"]))
        splits = [sum(sizes[:place]) for place in range(1, len(sizes))]
        parts = zip(jnp.split(states, splits, axis=-1), leaves, strict=True)
        return jax.tree.unflatten(tree, [part.astype(leaf.dtype) for part, leaf in parts])

    return Bridge(init, apply)


def start_shapes(cell: Cell) -> Any:
    """What a carry of this cell looks like."""
    return jax.eval_shape(lambda key: cell.start(cell.init(key), ()), jax.random.key(0))
