"""Whole training steps and beam search, one file per library, with equal models and sizes.

Every file defines ``MAKERS``, a function ``(System) -> call`` for each kind of system that it
implements.  A call runs ``STEPS`` training steps, or decodes a batch.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any, Literal, NamedTuple

import numpy as np

STEPS = 5  # training steps in one sample; seqmodels runs them in one dispatch
SYMBOLS = {"char": 65, "classifier": 10_000, "translation": 8_000, "beam": 8_000}
CLASSES, WIDTH = 2, 5
PAD, START, END = 0, 1, 2  # token ids
LIBRARIES = ("ours", "pytorch", "flax_nnx")


@dataclass(frozen=True)
class System:
    """Model and sizes to compare."""

    system: Literal["char", "classifier", "translation", "beam"] = "char"
    """char: a training step of a character model with carried state. classifier: of a bidirectional
    text classifier with lengths and mean pooling. translation: of an encoder-decoder with additive
    attention and a bidirectional encoder. beam: beam search of width 5 with that model."""

    cell: Literal["lstm", "gru", "rnn"] = "lstm"
    """Recurrence. translation and beam always use a GRU."""

    layers: int = 2
    """Recurrent layers of the character model. The others have one."""

    hidden: int = 256
    """Units of each layer and direction."""

    batch: int = 64
    """Sequences in a batch."""

    length: int = 64
    """Steps of truncated backpropagation, of the longest sequence, or of the search."""

    feeding: bool = False
    """translation: input feeding, which passes each step's readout to the next step."""

    @property
    def name(self) -> str:
        size = f"B={self.batch} T={self.length} H={self.hidden}"
        if self.system == "char":
            return f"char {self.cell} layers={self.layers} {size}"
        if self.system == "classifier":
            return f"classifier {self.cell} {size}"
        return f"{self.system}{' feeding' if self.feeding else ''} {size}"

    @property
    def unit(self) -> str:
        return {"char": "characters", "beam": "sentences"}.get(self.system, "examples")

    @property
    def units(self) -> int:
        """Return the number of units that one call processes."""
        if self.system == "beam":
            return self.batch
        return STEPS * self.batch * (self.length if self.system == "char" else 1)


CHAR, TEXT = System(layers=1), System("classifier", layers=1, hidden=128, length=48)
TRANSLATION = System("translation", "gru", 1, length=24)
SYSTEMS = (
    *(replace(CHAR, cell=cell, layers=n) for cell in ("lstm", "gru") for n in (1, 2)),
    TEXT,
    TRANSLATION,
    replace(TRANSLATION, feeding=True),
    replace(TRANSLATION, system="beam", batch=32, length=20),
)


class Sequences(NamedTuple):
    """Tokens ``[STEPS, T, B]`` and their lengths ``[STEPS, B]``, longest first."""

    tokens: np.ndarray
    lengths: np.ndarray

    @property
    def mask(self) -> np.ndarray:
        return np.arange(self.tokens.shape[1])[:, None] < self.lengths[:, None]


def sequences(system: System, seed: int, extra: int = 0) -> Sequences:
    """Draw tokens; lengths are spaced evenly from T to T/3, and all T + extra for characters."""
    random = np.random.default_rng(seed)
    shape = (STEPS, system.length + extra, system.batch)
    tokens = random.integers(END + 1, SYMBOLS[system.system], shape, dtype=np.int32)
    if system.system == "char":
        return Sequences(tokens, np.full((STEPS, system.batch), system.length))
    lengths = np.linspace(system.length, system.length / 3, system.batch).round().astype(np.int32)
    padded = Sequences(tokens, np.broadcast_to(lengths + extra, (STEPS, system.batch)))
    return padded._replace(tokens=np.where(padded.mask, tokens, PAD))


def targets(system: System) -> Sequences:
    """Draw targets between START and END, as long as the sources."""
    drawn = sequences(system, 1, extra=2)
    tokens = drawn.tokens.copy()
    tokens[:, 0] = START
    np.put_along_axis(tokens, drawn.lengths[:, None] - 1, END, axis=1)
    return drawn._replace(tokens=tokens)


def labels(system: System) -> np.ndarray:
    """Draw classes ``[STEPS, B]``."""
    shape = (STEPS, system.batch)
    return np.random.default_rng(2).integers(0, CLASSES, shape, dtype=np.int32)


def calls(system: System) -> dict[str, Callable[[], Any]]:
    """Return the call of each library that implements a system."""
    makers = {name: import_module(f"benchmarks.systems.{name}").MAKERS for name in LIBRARIES}
    return {
        name: makes[system.system](system)
        for name, makes in makers.items()
        if system.system in makes
    }


def measure(system: System, seconds: float, clock: str, rounds: int = 200) -> list[dict[str, Any]]:
    """Time every library; return one row with our ratio to each of the others."""
    from benchmarks import timing
    from benchmarks.rows import summarize

    found = calls(system)
    samples = timing.measure(found, seconds, timing.CLOCKS[clock], rounds)
    libraries = {name: summarize(samples, name) for name in found}
    about = {"name": system.name, "unit": system.unit, "units": system.units, "clock": clock}
    return [about | {"libraries": libraries, "rounds": len(samples.rounds)}]
