"""Simple models of a frame of notes, in nats per frame.

All are estimated by counting on the training pieces, and measured as the networks are: the mean
over all frames of a split, the first frame of each piece and silent frames included.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
from jaxtyping import Bool, Float

from experiments.music.counting import Event, count_contexts
from experiments.music.frames import frame_inputs
from experiments.music.harmony_fields import DRAWN
from seqmodels.data.music.rolls import KEYS, Chorale
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
    """Return the nats of notes that are counted in several contexts, from the lowest note up.

    The contexts are none, the number k of notes below, the k-th note of the frame before, the note
    below and the k-th of the frame before, all notes below and that one, and all notes below and
    the whole frame before.

    as_intervals: count intervals from the k-th note of the frame before, which is as if all pieces
                  were transposed to all keys
    """

    def events(rolls: Rolls) -> Iterator[tuple[Event, int]]:
        for (before, notes), number in transitions(rolls).items():
            for event in note_events(before, notes, as_intervals):
                yield event, number

    counts = count_contexts(events(train))
    return [counts.nats(events(rolls)) / sum(map(len, rolls)) for rolls in others]


def transitions(rolls: Rolls) -> Transitions:
    """Count the pairs of consecutive frames; the first frame of a piece follows a silent one."""
    counted: Transitions = Counter()
    for roll in rolls:
        frames = [tuple(np.flatnonzero(frame).tolist()) for frame in roll]
        counted.update(pairwise([(), *frames]))
    return counted


def note_events(before: Frame, notes: Frame, as_intervals: bool) -> Iterator[Event]:
    """Yield the notes of a frame and its end."""
    for k, note in enumerate([*notes, END]):
        below, last = notes[:k], before[k : k + 1]
        origin = (*last, *below[-1:], 0)[0] if as_intervals else 0
        lowest = below[-1] + 1 if below else 0
        below, last, all_last = (tuple(n - origin for n in keys) for keys in (below, last, before))
        found = LISTED_END if note == END else note - origin
        contexts = [(), (k,), (k, *last), (*below[-1:], START, *last), (*below, START, *last)]
        contexts.append((*below, START, START, *all_last))
        yield Event(found, lowest - origin, 1.0 / (END + 1 - lowest), tuple(contexts))


def harmony_baselines(parts: Splits) -> list[Baseline]:
    """Return the nats per frame of bass, alto and tenor, counted as intervals from the melody.

    The contexts of a voice are none, its note in the frame before, this and the voices that were
    drawn before it, and this and the melody's move.
    """

    def events(chorales: Sequence[Chorale]) -> Iterator[tuple[Event, int]]:
        for chorale in chorales:
            before = np.concatenate([chorale.pitches[:1] * 0, chorale.pitches[:-1]])
            for now, last in zip(chorale.pitches.tolist(), before.tolist(), strict=True):
                for event in voice_events(now, last):
                    yield event, 1

    counts = count_contexts(events(parts.train))
    frames = [sum(len(chorale.pitches) for chorale in part) for part in (parts.dev, parts.test)]
    nats = [counts.nats(events(part)) for part in (parts.dev, parts.test)]
    means = (total / number for total, number in zip(nats, frames, strict=True))
    return [Baseline("counted intervals", *means)]


def voice_events(now: Sequence[int], last: Sequence[int]) -> Iterator[Event]:
    """Yield the intervals of bass, alto and tenor from the melody, each with its contexts."""
    melody = now[0]
    drawn: tuple[int, ...] = ()
    for voice in DRAWN:
        interval, own = now[voice] - melody, last[voice] - melody
        contexts = [(voice,), (voice, own), (voice, own, *drawn)]
        contexts.append((voice, own, *drawn, melody - last[0]))
        yield Event(interval, -10 * KEYS, 1.0 / (KEYS + 1), tuple(contexts))
        drawn = (*drawn, interval)
