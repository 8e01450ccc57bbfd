"""Harmonisation: bass, alto and tenor of each frame, given a melody.

Voices are drawn in the order bass, alto, tenor. Before it predicts them, the model reads the three
voices of the frame before, and the melody from the frame before to four frames ahead. All are
intervals from the melody.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from experiments.music.draws import Draws
from experiments.music.frame_model import input_rate, recurrent_cell, with_inputs
from experiments.music.harmony_fields import (
    DRAWN,
    NAMES,
    ORDER,
    SYMBOLS,
    WINDOW,
    melody_context,
    pitches_of,
)
from experiments.music.voices import init_voices, voice_nats, voices
from seqmodels.data.music.rolls import KEYS, SILENT
from seqmodels.data.packing import PackedBatch
from seqmodels.feedback import FeedbackInput, feedback
from seqmodels.models.config import RecurrentConfig
from seqmodels.models.sequence.batch_view import SequenceView, view_sequences
from seqmodels.models.sequence.sequence_model import SequenceModel, sequence_model
from seqmodels.models.sequence.task import sequence_task
from seqmodels.noise import dropout
from seqmodels.types import Array, Carry, Cell, Params, Task, Total
from seqmodels.unroll import unroll


class MelodyContext(NamedTuple):
    """What is known of the melody in each step (see ``harmony_fields``)."""

    melody: Int[Array | np.ndarray, "*B W"]
    note: Int[Array | np.ndarray, "*B"]
    move: Int[Array | np.ndarray, "*B"]
    position: Float[Array | np.ndarray, "*B D"]


def inputs_of_step(before: Int[Array, "*B N"], *context: Array) -> Float[Array, "*B I"]:
    """Return all features of a step, one-hot; ``context`` has the fields of ``MelodyContext``.

    The voices before become intervals from the current note of the melody.
    """
    melody, note, move, position = context
    moved = jnp.clip(before + jnp.broadcast_to(move[..., None], before.shape), 1, SYMBOLS - 1)
    moved = jnp.where(before == 0, 0, moved)
    parts = [jax.nn.one_hot(x, SYMBOLS).reshape(*note.shape, -1) for x in (moved, melody)]
    return jnp.concatenate([*parts, jax.nn.one_hot(note, KEYS), position], axis=-1)


def harmony_model(
    network: RecurrentConfig, item_hidden: int, meter: int, rates: dict[str, Any]
) -> SequenceModel:
    """Return the model of three voices given the melody."""
    inputs = (len(DRAWN) + WINDOW) * SYMBOLS + KEYS + 1 + meter
    both = with_inputs(recurrent_cell(network, inputs, rates))
    cell = dropout(both, inputs=input_rate(rates), locked=False)
    sizes = {"features": network.hidden + inputs, "voices": len(DRAWN), "symbols": SYMBOLS}
    return sequence_model(cell, voices, weights=partial(init_voices, **sizes, hidden=item_hidden))


def harmony_view(batch: PackedBatch) -> SequenceView:
    """Return the view of a batch with the fields of ``harmony_fields``."""
    fields = {name: jnp.asarray(field) for name, field in batch.fields.items()}
    x = inputs_of_step(fields["before"], *(fields[name] for name in MelodyContext._fields))
    inputs: dict[str, Any] = {"x": x, "y": fields["y"]}
    return view_sequences(batch._replace(fields=inputs))


def harmony_task(build: Callable[[dict[str, Any]], SequenceModel]) -> Task:
    """Return the task of predicting bass, alto and tenor; also measure the nats of each voice."""
    task = sequence_task(build, view=harmony_view)

    def measure(params: Params, rates: dict, memory: Carry, batch: PackedBatch):
        view, model = harmony_view(batch), build(rates)
        outputs, _ = model.unroll(params, view.inputs, memory, view.resets)
        nats = voice_nats(params["distribution"], outputs, view.targets)
        weight = view.weight[..., None]
        by_voice = Total(jnp.sum(nats * weight, axis=(0, 1)), jnp.sum(weight, axis=(0, 1)))
        memory, metrics = task.measure(params, rates, memory, batch)
        return memory, {**metrics, "nats_by_voice": by_voice}

    return task._replace(measure=measure, labels={"nats_by_voice": NAMES})


class Harmony(NamedTuple):
    """Four voices, and the sum of the nats of the three that were drawn."""

    pitches: Int[np.ndarray, "T 4"]
    nats: float


def harmonise_melodies(
    model: SequenceModel,
    params: Params,
    melodies: Sequence[Int[np.ndarray, "_"]],
    meter: int,
    draws: Draws,
    count: int = 1,
) -> list[Harmony]:
    """Draw ``count`` harmonisations of each melody, and return the most likely ones.

    Melodies are MIDI pitches, -1 in rests. They are the sopranos of the results.
    """
    length = max(map(len, melodies))  # one shape, so that one program is compiled
    draw = jax.jit(partial(_draw_voices, model))
    found = []
    for number, melody in enumerate(melodies):
        padded = np.pad(melody, (0, length - len(melody)), constant_values=SILENT)
        context = MelodyContext(**melody_context(padded, meter))
        tiled = MelodyContext(*(np.repeat(x[:, None], count, axis=1) for x in context))
        key = jax.random.fold_in(jax.random.key(draws.seed), number)
        drawn, nats = draw(params, tiled, key, jnp.float32(draws.temperature))
        nats = np.asarray(nats)[: len(melody)].sum(axis=0)
        best = int(np.argmin(nats))
        lower = pitches_of(np.asarray(drawn)[:, best], np.asarray(context.note)[:, None])[
            : len(melody)
        ]
        pitches = np.concatenate([melody[:, None], lower[:, ORDER]], axis=1).astype(np.int32)
        found.append(Harmony(pitches, float(nats[best])))
    return found


def _draw_voices(
    model: SequenceModel, params: Params, context: MelodyContext, key: Any, temperature: Array
) -> tuple[Int[Array, "T B N"], Float[Array, "T B"]]:
    """Return the voices, each frame read by the next one, and the nats of each frame."""
    distribution = model.distribution(params)
    cell = Cell(init=model.init, start=model.start, step=model.step)
    drawn = feedback(
        cell, inputs_of_step, lambda key, z: distribution.draw(key, z, temperature), _silence()
    )
    rows = context.note.shape
    values = jnp.zeros((*rows, len(DRAWN)), jnp.int32)
    inputs = FeedbackInput(values, jnp.zeros(rows, bool), tuple(context))
    out, _ = unroll(drawn, params, inputs, key=key)
    return out.value, distribution.nats(out.output, out.value)


def _silence() -> Int[Array, "N"]:
    return jnp.zeros(len(DRAWN), jnp.int32)
