"""Vocabularies: conversion between symbols (characters, words, any strings) and indices."""

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
    """Distinct symbols; the index of a symbol is its position.

    A string is treated as the sequence of its characters; pass words as a list.
    """

    symbols: tuple[str, ...]

    def __post_init__(self) -> None:
        repeated = [symbol for symbol, count in Counter(self.symbols).items() if count > 1]
        if repeated:
            raise UserError(
                f"symbols of a vocabulary must be distinct; repeated: {_list(repeated)}"
            )

    @cached_property
    def index(self) -> dict[str, int]:
        """Index of each symbol."""
        return {symbol: number for number, symbol in enumerate(self.symbols)}

    def __len__(self) -> int:
        return len(self.symbols)

    def unknown(self, symbols: Iterable[str]) -> list[str]:
        """Return the distinct symbols that are not in the vocabulary, in order of appearance."""
        return [symbol for symbol in dict.fromkeys(symbols) if symbol not in self.index]

    def encode(self, symbols: Iterable[str]) -> Int[np.ndarray, "N"]:
        """Return the indices of the symbols.

        Unknown symbols become ``<unk>`` if the vocabulary contains it; otherwise they are an error.
        """
        symbols = symbols if isinstance(symbols, str) else list(symbols)
        fallback = self.index.get(UNKNOWN)
        if fallback is None and (unknown := self.unknown(symbols)):
            raise UserError(f"not in the vocabulary: {_list(unknown)}; remove them from the text")
        indices = map(self.index.get, symbols, repeat(fallback))
        return np.fromiter(indices, np.int32, len(symbols))

    def decode(self, indices: Iterable[SupportsIndex]) -> list[str]:
        """Return the symbols of the indices; join them with "" or " "."""
        return [self.symbols[index] for index in indices]

    def to_dict(self) -> dict[str, Any]:
        """Return the vocabulary as JSON."""
        return {"symbols": list(self.symbols)}

    @staticmethod
    def from_dict(saved: Mapping[str, Any]) -> "Vocabulary":
        """Return the vocabulary that ``to_dict`` converted to JSON."""
        return Vocabulary(tuple(saved["symbols"]))


def build_vocabulary(
    symbols: Iterable[str],
    *,
    specials: tuple[str, ...] = (),
    min_count: int = 1,
    max_size: int | None = None,
) -> Vocabulary:
    """Return the special symbols, followed by the symbols of a text in order of frequency.

    Equally frequent symbols are in the order of their code points, so that the result does not
    depend on the order of the text.

    min_count: symbols that occur less often are left out
    max_size:  number of most frequent symbols to keep, specials included
    """
    counts = Counter(symbols)
    found = [s for s, count in counts.items() if count >= min_count and s not in specials]
    found.sort(key=lambda symbol: (-counts[symbol], symbol))
    return Vocabulary((*specials, *found)[:max_size])


def _list(symbols: list[str], limit: int = 10) -> str:
    more = f" and {len(symbols) - limit} more" if len(symbols) > limit else ""
    return ", ".join(map(repr, symbols[:limit])) + more
