"""Harmonisation: bass, alto and tenor of each frame, given a melody.

Voices are drawn in the order bass, alto, tenor. Before it predicts them, the model reads the three
voices of the frame before, and the melody from the frame before to four frames ahead.
"""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from experiments.music.frame_model import frame_cell
from experiments.music.voices import init_voices, voices
from seqmodels.feedback import FeedbackInput, feedback
from seqmodels.models.config import RecurrentConfig
from seqmodels.models.sequence.sequence_model import SequenceModel, sequence_model
from seqmodels.types import Array, Cell, Params
from seqmodels.unroll import unroll


def inputs_of_step(
    before: Int[Array, "*B N"], melody: Int[Array, "*B W"], position: Float[Array, "*B D"]
) -> Float[Array, "*B I"]:
    """Return all features of a step, one-hot."""
    rows = position.shape[:-1]
    parts = [jax.nn.one_hot(x, SYMBOLS).reshape(*rows, -1) for x in (before, melody)]
    return jnp.concatenate([*parts, position], axis=-1)


def harmony_model(
    network: RecurrentConfig, item_hidden: int, meter: int, rates: dict[str, Any]
) -> SequenceModel:
    """Return the model of three voices given the melody."""
    inputs = (len(DRAWN) + WINDOW) * SYMBOLS + 1 + meter
    cell = frame_cell(network, inputs, rates)
    sizes = {"features": network.hidden + inputs, "voices": len(DRAWN), "symbols": SYMBOLS}
    return sequence_model(cell, voices, weights=partial(init_voices, **sizes, hidden=item_hidden))


class Harmony(NamedTuple):
    """Four voices, and the nats of the three that were drawn."""

    pitches: Int[np.ndarray, "T 4"]
    nats: float


def harmonise(
    model: SequenceModel,
    params: Params,
    melody: Int[np.ndarray, "T"],
    meter: int,
    *,
    temperature: float = 1.0,
    seed: int = 0,
    count: int = 1,
) -> Harmony:
    """Draw ``count`` harmonisations of a melody, and return the most likely one.

    melody: MIDI pitches, -1 in rests; the soprano of the result
    """
    symbols = symbols_of(melody)
    context = (melody_windows(symbols), positions(len(melody), meter))
    tiled = tuple(np.repeat(each[:, None], count, axis=1) for each in context)
    draws = jax.jit(partial(_draw_voices, model))
    drawn, nats = draws(params, tiled, jax.random.key(seed), jnp.float32(temperature))
    best = int(np.argmin(nats))
    pitches = np.zeros((len(melody), 4), np.int32)
    pitches[:, 0], pitches[:, DRAWN] = melody, pitches_of(np.asarray(drawn[:, best]))
    return Harmony(pitches, float(nats[best]) / len(melody))


def _draw_voices(
    model: SequenceModel, params: Params, context: tuple, key: Any, temperature: Array
) -> tuple[Int[Array, "T B N"], Float[Array, "B"]]:
    """Return the voices, each frame read by the next one, and the nats of each row."""
    distribution = model.distribution(params)
    cell = Cell(init=model.init, start=model.start, step=model.step)
    drawn = feedback(
        cell, inputs_of_step, lambda key, z: distribution.draw(key, z, temperature), _silence()
    )
    rows = context[0].shape[:2]
    values = jnp.zeros((*rows, len(DRAWN)), jnp.int32)
    inputs = FeedbackInput(values, jnp.zeros(rows, bool), context)
    out, _ = unroll(drawn, params, inputs, key=key)
    return out.value, jnp.sum(distribution.nats(out.output, out.value), axis=0)


def _silence() -> Int[Array, "N"]:
    return jnp.zeros(len(DRAWN), jnp.int32)
