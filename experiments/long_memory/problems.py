"""Made-up problems whose answer hangs on what was seen long ago, drawn afresh for every batch.

Each problem's ``length`` T is how far back a model must remember, exactly or at most.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Num

from seqmodels.data.batching import Batches
from seqmodels.errors import UserError


class Examples(NamedTuple):
    """Sequences, and the answers that are due at their last N steps: classes, or one number."""

    inputs: Float[np.ndarray, "T B D"]
    targets: Num[np.ndarray, "N B"]


class Problem(NamedTuple):
    """A problem: how it is drawn, and the error of an answer that remembers nothing.

    ``draw(random, length, rows) -> Examples``; ``classes`` is 0 where the answer is a number, whose
    error is squared; a class's error is its negative log-likelihood in nats.
    """

    draw: Callable[[np.random.Generator, int, int], Examples]
    features: int
    classes: int
    shortest: int
    baseline: Callable[[int], float]
    forgetful: str  # the answer that has this error


def adding(random: np.random.Generator, length: int, rows: int) -> Examples:
    """The sum of the two numbers that are marked, one in each half.

    Hochreiter and Schmidhuber (1997); in this form Le, Jaitly and Hinton (2015), arXiv:1504.00941.
    """
    numbers = random.uniform(size=(length, rows))
    marks = np.zeros((length, rows))
    for half in (range(length // 2), range(length // 2, length)):
        marks[random.integers(half.start, half.stop, rows), np.arange(rows)] = 1
    inputs = np.stack([numbers, marks], axis=-1).astype(np.float32)
    return Examples(inputs, (numbers * marks).sum(axis=0, keepdims=True).astype(np.float32))


SYMBOLS, COUNT = 8, 10  # of the copy problem: how many there are, how many are to be copied


def copy(random: np.random.Generator, length: int, rows: int) -> Examples:
    """Ten symbols, T - 1 blanks, a sign to begin, ten blanks during which to repeat the symbols.

    Arjovsky, Shah and Bengio (2016), arXiv:1511.06464: answers are due at all T + 20 steps.
    """
    blank, sign = SYMBOLS, SYMBOLS + 1
    symbols = random.integers(0, SYMBOLS, (COUNT, rows))
    seen = np.full((length + 2 * COUNT, rows), blank)
    seen[:COUNT] = symbols
    seen[COUNT + length - 1] = sign
    targets = np.full_like(seen, blank)
    targets[-COUNT:] = symbols
    return Examples(one_hot(seen, SYMBOLS + 2), targets.astype(np.int32))


def temporal_order(random: np.random.Generator, length: int, rows: int) -> Examples:
    """X or Y, somewhere early; X or Y, near the middle; four other symbols: which came, in order?

    Hochreiter and Schmidhuber (1997); in this form Pascanu et al. (2013), arXiv:1211.5063.
    """
    seen = random.integers(2, 6, (length, rows))
    which = random.integers(0, 2, (2, rows))
    for number, (begin, end) in enumerate(((1, 2), (4, 5))):
        place = random.integers(begin * length // 10, end * length // 10, rows)
        seen[place, np.arange(rows)] = which[number]
    return Examples(one_hot(seen, 6), (2 * which[:1] + which[1:]).astype(np.int32))


def parity(random: np.random.Generator, length: int, rows: int) -> Examples:
    """Is the number of ones among T bits odd?  Every bit counts."""
    bits = random.integers(0, 2, (length, rows))
    return Examples(
        bits[..., None].astype(np.float32), (bits.sum(axis=0, keepdims=True) % 2).astype(np.int32)
    )


SPOKEN = {
    "china": "chinese",
    "finland": "finnish",
    "france": "french",
    "germany": "german",
    "greece": "greek",
    "italy": "italian",
    "japan": "japanese",
    "poland": "polish",
    "russia": "russian",
    "spain": "spanish",
    "sweden": "swedish",
    "turkey": "turkish",
}
COUNTRIES, LANGUAGES = list(SPOKEN), list(SPOKEN.values())
OPENING, ENDING = ["i", "grew", "up", "in"], ["so", "i", "speak", "fluent"]
CLAUSES = [
    "where the winters were long",
    "my friend comes from {}",
    "we played outside until dark",
    "my mother sang in a choir",
    "a letter came from {} once",
    "and the trains were always late",
    "my sister moved to {}",
    "there was a garden with old trees",
]
WORDS = sorted({*OPENING, *ENDING, *COUNTRIES, *" ".join(CLAUSES).replace("{}", "").split()})


def sentence(random: np.random.Generator, length: int) -> tuple[list[str], str]:
    """ "i grew up in france ... so i speak fluent", and the word that follows: "french".

    Country and language are T words apart; other countries are named in between.
    """
    home = random.integers(len(COUNTRIES))
    between: list[str] = []
    while len(between) < length - 1 - len(ENDING):
        between += random.choice(CLAUSES).format(random.choice(COUNTRIES)).split()
    between = between[: length - 1 - len(ENDING)]
    return [*OPENING, COUNTRIES[home], *between, *ENDING], LANGUAGES[home]


def sentences(random: np.random.Generator, length: int, rows: int) -> Examples:
    """The country at the start decides the language at the end."""
    drawn = [sentence(random, length) for _ in range(rows)]
    seen = np.array([[WORDS.index(word) for word in words] for words, _ in drawn]).T
    answers = np.array([[LANGUAGES.index(language) for _, language in drawn]], np.int32)
    return Examples(one_hot(seen, len(WORDS)), answers)


def one_hot(symbols: np.ndarray, count: int) -> Float[np.ndarray, "T B D"]:
    """Symbols as unit vectors."""
    return np.eye(count, dtype=np.float32)[symbols]


def chance(count: int) -> Callable[[int], float]:
    """Error in nats of giving equal probability to all classes, whatever the length."""
    return lambda length: float(np.log(count))


PROBLEMS = {
    "adding": Problem(adding, 2, 0, 2, lambda length: 1 / 6, "always 1"),
    "copy": Problem(
        copy,
        SYMBOLS + 2,
        SYMBOLS + 1,
        1,
        lambda length: COUNT * float(np.log(SYMBOLS)) / (length + 2 * COUNT),
        "blanks, then any symbols",
    ),
    "temporal_order": Problem(temporal_order, 6, 4, 10, chance(4), "one in four"),
    "sentences": Problem(
        sentences, len(WORDS), len(LANGUAGES), 5, chance(len(LANGUAGES)), "any language"
    ),
    "parity": Problem(parity, 1, 2, 1, chance(2), "even chances"),
}


def problem_batches(name: str, length: int, rows: int, steps: int, key: tuple[int, ...]) -> Batches:
    """Batch number n is drawn from ``(*key, n)``; ``steps`` of them make an epoch of evaluation."""
    problem = PROBLEMS[name]
    if length < problem.shortest:
        raise UserError(f"--length {length}: {name} needs {problem.shortest} or more")
    if rows < 1:
        raise UserError("--batch-size must be 1 or more")

    def at(step: int, part: slice) -> Examples:
        inputs, targets = problem.draw(np.random.default_rng([*key, step]), length, rows)
        return Examples(inputs[:, part], targets[:, part])

    return Batches(at, steps, lambda step: rows, batch_axis=1)
