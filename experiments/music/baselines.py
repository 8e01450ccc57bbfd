"""Simple models of a frame of notes, in nats per frame.

All are estimated by counting on the training pieces, and measured as the networks are: the mean
over all frames of a split, the first frame of each piece and silent frames included.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import log
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from experiments.music.frames import frame_inputs
from seqmodels.data.music.rolls import KEYS
from seqmodels.data.splits import Splits
from seqmodels.train.experiment import Baseline

END = KEYS  # the symbol after the last note of a frame
LISTED_END = 10 * KEYS  # as the outcome of a count, above all notes and intervals
START = -10 * KEYS  # separates two lists in a context

Frame = tuple[int, ...]  # keys, ascending
Transitions = Counter[tuple[Frame, Frame]]  # consecutive frames


def baselines(parts: Splits) -> list[Baseline]:
    """Return the nats per frame of key frequencies, of repeated keys, and of counted notes."""
    train, *others = ([piece.frames for piece in part] for part in parts)
    values = {
        "key frequencies": _independent_keys(train, others, given_last=False),
        "each key given itself one frame before": _independent_keys(train, others, True),
        "counted notes": _counted_notes(train, others, False),
        "counted intervals": _counted_notes(train, others, True),
    }
    return [Baseline(name, *numbers) for name, numbers in values.items()]


Rolls = Sequence[Bool[np.ndarray, "_ K"]]


def _independent_keys(train: Rolls, others: Sequence[Rolls], given_last: bool) -> list[float]:
    """Return the nats of independent keys with p = (n_1 + 1/2) / (n + 1), given each key's last."""

    def pairs(rolls: Rolls) -> tuple[np.ndarray, np.ndarray]:
        last = np.concatenate([frame_inputs(roll, 0)[:, :KEYS] for roll in rolls]) > 0
        return np.concatenate(rolls), last & given_last

    now, last = pairs(train)
    rates = [_rate(now, last == value) for value in (False, True)]

    def nats(rolls: Rolls) -> float:
        now, last = pairs(rolls)
        p = np.where(last, rates[1], rates[0])
        return float(-np.log(np.where(now, p, 1.0 - p)).sum(axis=1).mean())

    return [nats(rolls) for rolls in others]


def _rate(now: np.ndarray, counted: np.ndarray) -> Float[np.ndarray, "K"]:
    return ((now & counted).sum(axis=0) + 0.5) / (counted.sum(axis=0) + 1.0)


def _counted_notes(train: Rolls, others: Sequence[Rolls], as_intervals: bool) -> list[float]:
    counts = NoteCounts(as_intervals)
    counts.add(transitions(train))
    return [counts.nats(transitions(rolls)) for rolls in others]


class NoteEvent(NamedTuple):
    """A note of a frame or its end, and what precedes it, from the general to the specific."""

    note: int
    lowest: int  # the lowest note that may come here
    uniform: float  # the probability if all notes from the lowest one and the end are alike
    contexts: tuple[tuple, ...]


class NoteCounts:
    """Counts of the notes of a frame from the lowest up, each given several contexts.

    The contexts are none, the number k of notes below, the k-th note of the frame before, the note
    below and the k-th of the frame before, all notes below and that one, and all notes below and
    the whole frame before. Each is interpolated with the one before it (Witten and Bell, 1991):

        p_c(i) = (n_c(i) + t_c p_{c-1}(i)) / (n_c + t_c),    t_c different notes were counted in c

    as_intervals: count intervals from the k-th note of the frame before, which is as if all pieces
                  were transposed to all keys
    """

    def __init__(self, as_intervals: bool) -> None:
        self.as_intervals = as_intervals
        self.counts: dict[tuple, Counter[int]] = defaultdict(Counter)

    def add(self, transitions: Transitions) -> None:
        """Count the notes of pieces."""
        for (before, notes), number in transitions.items():
            for event in note_events(before, notes, self.as_intervals):
                for context in event.contexts:
                    self.counts[context][event.note] += number

    def nats(self, transitions: Transitions) -> float:
        """Return the mean nats per frame of pieces."""
        total = 0.0
        for (before, notes), number in transitions.items():
            events = note_events(before, notes, self.as_intervals)
            total -= number * sum(log(self.probability(event)) for event in events)
        return total / transitions.total()

    def probability(self, event: NoteEvent) -> float:
        """Return the interpolated probability of a note among those that may come here."""
        p = event.uniform
        for context in event.contexts:
            counts = self.counts.get(context, {})
            possible = {note: n for note, n in counts.items() if note >= event.lowest}
            types = max(len(possible), 1)
            p = (possible.get(event.note, 0) + types * p) / (sum(possible.values()) + types)
        return p


def transitions(rolls: Rolls) -> Transitions:
    """Count the pairs of consecutive frames; the first frame of a piece follows a silent one."""
    counted: Transitions = Counter()
    for roll in rolls:
        frames = [tuple(np.flatnonzero(frame).tolist()) for frame in roll]
        counted.update(pairwise([(), *frames]))
    return counted


def note_events(before: Frame, notes: Frame, as_intervals: bool) -> Iterator[NoteEvent]:
    """Yield the notes of a frame and its end."""
    for k, note in enumerate([*notes, END]):
        below, last = notes[:k], before[k : k + 1]
        origin = (*last, *below[-1:], 0)[0] if as_intervals else 0
        lowest = below[-1] + 1 if below else 0
        below, last, all_last = (tuple(n - origin for n in keys) for keys in (below, last, before))
        found = LISTED_END if note == END else note - origin
        contexts = [(), (k,), (k, *last), (*below[-1:], START, *last), (*below, START, *last)]
        contexts.append((*below, START, START, *all_last))
        yield NoteEvent(
            found, lowest - origin, 1.0 / (END + 1 - lowest), tuple(enumerate(contexts))
        )
