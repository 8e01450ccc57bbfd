"""Recurrent model of frames of notes, with three distributions of a frame."""

from functools import partial
from typing import Any

import jax.numpy as jnp
from flax import nnx

from experiments.music.interval_set import init_interval_set, interval_set
from seqmodels.cells.registry import cell_named
from seqmodels.data.music.rolls import KEYS
from seqmodels.distributions.autoregressive_set import autoregressive_set, init_autoregressive_set
from seqmodels.distributions.bernoulli import bernoulli
from seqmodels.distributions.nade import init_nade, nade
from seqmodels.flax import layer
from seqmodels.models.config import RecurrentConfig
from seqmodels.models.sequence.sequence_model import SequenceModel, sequence_model
from seqmodels.noise import dropout
from seqmodels.types import Cell
from seqmodels.wrap import readout, stack
from seqmodels.wrap_io import wrap_io


def frame_model(
    cell: Cell, hidden: int, outputs: str, item_hidden: int, most: int, last: int
) -> SequenceModel:
    """Return the model of the notes of a frame, given a cell that reads the frames before.

    outputs:     "bernoulli", "notes" or "nade"
    item_hidden: hidden units of the last two
    most:        maximum number of notes in a frame, for "notes"
    """
    if outputs == "bernoulli":
        return sequence_model(readout(cell, layer(nnx.Linear, hidden, KEYS)), bernoulli(KEYS))
    if outputs == "intervals":
        family = partial(interval_set, last=last)
        weights = partial(init_interval_set, features=hidden, hidden=item_hidden, most=most)
        return sequence_model(cell, family, weights=weights)
    init = init_nade if outputs == "nade" else init_autoregressive_set
    family = nade if outputs == "nade" else partial(autoregressive_set, most=most)
    weights = partial(init, features=hidden, size=KEYS, hidden=item_hidden)
    return sequence_model(cell, family, weights=weights)


def frame_cell(network: RecurrentConfig, inputs: int, rates: dict[str, Any]) -> Cell:
    """Return recurrent layers with dropout on the notes that they read and on their outputs."""
    make = cell_named(network.cell)
    sizes = [inputs] + [network.hidden] * network.layers
    layers = [
        dropout(make(size, network.hidden), outputs=rates.get("dropout", 0.0), locked=False)
        for size in sizes[:-1]
    ]
    noisy = dropout(stack(*layers), inputs=rates.get("input_dropout", 0.0), locked=False)
    return wrap_io(noisy, after=lambda own, x, y: jnp.concatenate([y, x], axis=-1))
