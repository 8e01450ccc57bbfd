"""Problems whose answer depends on inputs of long ago, generated anew for every batch.

The ``length`` T of a problem is the number of steps that a model must remember, at most or exactly.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int, Num

from experiments.long_memory.country_sentences import LANGUAGES, SENTENCE_WORDS, country_sentence
from seqmodels.data.batching import Batches
from seqmodels.errors import UserError

COPY_SYMBOLS, COPY_COUNT = 8, 10  # different symbols of the copy problem, and how many to copy


class Examples(NamedTuple):
    """Sequences, and the answers at their last N steps: classes, or one number each."""

    inputs: Float[np.ndarray, "T B D"]
    targets: Num[np.ndarray, "N B"]


class MemoryProblem(NamedTuple):
    """A problem, and the error of an answer that remembers nothing.

    generate:      ``(random, length, rows) -> Examples``
    features:      size of an input
    classes:       number of classes, 0 if the answer is a number. The error of a class is its
                   negative log-likelihood in nats, that of a number is squared.
    min_length:    smallest length
    baseline:      ``(length) -> error`` of an answer that remembers nothing
    baseline_name: that answer
    """

    generate: Callable[[np.random.Generator, int, int], Examples]
    features: int
    classes: int
    min_length: int
    baseline: Callable[[int], float]
    baseline_name: str


def adding(random: np.random.Generator, length: int, rows: int) -> Examples:
    """Return the sum of two marked numbers, one in each half.

    Hochreiter and Schmidhuber (1997); in this form Le, Jaitly and Hinton (2015), arXiv:1504.00941.
    """
    numbers = random.uniform(size=(length, rows))
    marks = np.zeros((length, rows))
    for half in (range(length // 2), range(length // 2, length)):
        marks[random.integers(half.start, half.stop, rows), np.arange(rows)] = 1
    inputs = np.stack([numbers, marks], axis=-1).astype(np.float32)
    return Examples(inputs, (numbers * marks).sum(axis=0, keepdims=True).astype(np.float32))


def copy(random: np.random.Generator, length: int, rows: int) -> Examples:
    """Return ten symbols, T - 1 blanks, a start signal, and ten blanks.

    The answers are blanks, and from the start signal on the ten symbols. All T + 20 steps count.
    Arjovsky, Shah and Bengio (2016), arXiv:1511.06464.
    """
    blank, signal = COPY_SYMBOLS, COPY_SYMBOLS + 1
    symbols = random.integers(0, COPY_SYMBOLS, (COPY_COUNT, rows))
    inputs = np.full((length + 2 * COPY_COUNT, rows), blank)
    inputs[:COPY_COUNT] = symbols
    inputs[COPY_COUNT + length - 1] = signal
    targets = np.full_like(inputs, blank)
    targets[-COPY_COUNT:] = symbols
    return Examples(one_hot(inputs, COPY_SYMBOLS + 2), targets.astype(np.int32))


def temporal_order(random: np.random.Generator, length: int, rows: int) -> Examples:
    """Return an early X or Y and another near the middle, among four other symbols.

    The class is their order: XX, XY, YX or YY. Hochreiter and Schmidhuber (1997); in this form
    Pascanu et al. (2013), arXiv:1211.5063.
    """
    symbols = random.integers(2, 6, (length, rows))
    relevant = random.integers(0, 2, (2, rows))
    for number, (begin, end) in enumerate(((1, 2), (4, 5))):
        place = random.integers(begin * length // 10, end * length // 10, rows)
        symbols[place, np.arange(rows)] = relevant[number]
    return Examples(one_hot(symbols, 6), (2 * relevant[:1] + relevant[1:]).astype(np.int32))


def parity(random: np.random.Generator, length: int, rows: int) -> Examples:
    """Return bits and the parity of their sum."""
    bits = random.integers(0, 2, (length, rows))
    return Examples(
        bits[..., None].astype(np.float32), (bits.sum(axis=0, keepdims=True) % 2).astype(np.int32)
    )


def sentences(random: np.random.Generator, length: int, rows: int) -> Examples:
    """Return sentences that begin with a country; the class is the language at their end."""
    pairs = [country_sentence(random, length) for _ in range(rows)]
    words = np.array([[SENTENCE_WORDS.index(word) for word in words] for words, _ in pairs]).T
    answers = np.array([[LANGUAGES.index(language) for _, language in pairs]], np.int32)
    return Examples(one_hot(words, len(SENTENCE_WORDS)), answers)


def one_hot(symbols: Int[np.ndarray, "*B"], count: int) -> Float[np.ndarray, "*B D"]:
    """Return symbols as unit vectors."""
    return np.eye(count, dtype=np.float32)[symbols]


def uniform_nats(classes: int) -> Callable[[int], float]:
    """Return the error of equal probabilities for all classes, for every length."""
    return lambda length: float(np.log(classes))


def copy_baseline(length: int) -> float:
    """Return the error of ten uniform guesses among T + 20 steps."""
    return COPY_COUNT * float(np.log(COPY_SYMBOLS)) / (length + 2 * COPY_COUNT)


PROBLEMS = {
    "adding": MemoryProblem(adding, 2, 0, 2, lambda length: 1 / 6, "always 1"),
    "copy": MemoryProblem(
        copy, COPY_SYMBOLS + 2, COPY_SYMBOLS + 1, 1, copy_baseline, "blanks, then uniform symbols"
    ),
    "temporal_order": MemoryProblem(temporal_order, 6, 4, 10, uniform_nats(4), "uniform"),
    "sentences": MemoryProblem(
        sentences, len(SENTENCE_WORDS), len(LANGUAGES), 5, uniform_nats(len(LANGUAGES)), "uniform"
    ),
    "parity": MemoryProblem(parity, 1, 2, 1, uniform_nats(2), "uniform"),
}


def problem_batches(name: str, length: int, rows: int, steps: int, key: tuple[int, ...]) -> Batches:
    """Return batches of which number n is generated from the seed ``(*key, n)``.

    steps: batches in an epoch of evaluation
    """
    problem = PROBLEMS[name]
    if length < problem.min_length:
        raise UserError(f"--length {length}: {name} needs {problem.min_length} or more")
    if rows < 1:
        raise UserError("--batch-size must be 1 or more")

    def at(step: int, part: slice) -> Examples:
        random = np.random.default_rng([*key, step])
        inputs, targets = problem.generate(random, length, rows)
        return Examples(inputs[:, part], targets[:, part])

    return Batches(at, steps, lambda step: rows, batch_axis=1)
