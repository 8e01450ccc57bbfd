"""seqmodels: the experiments' tasks, the trainer's compiled chunk and the compiled search."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.systems import (
    CLASSES,
    END,
    START,
    STEPS,
    SYMBOLS,
    WIDTH,
    System,
    labels,
    sequences,
    targets,
)
from experiments.char_generation import experiment as char_generation
from experiments.sentiment import experiment as sentiment
from experiments.translation import experiment as translation
from experiments.translation.arguments import SearchArguments
from experiments.translation.model import translation_model
from experiments.translation.translator import search
from seqmodels.data.batching import Batch
from seqmodels.data.ragged import Padded
from seqmodels.data.streams import Window
from seqmodels.models.seq2seq.encoder_decoder import EncoderDecoder
from seqmodels.models.seq2seq.task import translation_task
from seqmodels.train.config import training_rates, with_values
from seqmodels.train.state import init_state, train_chunk
from seqmodels.types import Params, PyTree, Task

Call = Callable[[], Any]


def training(task: Task, config: Any, rates: dict[str, float], batches: PyTree) -> Call:
    """Return a call of the trainer's compiled chunk for all batches."""
    values = {name: jnp.float32(x) for name, x in rates.items()}
    first, optimizer = jax.tree.map(lambda leaf: leaf[0], batches), config.training.optimizer
    state = jax.jit(lambda key: init_state(task, optimizer, values, key, first))(jax.random.key(0))
    run = jax.jit(train_chunk(task, optimizer), donate_argnums=0)

    def call() -> None:
        nonlocal state
        state, metrics = run(state, batches)
        jax.block_until_ready(metrics)

    return call


def char(system: System) -> Call:
    """Train on windows of text with carried state, without dropout."""
    values = {"cell": system.cell, "layers": system.layers, "hidden": system.hidden}
    config = with_values(char_generation.Config(), values | {"dropout": 0.0})
    task = char_generation.task(config, {"vocabulary": {"symbols": symbols(system)}})
    tokens = sequences(system, 0, extra=1).tokens
    inputs, outputs = tokens[:, :-1], tokens[:, 1:]
    shape = inputs.shape
    windows = Window(inputs, outputs, np.ones(shape, bool), np.zeros(shape, bool))
    # The task has no dropout, because its rate is not among these rates.
    return training(task, config, training_rates(config.training), windows)


def classifier(system: System) -> Call:
    """Train a bidirectional classifier with mean pooling on padded texts."""
    size = system.hidden
    values = {"cell": system.cell, "pool": ("mean",), "hidden": size, "embedding": size}
    config = with_values(sentiment.Config(), values | {"dropout": 0.1})
    classes = [str(n) for n in range(CLASSES)]
    metadata = {"vocabulary": {"symbols": symbols(system)}, "classes": classes}
    found = sequences(system, 0)
    fields = {"x": Padded(found.tokens, found.mask), "label": labels(system)}
    task = sentiment.task(config, metadata)
    rates = sentiment.EXPERIMENT.initial_rates(config)
    return training(task, config, rates, batch(system, fields))


def translation_config(system: System) -> translation.Config:
    """Return the config: bidirectional GRU encoder, additive attention, GRU decoder."""
    size, values = system.hidden, {"cell": "gru", "feeding": system.feeding, "dropout": 0.1}
    values |= {"hidden": size, "embedding": size, "score": size}
    return with_values(translation.Config(), values)


def translation_training(system: System) -> Call:
    """Train on padded pairs with teacher forcing."""
    config = translation_config(system)
    task = translation_task(lambda rates: model(config, system, rates))
    source, target = sequences(system, 0), targets(system)
    fields = {"source": Padded(source.tokens, source.mask)}
    fields |= {"target": Padded(target.tokens, target.mask)}
    rates = translation.EXPERIMENT.initial_rates(config)
    return training(task, config, rates, batch(system, fields))


def beam(system: System) -> Call:
    """Encode and search; hypotheses never end, so that all libraries run equally many steps."""
    found = model(translation_config(system), system, {})
    params = endless(jax.jit(found.init)(jax.random.key(0)))
    source = sequences(system, 0)
    first = jnp.full((system.batch,), START, jnp.int32)
    arguments = SearchArguments(beam=WIDTH)

    def encode_and_search(params: Params, source: Padded, key: jax.Array):
        encoded = found.encode(params, source)
        return search(found, params, encoded, first, arguments, END, system.length, key)

    run = jax.jit(encode_and_search)
    one = jax.device_put(Padded(source.tokens[0], source.mask[0]))
    return lambda: jax.block_until_ready(run(params, one, jax.random.key(0)))


def model(config: translation.Config, system: System, rates: dict[str, Any]) -> EncoderDecoder:
    """Return the encoder-decoder of these rates."""
    count = SYMBOLS[system.system]
    return translation_model(config.network, (count, count), rates)


def endless(params: Params) -> Params:
    """Return parameters that give END zero probability."""
    bias = params["readout"]["bias"].at[END].set(-1e9)
    return params | {"readout": params["readout"] | {"bias": bias}}


def batch(system: System, fields: dict[str, Any]) -> Batch:
    """Return stacked batches without padding rows."""
    shape = (STEPS, system.batch)
    return Batch(fields, np.zeros(shape, np.int32), np.ones(shape, np.float32))


def symbols(system: System) -> list[str]:
    """Return a vocabulary of the system's size."""
    return [str(n) for n in range(SYMBOLS[system.system])]


MAKERS = {
    "char": char,
    "classifier": classifier,
    "translation": translation_training,
    "beam": beam,
}
