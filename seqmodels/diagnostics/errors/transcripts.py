"""Character and word error rates with intervals, alignments and confusions of transcripts.

A transcript is a sequence of anything that can be compared: a string for characters, a list of
strings for words.
"""

from collections import Counter
from collections.abc import Hashable, Sequence
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Bool, Int

from seqmodels.errors import UserError
from seqmodels.losses.edit_distance import edit_diagonals, edit_distance

CHUNK = 256  # transcripts whose distances are in memory at once

Transcript = Sequence[Hashable]
Pair = tuple[Hashable | None, Hashable | None]  # (reference, recognized); None where one lacks it


class EditCounts(NamedTuple):
    """Edits and length of the reference of each transcript."""

    edits: Int[np.ndarray, "N"]
    lengths: Int[np.ndarray, "N"]


class ErrorRate(NamedTuple):
    """Edits divided by the length of the references, with a 95 % interval."""

    rate: float
    low: float
    high: float


class Confusions(NamedTuple):
    """How often each edit occurs in the alignments.

    substitutions: of (reference, recognized)
    insertions:    of what was recognized but is not in the reference
    deletions:     of what is in the reference but was not recognized
    """

    substitutions: Counter
    insertions: Counter
    deletions: Counter


class _Padded(NamedTuple):
    """Transcripts as numbers, padded with 0."""

    values: Int[np.ndarray, "L N"]
    mask: Bool[np.ndarray, "L N"]


def count_edits(recognized: Sequence[Transcript], references: Sequence[Transcript]) -> EditCounts:
    """Return the edits of each transcript.

    >>> count_edits(["abd", "x"], ["abc", ""])
    EditCounts(edits=array([1, 1], dtype=int32), lengths=array([3, 0]))
    """
    tokens, labels = _encode(recognized, references)
    edits = jax.jit(edit_distance)(tokens.values, tokens.mask, labels.values, labels.mask)
    return EditCounts(np.asarray(edits), labels.mask.sum(axis=0))


def error_rate(counts: EditCounts, *, resamples: int = 2000, seed: int = 0) -> ErrorRate:
    """Return the error rate, with a 95 % interval by bootstrap over the transcripts."""
    edits, lengths = counts
    total = int(lengths.sum())
    if not total:
        raise UserError("the references are empty, so that there is no error rate")
    random, rates = np.random.default_rng(seed), np.empty(resamples)
    for n in range(resamples):
        rows = random.integers(0, len(edits), len(edits))
        rates[n] = edits[rows].sum() / max(lengths[rows].sum(), 1)
    low, high = np.quantile(rates, [0.025, 0.975])
    return ErrorRate(float(edits.sum() / total), float(low), float(high))


def align(recognized: Sequence[Transcript], references: Sequence[Transcript]) -> list[list[Pair]]:
    """Return the pairs of (reference, recognized) with the fewest edits, for each transcript.

    >>> align(["abce"], ["bcde"])
    [[(None, 'a'), ('b', 'b'), ('c', 'c'), ('d', None), ('e', 'e')]]
    """
    tokens, labels = _encode(recognized, references)
    found = []
    run = jax.jit(edit_diagonals)
    for begin in range(0, len(references), CHUNK):
        rows = slice(begin, begin + CHUNK)
        diagonals = np.asarray(run(tokens.values[:, rows], labels.values[:, rows]))
        texts = zip(recognized[rows], references[rows], strict=True)
        found += [_trace(diagonals[:, :, n], *pair) for n, pair in enumerate(texts)]
    return found


def count_confusions(alignments: Sequence[Sequence[Pair]]) -> Confusions:
    """Count the edits of alignments.

    >>> count_confusions(align(["abce"], ["bcde"])).deletions.most_common()
    [('d', 1)]
    """
    edits = [pair for alignment in alignments for pair in alignment if pair[0] != pair[1]]
    return Confusions(
        Counter(pair for pair in edits if None not in pair),
        Counter(got for want, got in edits if want is None),
        Counter(want for want, got in edits if got is None),
    )


def format_alignment(alignment: Sequence[Pair], gap: str = "·") -> str:
    """Return the reference above what was recognized, with marks below the edits.

    >>> print(format_alignment(align(["abce"], ["bcde"])[0]))
    ·bcde
    abc·e
    ^  ^
    """
    columns = []
    for want, got in alignment:
        texts = [gap if item is None else str(item) for item in (want, got)]
        width = max(map(len, texts))
        mark = " " if want == got else "^"
        columns.append([text.ljust(width) for text in (*texts, mark)])
    separator = " " if any(len(column[0]) > 1 for column in columns) else ""
    return "\n".join(separator.join(row).rstrip() for row in zip(*columns, strict=True))


def _encode(
    recognized: Sequence[Transcript], references: Sequence[Transcript]
) -> tuple[_Padded, _Padded]:
    """Number the items of all transcripts."""
    if len(recognized) != len(references):
        raise UserError(f"{len(recognized)} transcripts, but {len(references)} references")
    numbers: dict[Hashable, int] = {}

    def encode(transcripts: Sequence[Transcript]) -> _Padded:
        lengths = np.array([len(transcript) for transcript in transcripts], np.int32)
        mask = np.arange(lengths.max(initial=0))[:, None] < lengths
        values = np.zeros(mask.shape, np.int32)
        items = [numbers.setdefault(item, len(numbers)) for row in transcripts for item in row]
        values.T[mask.T] = items
        return _Padded(values, mask)

    return encode(recognized), encode(references)


def _trace(
    diagonals: Int[np.ndarray, "diagonals L_plus_one"],
    recognized: Transcript,
    reference: Transcript,
) -> list[Pair]:
    """Return the pairs of one transcript, from the last one on, with the fewest edits."""
    i, j = len(reference), len(recognized)
    pairs: list[Pair] = []
    while i or j:
        here = diagonals[i + j, i]
        cost = int(i > 0 and j > 0 and reference[i - 1] != recognized[j - 1])
        if i and j and here == diagonals[i + j - 2, i - 1] + cost:
            i, j = i - 1, j - 1
            pairs.append((reference[i], recognized[j]))
        elif i and here == diagonals[i + j - 1, i - 1] + 1:
            i -= 1
            pairs.append((reference[i], None))
        else:
            j -= 1
            pairs.append((None, recognized[j]))
    return pairs[::-1]
