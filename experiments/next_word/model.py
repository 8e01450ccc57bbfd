"""The word model: embedding, recurrent layers or a window of last words, and softmax."""

from itertools import pairwise
from typing import Any

from experiments.next_word.config import RegularizationConfig, WordModelConfig
from seqmodels.cells.registry import cell_named
from seqmodels.layers.softmax import softmax
from seqmodels.models.config import RecurrentConfig
from seqmodels.models.language.context_encoders import (
    ContextEncoder,
    bag_encoder,
    recurrent_encoder,
    token_embedding,
    unshared_encoder,
    window_encoder,
)
from seqmodels.models.language.language_model import (
    LanguageModel,
    language_model,
    with_uniform_init,
)
from seqmodels.noise import dropout, weight_drop
from seqmodels.types import Cell
from seqmodels.wrap import stack

LARGE_VOCABULARY = 50_000  # a full softmax over more words takes most of the training time
SAMPLES = 8_000


def word_model(
    config: WordModelConfig,
    network: RecurrentConfig,
    regularization: RegularizationConfig,
    vocabulary: int,
    rates: dict[str, Any],
) -> LanguageModel:
    """Return the model of a config; ``rates`` may hold the ``dropout`` before the softmax."""
    if config.model == "recurrent":
        encoder = awd_encoder(config, network, regularization, vocabulary)
    else:
        encoder = window_model_encoder(config, network.hidden, vocabulary)
    samples = config.samples
    if samples == -1:
        samples = SAMPLES if vocabulary > LARGE_VOCABULARY else 0
    output = softmax(vocabulary, tied=config.tied, samples=samples)
    model = language_model(encoder, output, rates.get("dropout"))
    return with_uniform_init(model, config.uniform_init) if config.uniform_init else model


def window_model_encoder(config: WordModelConfig, hidden: int, vocabulary: int) -> ContextEncoder:
    """Return an encoder of the last ``config.window`` words."""
    if config.model == "window":
        return window_encoder(vocabulary, config.embedding, hidden, config.window)
    if config.model == "bag":
        return bag_encoder(vocabulary, config.embedding, hidden, config.window)
    return unshared_encoder(vocabulary, hidden, config.window)


def awd_encoder(
    config: WordModelConfig,
    network: RecurrentConfig,
    regularization: RegularizationConfig,
    vocabulary: int,
) -> ContextEncoder:
    """Return embedding and recurrent layers with the regularization of AWD-LSTM.

    Merity, Keskar and Socher (2017), arXiv:1708.02182.
    """
    size = config.embedding
    features = size or vocabulary
    embedding = token_embedding(vocabulary, size, size**-0.5 if config.tied else 1.0)
    last = size if config.tied else network.hidden
    sizes = [features, *[network.hidden] * (network.layers - 1), last]
    cell = awd_layers(network.cell, sizes, regularization)
    return recurrent_encoder(cell, embedding, features, regularization.word_dropout or None)


def awd_layers(cell: str, sizes: list[int], regularization: RegularizationConfig) -> Cell:
    """Return a stack of layers with dropout on their inputs and on the recurrent weights."""
    make = cell_named(cell)
    rates = [regularization.input_dropout]
    rates += [regularization.hidden_dropout] * (len(sizes) - 2)
    layers = []
    for (inputs, outputs), rate in zip(pairwise(sizes), rates, strict=True):
        layer = make(inputs, outputs)
        if regularization.weight_drop:
            layer = weight_drop(layer, regularization.weight_drop)
        layers.append(dropout(layer, inputs=rate) if rate else layer)
    return stack(*layers)
