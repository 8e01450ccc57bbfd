"""Made-up reviews in which the order of the words decides.

Negation, contrast and intensifiers make most texts one of an order pair: the two have the same
words and opposite labels ("the food was good, not bad at all" / "the food was bad, not good at
all").  Dev and test have other combinations of opinions than training, and texts with these
properties, by which models can be compared:

length:   longer than any text of the training part
distance: the last FAR words or more tell nothing
order:    one of an order pair, both of which are there
position: with opinions which the training part has at the beginning of texts alone
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from seqmodels.data.splits import Splits, hash_split
from seqmodels.data.text.labelled import Example
from seqmodels.data.text.words import words

PROPERTIES = ("length", "distance", "order", "position")
FAR = 15
LONGEST_FILLER = 24  # words, in training

THINGS = words(
    "food service music room view staff menu story ending cast plot sound light price soup dessert "
    "wine bread breakfast garden pool song dialogue design screen battery camera"
)
GOOD = words(
    "good great lovely superb pleasant charming excellent delightful fresh warm clever funny "
    "perfect brilliant touching elegant generous wonderful lively tasty"
)
BAD = words(
    "bad awful dreadful dull boring bland rude poor horrible stale cold clumsy sad noisy tasteless "
    "ugly stingy terrible tired sloppy"
)
EARLY_GOOD = words("splendid gorgeous marvellous dazzling stunning")
EARLY_BAD = words("hideous lousy pathetic dismal shoddy")
SMALL = ("slightly", "somewhat", "barely")
LARGE = ("extremely", "truly", "incredibly")

# The label is that of {a}; {a} and {b} are opposites, so exchanging them exchanges the label.
PAIRED = (
    "the {thing} was {a} , not {b} at all",
    "the {thing} was not {b} but {a}",
    "the {thing} was never {b} , always {a}",
    "far from {b} , the {thing} was {a}",
    "the {other} was {b} but the {thing} was {a}",
    "although the {other} was {b} , the {thing} was {a}",
    "the {thing} was {a} although the {other} was {b}",
    "the {thing} was {small} {b} and {large} {a}",
    "the {thing} was {large} {a} and {small} {b}",
    "the {thing} was more {a} than {b}",
    "i expected a {b} {thing} and found a {a} one",
)
SINGLE = (
    "the {thing} was {large} {a}",
    "we found the {thing} {a} and so was the {other}",
    "nobody could call the {thing} {b}",
    "the {thing} was not {b} at all",
)
WHO = ("my uncle", "our neighbour", "the driver", "a colleague", "my sister", "the twins")
DID = ("went there", "stayed at home", "took the bus", "ordered a coffee", "read the paper")
WHEN = ("on monday", "last winter", "in the morning", "after work", "before noon", "in may")


class Opinion(NamedTuple):
    """A word of praise and one of blame; training has ``early`` ones at the beginning alone."""

    good: str
    bad: str
    early: bool


def reviews(count: int = 40_000, seed: int = 0) -> Splits:
    """Lists of distinct train, dev and test examples; ``count`` of them, 80 / 10 / 10 %."""
    opinions = [Opinion(good, bad, False) for good in GOOD for bad in BAD]
    opinions += [Opinion(good, bad, True) for good in EARLY_GOOD for bad in EARLY_BAD]
    parts = hash_split((f"{opinion}" for opinion in opinions), (0.6, 0.2, 0.2))
    shares = Splits(0.8, 0.1, 0.1)
    made = []
    for number, (rows, share) in enumerate(zip(parts, shares, strict=True)):
        random = np.random.default_rng([seed, number])
        draw = draws(random, [opinions[row] for row in rows], held_out=number > 0)
        made.append(distinct(draw, int(count * share)))
    return Splits(*made)


def distinct(draw: Iterator[list[Example]], count: int) -> list[Example]:
    """The first ``count`` different texts or one more; both of an order pair or none."""
    found: dict[str, Example] = {}
    while len(found) < count:
        found |= {example.text: example for example in next(draw)}
    return list(found.values())


def draws(
    random: np.random.Generator, opinions: Sequence[Opinion], held_out: bool
) -> Iterator[list[Example]]:
    """Order pairs and single reviews without end; those of a held-out part have PROPERTIES."""
    early = [opinion for opinion in opinions if opinion.early]
    late = [opinion for opinion in opinions if not opinion.early]
    while True:
        kind = pick(random, ("", "length", "distance", "position")) if held_out else ""
        use_early = kind == "position" or (not held_out and random.random() < 0.15)
        opinion = pick(random, early if use_early else late)
        before, after = fillers(random, kind, beginning=use_early and not kind)
        paired = bool(random.random() < 0.7)
        properties = frozenset({kind} - {""} | ({"order"} if paired else set()))
        template = pick(random, PAIRED if paired else SINGLE)
        slots = {"thing": pick(random, THINGS), "small": pick(random, SMALL)}
        slots |= {"other": pick(random, [t for t in THINGS if t != slots["thing"]])}
        slots |= {"large": pick(random, LARGE)}
        labels = ("praise", "blame") if paired else (pick(random, ("praise", "blame")),)
        texts = [before + filled(template, slots, opinion, label) + after for label in labels]
        yield [
            Example(text, label, properties=properties)
            for text, label in zip(texts, labels, strict=True)
        ]


def filled(template: str, slots: dict[str, str], opinion: Opinion, label: str) -> str:
    """The template's text with this label."""
    a, b = opinion.good, opinion.bad
    a, b = (a, b) if label == "praise" else (b, a)
    return template.format(a=a, b=b, **slots)


def fillers(random: np.random.Generator, kind: str, beginning: bool) -> tuple[str, str]:
    """Words before and after an opinion that tell nothing."""
    place = {"distance": "after", "position": "before"}.get(kind)
    place = place or pick(random, ("after", "none") if beginning else ("before", "after", "none"))
    shortest, longest = {
        "length": (LONGEST_FILLER + 20, LONGEST_FILLER + 36),
        "distance": (FAR, LONGEST_FILLER),
        "position": (4, LONGEST_FILLER),
    }.get(kind, (1, LONGEST_FILLER))
    place = "after" if kind == "length" and place == "none" else place
    clauses = filler(random, int(random.integers(shortest, longest)))
    return (f"{clauses} and " if place == "before" else ""), (
        f" and {clauses}" if place == "after" else ""
    )


def filler(random: np.random.Generator, length: int) -> str:
    """Neutral clauses with as many words, or up to six more."""
    clauses: list[str] = []
    while len(" and ".join(clauses).split()) < length:
        clauses.append(f"{pick(random, WHO)} {pick(random, DID)} {pick(random, WHEN)}")
    return " and ".join(clauses)


def pick(random: np.random.Generator, choices: Sequence):
    """One of the choices."""
    return choices[int(random.integers(len(choices)))]


def review_properties(examples: Sequence[Example]) -> dict[str, np.ndarray]:
    """The field ``properties``: 1 where an example has the property of the column."""
    has = [[name in example.properties for name in PROPERTIES] for example in examples]
    return {"properties": np.array(has, np.float32)}
