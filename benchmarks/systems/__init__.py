"""Whole training steps, and beam search: a library to a file, the same models and sizes in each.

A file has ``MAKERS``, a function ``(System) -> call`` for each kind of system that its library has
a side of; a call makes ``STEPS`` training steps, or decodes a batch.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any, Literal, NamedTuple

import numpy as np

STEPS = 5  # of our side in one dispatch, and of a peer's loop in one sample
SYMBOLS = {"char": 65, "classifier": 10_000, "translation": 8_000, "beam": 8_000}
CLASSES, WIDTH = 2, 5
PAD, START, END = 0, 1, 2  # of the targets
LIBRARIES = ("ours", "pytorch", "flax_nnx")


@dataclass(frozen=True)
class System:
    """What to compare."""

    system: Literal["char", "classifier", "translation", "beam"] = "char"
    """A training step of a character model with carried state; of a text classifier with lengths
    (bidirectional, mean over steps); of an encoder and a decoder with additive attention
    (bidirectional encoder); or a beam search of width 5 with the last one."""

    cell: Literal["lstm", "gru", "rnn"] = "lstm"
    """Recurrence; of translation and beam always a GRU."""

    layers: int = 2
    """Recurrent layers of a character model; else one."""

    hidden: int = 256
    """Units of each layer, in each direction."""

    batch: int = 64
    """Sequences side by side."""

    length: int = 64
    """Steps that a gradient reaches back; the longest sequence; the steps of the search."""

    feeding: bool = False
    """Translation: what was read out at one step is fed to the next (input feeding)."""

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
        """How many of them one call takes."""
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
    """Random tokens, lengths spread evenly from T down to T/3; all T + extra for characters."""
    random = np.random.default_rng(seed)
    shape = (STEPS, system.length + extra, system.batch)
    tokens = random.integers(END + 1, SYMBOLS[system.system], shape, dtype=np.int32)
    if system.system == "char":
        return Sequences(tokens, np.full((STEPS, system.batch), system.length))
    lengths = np.linspace(system.length, system.length / 3, system.batch).round().astype(np.int32)
    found = Sequences(tokens, np.broadcast_to(lengths + extra, (STEPS, system.batch)))
    return found._replace(tokens=np.where(found.mask, tokens, PAD))


def targets(system: System) -> Sequences:
    """Targets between their start and their end, so long as the sources are."""
    found = sequences(system, 1, extra=2)
    tokens = found.tokens.copy()
    tokens[:, 0] = START
    np.put_along_axis(tokens, found.lengths[:, None] - 1, END, axis=1)
    return found._replace(tokens=tokens)


def labels(system: System) -> np.ndarray:
    """The classes ``[STEPS, B]``."""
    shape = (STEPS, system.batch)
    return np.random.default_rng(2).integers(0, CLASSES, shape, dtype=np.int32)


def calls(system: System) -> dict[str, Callable[[], Any]]:
    """What each library makes of a system, where it has a side of it."""
    makers = {name: import_module(f"benchmarks.systems.{name}").MAKERS for name in LIBRARIES}
    return {
        name: makes[system.system](system)
        for name, makes in makers.items()
        if system.system in makes
    }


def measure(system: System, seconds: float, clock: str, rounds: int = 200) -> list[dict[str, Any]]:
    """A row of the times of every side, and our ratio to each."""
    from benchmarks import timing
    from benchmarks.report import timings

    sides = calls(system)
    samples = timing.measure(sides, seconds, timing.CLOCKS[clock], rounds)
    found = {name: timings(samples, name) for name in sides}
    about = {"name": system.name, "unit": system.unit, "units": system.units, "clock": clock}
    return [about | {"candidates": found, "rounds": len(samples.rounds)}]
