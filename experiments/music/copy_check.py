"""Copy check: the longest run of frames that a piece shares with a training piece.

A suffix automaton of all training pieces answers in time linear in the length of the piece.

Blumer et al. (1985), "The smallest automaton recognizing the subwords of a text".
"""

from collections.abc import Hashable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Shaped

from seqmodels.data.music.rolls import KEYS


class SharedRun(NamedTuple):
    """A run that a piece shares with a training piece: frames, and where it ends in both."""

    length: int
    end: int
    training_piece: int
    training_end: int


class _Automaton:
    """Suffix automaton over tokens; ``ends`` has a position at which each state's words end."""

    def __init__(self) -> None:
        self.longest, self.link, self.ends = [0], [-1], [-1]
        self.moves: list[dict[Hashable, int]] = [{}]
        self.last = 0

    def _add_state(self, longest: int, link: int, end: int, moves: dict[Hashable, int]) -> int:
        self.longest.append(longest)
        self.link.append(link)
        self.ends.append(end)
        self.moves.append(moves)
        return len(self.longest) - 1

    def extend(self, token: Hashable, position: int) -> None:
        """Append a token."""
        new = self._add_state(self.longest[self.last] + 1, 0, position, {})
        state = self.last
        while state >= 0 and token not in self.moves[state]:
            self.moves[state][token] = new
            state = self.link[state]
        if state >= 0:
            self.link[new] = self._split(state, token)
        self.last = new

    def _split(self, state: int, token: Hashable) -> int:
        """Return the state of the longest suffix before, divided from longer words if needed."""
        target = self.moves[state][token]
        if self.longest[state] + 1 == self.longest[target]:
            return target
        copy = self._add_state(
            self.longest[state] + 1, self.link[target], self.ends[target], dict(self.moves[target])
        )
        self.link[target] = copy
        while state >= 0 and self.moves[state].get(token) == target:
            self.moves[state][token] = copy
            state = self.link[state]
        return copy

    def matches(self, tokens: Iterable[Hashable]) -> Iterable[tuple[int, int]]:
        """Yield at each token the length of the longest match that ends there, and where it is."""
        state, length = 0, 0
        for token in tokens:
            while state > 0 and token not in self.moves[state]:
                state = self.link[state]
                length = self.longest[state]
            if token in self.moves[state]:
                state, length = self.moves[state][token], length + 1
            yield length, self.ends[state]


class CopyCheck:
    """The training pieces, indexed.

    Frames are rows of an array: piano rolls ``[T, 88]`` or voices ``[T, 4]``. If ``any_key``, a
    run counts in any transposition; this needs piano rolls. Silence at the beginning of such a run
    counts only if the interval across it is shared.
    """

    def __init__(self, training: Sequence[Shaped[np.ndarray, "_ K"]], any_key: bool = False):
        self.any_key = any_key
        self.automaton = _Automaton()
        self.places: list[tuple[int, int]] = []
        for number, frames in enumerate(training):
            for position, token in enumerate(self._tokens(frames)):
                self.automaton.extend(token, len(self.places))
                self.places.append((number, self._frame(position)))
            self.automaton.extend(("end of piece", number), -1)

    def longest_run(self, frames: Shaped[np.ndarray, "T K"]) -> SharedRun:
        """Return the longest run of frames that is also in a training piece."""
        best = SharedRun(0, 0, -1, -1)
        for position, (length, end) in enumerate(self.automaton.matches(self._tokens(frames))):
            if self.any_key:
                length = 0 if position % 2 else (length + 1) // 2
            if length > best.length:
                piece, training_frame = self.places[end]
                best = SharedRun(length, self._frame(position) + 1, piece, training_frame + 1)
        return best

    def _frame(self, position: int) -> int:
        return (position + 1) // 2 if self.any_key else position

    def _tokens(self, frames: Shaped[np.ndarray, "_ K"]) -> list[Hashable]:
        if not self.any_key:
            return [frame.tobytes() for frame in frames]
        return _relative_tokens(frames)


def _relative_tokens(frames: Shaped[np.ndarray, "_ 88"]) -> list[Hashable]:
    """Return chords above their lowest note, and between them how far the lowest note moves."""
    tokens: list[Any] = []
    lowest = 0
    for frame in frames:
        keys = np.flatnonzero(frame)
        bottom = int(keys[0]) if len(keys) else lowest
        tokens += [bottom - lowest + KEYS, tuple((keys - bottom).tolist())]
        lowest = bottom
    return tokens[1:]


def longest_runs(pieces: Sequence[Shaped[np.ndarray, "_ K"]], check: CopyCheck) -> list[int]:
    """Return the length of the longest run of each piece, for generated and held-out pieces."""
    return [check.longest_run(frames).length for frames in pieces]
