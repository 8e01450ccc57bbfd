"""The models of the next word, from names and numbers."""

from functools import partial
from itertools import pairwise
from typing import Any

from experiments.next_word.arguments import WordModelConfig
from seqmodels.cells.registry import cell_named
from seqmodels.layers.softmax import softmax
from seqmodels.models.language import readers
from seqmodels.models.language.language_model import (
    LanguageModel,
    activation_penalty,
    language_model_task,
    predictor,
    uniform_parameters,
)
from seqmodels.noise import dropout, weight_drop
from seqmodels.types import Cell, Task
from seqmodels.wrap import stack

MANY = 50_000  # words, above which a softmax over all costs most of the training


def word_model(config: WordModelConfig, vocabulary: int, rate: Any = None) -> LanguageModel:
    """The model that a config names; ``rate`` is that of the dropout before the softmax."""
    samples = config.samples if config.samples >= 0 else 8000 * (vocabulary > MANY)
    output = softmax(vocabulary, tied=config.tied, samples=samples)
    model = predictor(reader(config, vocabulary), output, rate)
    return uniform_parameters(model, config.uniform_init) if config.uniform_init else model


def reader(config: WordModelConfig, vocabulary: int) -> readers.Reader:
    """What the model makes of the words so far."""
    size, hidden, window = config.embedding, config.hidden, config.window
    if config.model == "window":
        return readers.window_reader(vocabulary, size, hidden, window)
    if config.model == "bag":
        return readers.bag_reader(vocabulary, size, hidden, window)
    if config.model == "unshared":
        return readers.unshared_reader(vocabulary, hidden, window)
    features = size or vocabulary
    vectors = readers.token_vectors(vocabulary, size, size**-0.5 if config.tied else 1.0)
    return readers.recurrent_reader(
        recurrence(config, features), vectors, features, config.word_dropout or None
    )


def recurrence(config: WordModelConfig, features: int) -> Cell:
    """Stacked layers, with the noise of AWD-LSTM, Merity et al. (2017), arXiv:1708.02182."""
    make = cell_named(config.cell)
    last = config.embedding if config.tied else config.hidden
    sizes = [features, *[config.hidden] * (config.layers - 1), last]
    rates = [config.input_dropout, *[config.hidden_dropout] * (config.layers - 1)]
    cells = []
    for (inputs, outputs), rate in zip(pairwise(sizes), rates, strict=True):
        cell = make(inputs, outputs)
        cell = weight_drop(cell, config.weight_drop) if config.weight_drop else cell
        cells.append(dropout(cell, inputs=rate) if rate else cell)
    return stack(*cells)


def word_model_task(config: WordModelConfig, vocabulary: int) -> Task:
    """Predict the next word; the rate ``dropout`` may be swept."""
    penalty = partial(activation_penalty, size=config.activation, change=config.slowness)
    return language_model_task(
        lambda hyper: word_model(config, vocabulary, hyper.get("dropout")),
        penalty if config.activation or config.slowness else None,
    )
