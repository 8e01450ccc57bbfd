"""Generated reviews in which word order decides the label.

Negation, contrast and intensifiers make most texts members of an order pair, two texts with the
same words and opposite labels ("the food was good, not bad at all" / "the food was bad, not good
at all"). Dev and test contain other combinations of opinion words than training. Their texts have
properties, which define the subsets that models are compared on:

length:   longer than every training text
distance: at least the last ``MIN_DISTANCE`` words are neutral
order:    member of an order pair; the other member is in the same split
position: with opinion words that training texts contain only at the beginning
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from seqmodels.data.splits import Splits, hash_split
from seqmodels.data.text.labelled import Example
from seqmodels.data.text.words import split_words

PROPERTIES = ("length", "distance", "order", "position")
MIN_DISTANCE = 15
MAX_FILLER = 24  # words, in training

SUBJECTS = split_words(
    "food service music room view staff menu story ending cast plot sound light price soup dessert "
    "wine bread breakfast garden pool song dialogue design screen battery camera"
)
GOOD = split_words(
    "good great lovely superb pleasant charming excellent delightful fresh warm clever funny "
    "perfect brilliant touching elegant generous wonderful lively tasty"
)
BAD = split_words(
    "bad awful dreadful dull boring bland rude poor horrible stale cold clumsy sad noisy tasteless "
    "ugly stingy terrible tired sloppy"
)
EARLY_GOOD = split_words("splendid gorgeous marvellous dazzling stunning")
EARLY_BAD = split_words("hideous lousy pathetic dismal shoddy")
DOWNTONERS = ("slightly", "somewhat", "barely")
INTENSIFIERS = ("extremely", "truly", "incredibly")

# The label is that of {a}; {b} is its opposite, so that exchanging the two exchanges the label.
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
FILLER_SUBJECTS = (
    "my uncle",
    "our neighbour",
    "the driver",
    "a colleague",
    "my sister",
    "the twins",
)
FILLER_VERBS = (
    "went there",
    "stayed at home",
    "took the bus",
    "ordered a coffee",
    "read the paper",
)
FILLER_TIMES = (
    "on monday",
    "last winter",
    "in the morning",
    "after work",
    "before noon",
    "in may",
)


class Opinion(NamedTuple):
    """A positive and a negative word; training uses ``early`` ones only at the beginning."""

    good: str
    bad: str
    early: bool


def generate_reviews(count: int = 40_000, seed: int = 0) -> Splits:
    """Return ``count`` distinct examples in lists of train, dev and test, 80 / 10 / 10 %."""
    opinions = [Opinion(good, bad, False) for good in GOOD for bad in BAD]
    opinions += [Opinion(good, bad, True) for good in EARLY_GOOD for bad in EARLY_BAD]
    # The keys are representations of tuples: renaming a field changes the split.
    chosen = hash_split((f"{opinion}" for opinion in opinions), (0.6, 0.2, 0.2))
    shares = Splits(0.8, 0.1, 0.1)
    splits = []
    for number, (rows, share) in enumerate(zip(chosen, shares, strict=True)):
        random = np.random.default_rng([seed, number])
        stream = review_stream(random, [opinions[row] for row in rows], held_out=number > 0)
        splits.append(distinct_examples(stream, int(count * share)))
    return Splits(*splits)


def distinct_examples(stream: Iterator[list[Example]], count: int) -> list[Example]:
    """Return the first ``count`` distinct texts, or one more to complete an order pair."""
    examples: dict[str, Example] = {}
    while len(examples) < count:
        examples |= {example.text: example for example in next(stream)}
    return list(examples.values())


def review_stream(
    random: np.random.Generator, opinions: Sequence[Opinion], held_out: bool
) -> Iterator[list[Example]]:
    """Yield order pairs and single reviews; held-out ones have ``PROPERTIES``."""
    early = [opinion for opinion in opinions if opinion.early]
    late = [opinion for opinion in opinions if not opinion.early]
    while True:
        kind = sample_one(random, ("", "length", "distance", "position")) if held_out else ""
        use_early = kind == "position" or (not held_out and random.random() < 0.15)
        opinion = sample_one(random, early if use_early else late)
        before, after = sample_fillers(random, kind, beginning=use_early and not kind)
        paired = bool(random.random() < 0.7)
        properties = frozenset({kind} - {""} | ({"order"} if paired else set()))
        template = sample_one(random, PAIRED if paired else SINGLE)
        slots = sample_slots(random)
        labels = ("praise", "blame") if paired else (sample_one(random, ("praise", "blame")),)
        texts = [before + fill_template(template, slots, opinion, x) + after for x in labels]
        yield [
            Example(text, label, properties=properties)
            for text, label in zip(texts, labels, strict=True)
        ]


def sample_slots(random: np.random.Generator) -> dict[str, str]:
    """Return words for the slots of a template, except for the opinion."""
    slots = {"thing": sample_one(random, SUBJECTS), "small": sample_one(random, DOWNTONERS)}
    slots["other"] = sample_one(random, [s for s in SUBJECTS if s != slots["thing"]])
    slots["large"] = sample_one(random, INTENSIFIERS)
    return slots


def fill_template(template: str, slots: dict[str, str], opinion: Opinion, label: str) -> str:
    """Return the template's text with this label."""
    if label == "praise":
        return template.format(a=opinion.good, b=opinion.bad, **slots)
    return template.format(a=opinion.bad, b=opinion.good, **slots)


def sample_fillers(random: np.random.Generator, kind: str, beginning: bool) -> tuple[str, str]:
    """Return neutral words before and after an opinion.

    kind:      property of the text, or ""
    beginning: place the opinion at the beginning of the text
    """
    place = {"distance": "after", "position": "before"}.get(kind)
    places = ("after", "none") if beginning else ("before", "after", "none")
    place = place or sample_one(random, places)
    shortest, longest = {
        "length": (MAX_FILLER + 20, MAX_FILLER + 36),
        "distance": (MIN_DISTANCE, MAX_FILLER),
        "position": (4, MAX_FILLER),
    }.get(kind, (1, MAX_FILLER))
    place = "after" if kind == "length" and place == "none" else place
    clauses = sample_clauses(random, int(random.integers(shortest, longest)))
    before = f"{clauses} and " if place == "before" else ""
    after = f" and {clauses}" if place == "after" else ""
    return before, after


def sample_clauses(random: np.random.Generator, length: int) -> str:
    """Return neutral clauses with at least this number of words, and at most six more."""
    clauses: list[str] = []
    while len(" and ".join(clauses).split()) < length:
        parts = (sample_one(random, x) for x in (FILLER_SUBJECTS, FILLER_VERBS, FILLER_TIMES))
        clauses.append(" ".join(parts))
    return " and ".join(clauses)


def sample_one(random: np.random.Generator, choices: Sequence) -> Any:
    """Return one of the choices."""
    return choices[int(random.integers(len(choices)))]


def review_properties(examples: Sequence[Example]) -> dict[str, np.ndarray]:
    """Return the field ``properties``: 1 where an example has the property of the column."""
    has = [[name in example.properties for name in PROPERTIES] for example in examples]
    return {"properties": np.array(has, np.float32)}
