"""Recurrent model of frames of notes, with three distributions of a frame."""

from functools import partial
from typing import Any

import jax.numpy as jnp
from flax import nnx

from experiments.music.frames import input_size
from experiments.music.interval_set import init_interval_set, interval_set
from seqmodels.cells.registry import cell_named
from seqmodels.data.music.rolls import KEYS
from seqmodels.distributions.autoregressive_set import autoregressive_set, init_autoregressive_set
from seqmodels.distributions.bernoulli import bernoulli
from seqmodels.distributions.nade import init_nade, nade
from seqmodels.flax import layer
from seqmodels.models.config import RecurrentConfig
from seqmodels.models.sequence.sequence_model import SequenceModel, sequence_model
from seqmodels.noise import Rate, dropout
from seqmodels.types import Cell
from seqmodels.wrap import readout, stack
from seqmodels.wrap_io import wrap_io


def frame_model(
    network: RecurrentConfig,
    meter: int,
    outputs: str,
    item_hidden: int,
    most: int,
    rates: dict[str, Any],
) -> SequenceModel:
    """Return the model of the notes of a frame, given the frames before.

    outputs:     "bernoulli", "nade", "notes" or "intervals"
    item_hidden: hidden units of the last three
    most:        maximum number of notes in a frame, for the last two
    """
    hidden, inputs = network.hidden, input_size(meter)
    cell, size = frame_cell(network, inputs, rates), hidden + inputs
    if outputs == "bernoulli":
        return sequence_model(readout(cell, layer(nnx.Linear, size, KEYS)), bernoulli(KEYS))
    if outputs == "intervals":
        weights = partial(init_interval_set, features=size, hidden=item_hidden, most=most)
        return sequence_model(cell, partial(interval_set, last=hidden), weights=weights)
    init = init_nade if outputs == "nade" else init_autoregressive_set
    family = nade if outputs == "nade" else partial(autoregressive_set, most=most)
    weights = partial(init, features=size, size=KEYS, hidden=item_hidden)
    return sequence_model(cell, family, weights=weights)


def frame_cell(network: RecurrentConfig, inputs: int, rates: dict[str, Any]) -> Cell:
    """Return recurrent layers with dropout, whose outputs are followed by their inputs.

    The distribution of a frame reads both, so that it knows the frame before exactly.
    """
    noisy = dropout(recurrent_cell(network, inputs, rates), inputs=input_rate(rates), locked=False)
    return with_inputs(noisy)


def recurrent_cell(network: RecurrentConfig, inputs: int, rates: dict[str, Any]) -> Cell:
    """Return recurrent layers with dropout on their outputs."""
    make = cell_named(network.cell)
    sizes = [inputs] + [network.hidden] * network.layers
    rate = rates.get("dropout", 0.0)
    layers = [
        dropout(make(size, network.hidden), outputs=rate, locked=False) for size in sizes[:-1]
    ]
    return stack(*layers)


def input_rate(rates: dict[str, Any]) -> Rate:
    """Return the rate of dropout on the inputs."""
    return rates.get("input_dropout", 0.0)


def with_inputs(cell: Cell) -> Cell:
    """Return the cell whose outputs are followed by its inputs."""
    return wrap_io(cell, after=lambda own, x, y: jnp.concatenate([y, x], axis=-1))
