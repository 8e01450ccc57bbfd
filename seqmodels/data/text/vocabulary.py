"""Vocabularies: symbols (characters, words, any strings) to numbers and back."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import repeat
from typing import Any, SupportsIndex

import numpy as np
from jaxtyping import Int

from seqmodels.errors import UserError

PAD, UNKNOWN, START, END = SPECIALS = ("<pad>", "<unk>", "<s>", "</s>")


@dataclass(frozen=True)
class Vocabulary:
    """Distinct symbols; the number of a symbol is its position.

    A string counts as the sequence of its characters, so words go in as a list.
    """

    symbols: tuple[str, ...]

    def __post_init__(self) -> None:
        repeated = [symbol for symbol, count in Counter(self.symbols).items() if count > 1]
        if repeated:
            raise UserError(f"a vocabulary holds each symbol once, but {_listing(repeated)} repeat")

    @cached_property
    def index(self) -> dict[str, int]:
        """Number of each symbol."""
        return {symbol: number for number, symbol in enumerate(self.symbols)}

    def __len__(self) -> int:
        return len(self.symbols)

    def unknown(self, symbols: Iterable[str]) -> list[str]:
        """The distinct symbols that are not in the vocabulary, in order of appearance."""
        return [symbol for symbol in dict.fromkeys(symbols) if symbol not in self.index]

    def encode(self, symbols: Iterable[str]) -> Int[np.ndarray, "N"]:
        """Numbers of the symbols; an unseen one becomes ``<unk>`` where the vocabulary has it."""
        symbols = symbols if isinstance(symbols, str) else list(symbols)
        fallback = self.index.get(UNKNOWN)
        if fallback is None and (unseen := self.unknown(symbols)):
            raise UserError(
                f"not in the vocabulary: {_listing(unseen)}; leave them out of the text"
            )
        numbers = map(self.index.get, symbols, repeat(fallback))
        return np.fromiter(numbers, np.int32, len(symbols))

    def decode(self, numbers: Iterable[SupportsIndex]) -> list[str]:
        """Symbols of the numbers; join them with "" or " "."""
        return [self.symbols[number] for number in numbers]

    def to_dict(self) -> dict[str, Any]:
        """A form that JSON can hold."""
        return {"symbols": list(self.symbols)}

    @staticmethod
    def from_dict(saved: Mapping[str, Any]) -> "Vocabulary":
        """The vocabulary that ``to_dict`` saved."""
        return Vocabulary(tuple(saved["symbols"]))


def build_vocabulary(
    symbols: Iterable[str],
    *,
    specials: tuple[str, ...] = (),
    min_count: int = 1,
    max_size: int | None = None,
) -> Vocabulary:
    """The specials, then what was seen ``min_count`` times or more, the most frequent first.

    Equally frequent symbols stand in the order of their code points, so that the same text always
    gives the same numbers.  ``max_size`` counts the specials too.
    """
    counts = Counter(symbols)
    found = [s for s, count in counts.items() if count >= min_count and s not in specials]
    found.sort(key=lambda symbol: (-counts[symbol], symbol))
    return Vocabulary((*specials, *found)[:max_size])


def _listing(symbols: list[str], shown: int = 10) -> str:
    more = f" and {len(symbols) - shown} more" if len(symbols) > shown else ""
    return ", ".join(map(repr, symbols[:shown])) + more
