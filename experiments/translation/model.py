"""The translation model: a recurrent encoder and decoder, with or without attention."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from seqmodels.layers.attention import ATTENTIONS
from seqmodels.models.recurrent import recurrent_layers
from seqmodels.models.seq2seq.config import EncoderDecoderConfig
from seqmodels.models.seq2seq.encoder_decoder import EncoderDecoder, encoder_decoder


def translation_model(
    config: EncoderDecoderConfig, vocabularies: tuple[int, int], rates: Mapping[str, Any]
) -> EncoderDecoder:
    """Return an encoder and a decoder of the same kind of cell.

    vocabularies: sizes of the source and target vocabularies
    rates:        may hold ``dropout`` and ``word_dropout``, which are zero otherwise
    """
    rate, size = rates.get("dropout", 0.0), config.embedding
    layers = partial(
        recurrent_layers, config.cell, hidden=config.hidden, layers=config.layers, drop=rate
    )
    attention, context, extra_inputs = None, 0, 0
    if config.attention != "none":
        attention = partial(ATTENTIONS[config.attention], units=config.score)
        extra_inputs = size if config.feeding else 0
    elif config.context:
        context = extra_inputs = config.hidden
    return encoder_decoder(
        layers(size, both_ways=config.bidirectional),
        layers(size + extra_inputs),
        size,
        vocabularies,
        attention=attention,
        feeding=config.feeding,
        coverage=config.coverage,
        context=context,
        tied=config.tied,
        dropout=rate,
        word_dropout=rates.get("word_dropout", 0.0),
        reverse=config.reverse,
    )
