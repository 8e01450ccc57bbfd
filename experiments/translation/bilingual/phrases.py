"""Noun phrases in English and French at once, and the draws that sentences are made of."""

from collections.abc import Sequence
from random import Random
from typing import NamedTuple, TypeVar
from zlib import crc32

from experiments.translation.bilingual import lexicon
from experiments.translation.bilingual.entries import Adjective, Noun, adjectives, couples, nouns
from experiments.translation.bilingual.forms import Agreement, english_number, french_number

A = TypeVar("A")
B = TypeVar("B")

PEOPLE, ANIMALS = nouns(lexicon.PEOPLE), nouns(lexicon.ANIMALS)
BEINGS = PEOPLE + ANIMALS
FOODS, THINGS, PLACES = map(nouns, (lexicon.FOODS, lexicon.THINGS, lexicon.PLACES))
ANY, COLOURS = adjectives(lexicon.ADJECTIVES), adjectives(lexicon.COLOURS)
FITTING = [  # nouns, and the adjectives that go with them
    (PEOPLE, ANY + adjectives(lexicon.OF_BEINGS)),
    (ANIMALS, ANY + COLOURS + adjectives(lexicon.OF_BEINGS)),
    (FOODS, ANY + COLOURS + adjectives(lexicon.OF_FOODS)),
    (THINGS, ANY + COLOURS + adjectives(lexicon.OF_THINGS)),
    (PLACES, ANY + COLOURS + adjectives(lexicon.OF_THINGS)),
]
ADJECTIVES = {noun: fitting for kind, fitting in FITTING for noun in kind}
NAMES = couples(lexicon.NAMES)

# English and French determiners: m sg and f sg, or both of them in the plural.
SINGULAR = {
    "the": ("le|l'", "la|l'"), "a": ("un", "une"), "this": ("ce|cet", "cette"),
    "my": ("mon", "ma|mon"), "your": ("votre", "votre"), "our": ("notre", "notre"),
    "their": ("leur", "leur"), "every": ("chaque", "chaque"),
}  # fmt: skip
PLURAL = {
    "the": "les", "": "des", "these": "ces", "my": "mes", "your": "vos", "our": "nos",
    "their": "leurs", "many": "beaucoup de|d'",
}  # fmt: skip
PRONOUNS = {
    "I": ("je|j'", Agreement(0)), "we": ("nous", Agreement(2, several=True)),
    "you": ("vous", Agreement(3, several=True)), "he": ("il", Agreement(1)),
    "she": ("elle", Agreement(1, feminine=True)), "they": ("ils", Agreement(4, several=True)),
}  # fmt: skip
HELD_OUT = 8  # one pair of words in so many


class Phrase(NamedTuple):
    """The same in both languages; French words are as ``spoken`` wants them."""

    en: str
    fr: list[str]
    agrees: Agreement = Agreement(1)

    @property
    def third(self) -> bool:
        """Whether an English verb takes its -s."""
        return self.agrees.person == 1


class Phrases:
    """Draws noun phrases; ``held_out``: pairs of words that training lacks are allowed."""

    def __init__(self, seed: str, held_out: bool):
        self.random, self.held_out, self.found = Random(seed), held_out, False

    def chance(self, share: float) -> bool:
        return self.random.random() < share

    def pick(self, choices: Sequence[A]) -> A:
        return choices[int(self.random.random() * len(choices))]

    def pair(self, firsts: Sequence[A], seconds: Sequence[B]) -> tuple[A, B]:
        """Two words that go together; training has no pair that is held out."""
        while True:
            first, second = self.pick(firsts), self.pick(seconds)
            held = crc32(f"{first.en} {second.en}".encode()) % HELD_OUT == 0  # type: ignore[attr-defined]
            if not held or self.held_out:
                self.found |= held
                return first, second

    def subject(self) -> Phrase:
        """A pronoun, a name, or a being with whatever belongs to it."""
        draw = self.random.random()
        if draw < 0.25:
            en = self.pick(list(PRONOUNS))
            return Phrase(en, [PRONOUNS[en][0]], PRONOUNS[en][1])
        if draw < 0.35:
            name, gender = self.pick(NAMES)
            return Phrase(name.capitalize(), [name.capitalize()], Agreement(1, gender == "f"))
        return self.noun_phrase(self.pick(BEINGS))

    def noun_phrase(self, noun: Noun, *, plain: bool = False, negated: bool = False) -> Phrase:
        """Determiner, adjective, noun, and whose it is; a plain one belongs to nobody.

        negated: under a negation the indefinite article of a direct object is ``de``.
        """
        several, feminine = self.chance(0.35), noun.gender == "f"
        agrees = Agreement(4 if several else 1, feminine, several)
        words, mots = (
            [noun.en_plural if several else noun.en],
            [noun.fr_plural if several else noun.fr],
        )
        before = False
        if self.chance(0.35):
            adjective, _ = self.pair(ADJECTIVES[noun], [noun])
            words, before = [adjective.en, *words], adjective.before
            form = french_adjective(adjective, agrees)
            mots = [form, *mots] if before else [*mots, form]
        en, fr = self.determiner(agrees, negated, before)
        words = [indefinite(words[0]) if en == "a" else en, *words] if en else words
        whole = Phrase(" ".join(words), [fr, *mots], agrees)
        return self.owned(whole) if en == "the" and not plain and self.chance(0.3) else whole

    def owned(self, phrase: Phrase) -> Phrase:
        """``the key of the king``."""
        owner = self.noun_phrase(self.pick(BEINGS), plain=True)
        fr = ["de|d'"] if owner.fr[0] in ("des", "de|d'") else ["de|d'", owner.fr[0]]
        return Phrase(f"{phrase.en} of {owner.en}", [*phrase.fr, *fr, *owner.fr[1:]], phrase.agrees)

    def determiner(self, agrees: Agreement, negated: bool, before: bool) -> tuple[str, str]:
        """Article, possessive, demonstrative or number."""
        if agrees.several and self.chance(0.2):
            number = self.random.randint(2, self.pick((12, 12, 20, 99, 999)))
            return english_number(number), french_number(number, agrees.feminine)
        if agrees.several:
            en = self.pick(("the", "the", *PLURAL))
            loses = en == "" and (negated or before)
            return en, "de|d'" if loses else PLURAL[en]
        en = self.pick(("the", "the", "a", *SINGULAR))
        return en, "de|d'" if en == "a" and negated else SINGULAR[en][agrees.feminine]


def french_adjective(adjective: Adjective, agrees: Agreement) -> str:
    """The form that agrees; ``beau|bel`` where the next word decides."""
    form, linked = adjective.forms[agrees.feminine + 2 * agrees.several], adjective.forms[4]
    one = not agrees.feminine and not agrees.several
    return f"{form}|{linked}" if one and linked != form else form


def indefinite(word: str) -> str:
    """``a`` or ``an``, by how the next English word begins."""
    return "an" if (word[0] in "aeiouAEIOU" or word == "honest") and word != "useful" else "a"
