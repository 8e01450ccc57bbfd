"""This library: the experiments' own tasks, the trainer's compiled chunk, the compiled search."""

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
from experiments.translation.translator import decode
from seqmodels.commands.text_arguments import SearchArguments
from seqmodels.data.batching import Batch
from seqmodels.data.ragged import Padded
from seqmodels.data.streams import Window
from seqmodels.models.seq2seq.encoder_decoder import EncoderDecoder, configured
from seqmodels.models.seq2seq.task import translation_task
from seqmodels.train.config import FitConfig, hyper
from seqmodels.train.state import init_state, train_chunk
from seqmodels.types import Params, PyTree, Task

Call = Callable[[], Any]


def training(task: Task, config: FitConfig, numbers: dict[str, float], batches: PyTree) -> Call:
    """A call of the trainer's program for all the batches."""
    values = {name: jnp.float32(x) for name, x in numbers.items()}
    first = jax.tree.map(lambda leaf: leaf[0], batches)
    state = jax.jit(lambda key: init_state(task, config, values, key, first))(jax.random.key(0))
    run = jax.jit(train_chunk(task, config), donate_argnums=0)

    def call() -> None:
        nonlocal state
        state, metrics = run(state, batches)
        jax.block_until_ready(metrics)

    return call


def char(system: System) -> Call:
    """Windows of text, the state carried on, no dropout."""
    config = char_generation.Config(
        cell=system.cell, layers=system.layers, hidden=system.hidden, dropout=0.0
    )
    task = char_generation.task(config, {"vocabulary": {"symbols": symbols(system)}})
    tokens = sequences(system, 0, extra=1).tokens
    inputs, outputs = tokens[:, :-1], tokens[:, 1:]
    shape = inputs.shape
    windows = Window(inputs, outputs, np.ones(shape, bool), np.zeros(shape, bool))
    # Without the dropout rate among its numbers the task has none.
    return training(task, config, hyper(config), windows)


def classifier(system: System) -> Call:
    """Padded texts, read in both directions, summed up by their mean."""
    size = system.hidden
    config = sentiment.Config(
        cell=system.cell, pool=("mean",), dropout=0.1, hidden=size, embedding=size
    )
    classes = [str(n) for n in range(CLASSES)]
    extras = {"vocabulary": {"symbols": symbols(system)}, "classes": classes}
    found = sequences(system, 0)
    fields = {"x": Padded(found.tokens, found.mask), "label": labels(system)}
    task = sentiment.task(config, extras)
    return training(task, config, sentiment.EXPERIMENT.numbers(config), batch(system, fields))


def translation_config(system: System) -> translation.Config:
    """A GRU in both directions, additive attention, a GRU."""
    size, feeding = system.hidden, system.feeding
    return translation.Config(
        cell="gru", feeding=feeding, dropout=0.1, hidden=size, embedding=size, score=size
    )


def translation_training(system: System) -> Call:
    """Padded pairs, the target by teacher forcing."""
    config = translation_config(system)
    task = translation_task(lambda rates: model(config, system, rates))
    source, target = sequences(system, 0), targets(system)
    fields = {"source": Padded(source.tokens, source.mask)}
    fields |= {"target": Padded(target.tokens, target.mask)}
    return training(task, config, translation.EXPERIMENT.numbers(config), batch(system, fields))


def beam(system: System) -> Call:
    """Encoding and search, whose hypotheses never end, so that all sides do as many steps."""
    found = model(translation_config(system), system, {})
    params = endless(jax.jit(found.init)(jax.random.key(0)))
    source = sequences(system, 0)
    first = jnp.full((system.batch,), START, jnp.int32)
    arguments = SearchArguments(beam=WIDTH)

    def search(params: Params, source: Padded, key: jax.Array):
        encoded = found.encode(params, source)
        return decode(found, params, encoded, first, arguments, END, system.length, key)

    run = jax.jit(search)
    one = jax.device_put(Padded(source.tokens[0], source.mask[0]))
    return lambda: jax.block_until_ready(run(params, one, jax.random.key(0)))


def model(config: translation.Config, system: System, rates: dict[str, Any]) -> EncoderDecoder:
    """Encoder and decoder, with the rates that training reads from ``hyper``."""
    count = SYMBOLS[system.system]
    return configured(config, (count, count), rates)


def endless(params: Params) -> Params:
    """Parameters that give an end no probability."""
    bias = params["readout"]["bias"].at[END].set(-1e9)
    return params | {"readout": params["readout"] | {"bias": bias}}


def batch(system: System, fields: dict[str, Any]) -> Batch:
    """Stacked batches in which every row counts."""
    shape = (STEPS, system.batch)
    return Batch(fields, np.zeros(shape, np.int32), np.ones(shape, np.float32))


def symbols(system: System) -> list[str]:
    """A vocabulary of the right size."""
    return [str(n) for n in range(SYMBOLS[system.system])]


MAKERS = {
    "char": char,
    "classifier": classifier,
    "translation": translation_training,
    "beam": beam,
}
