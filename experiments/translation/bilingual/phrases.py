"""Generator of noun phrases, in English and French at once."""

from collections.abc import Sequence
from random import Random
from typing import NamedTuple, TypeVar
from zlib import crc32

from experiments.translation.bilingual import lexicon
from experiments.translation.bilingual.entries import (
    Adjective,
    Noun,
    parse_adjectives,
    parse_nouns,
    parse_pairs,
)
from experiments.translation.bilingual.forms import Agreement
from experiments.translation.bilingual.number_words import english_number, french_number

A = TypeVar("A")
B = TypeVar("B")

PEOPLE, ANIMALS = parse_nouns(lexicon.PERSON_NOUNS), parse_nouns(lexicon.ANIMAL_NOUNS)
BEINGS = PEOPLE + ANIMALS
FOODS, ITEMS = parse_nouns(lexicon.FOOD_NOUNS), parse_nouns(lexicon.ITEM_NOUNS)
PLACES = parse_nouns(lexicon.PLACE_NOUNS)
GENERAL = parse_adjectives(lexicon.GENERAL_ADJECTIVES)
COLORED = GENERAL + parse_adjectives(lexicon.COLOR_ADJECTIVES)
OF_BEINGS, OF_FOODS, OF_ITEMS = map(
    parse_adjectives,
    (lexicon.BEING_ADJECTIVES, lexicon.FOOD_ADJECTIVES, lexicon.ITEM_ADJECTIVES),
)
NOUN_ADJECTIVES = {
    noun: adjectives
    for nouns, adjectives in (
        (PEOPLE, GENERAL + OF_BEINGS),
        (ANIMALS, COLORED + OF_BEINGS),
        (FOODS, COLORED + OF_FOODS),
        (ITEMS, COLORED + OF_ITEMS),
        (PLACES, COLORED + OF_ITEMS),
    )
    for noun in nouns
}
FIRST_NAMES = parse_pairs(lexicon.GIVEN_NAMES)

# French determiners by the English one: m sg and f sg, or the plural.
SINGULAR_DETERMINERS = {
    "the": ("le|l'", "la|l'"), "a": ("un", "une"), "this": ("ce|cet", "cette"),
    "my": ("mon", "ma|mon"), "your": ("votre", "votre"), "our": ("notre", "notre"),
    "their": ("leur", "leur"), "every": ("chaque", "chaque"),
}  # fmt: skip
PLURAL_DETERMINERS = {
    "the": "les", "": "des", "these": "ces", "my": "mes", "your": "vos", "our": "nos",
    "their": "leurs", "many": "beaucoup de|d'",
}  # fmt: skip
SUBJECT_PRONOUNS = {
    "I": ("je|j'", Agreement(0)), "we": ("nous", Agreement(2, plural=True)),
    "you": ("vous", Agreement(3, plural=True)), "he": ("il", Agreement(1)),
    "she": ("elle", Agreement(1, feminine=True)), "they": ("ils", Agreement(4, plural=True)),
}  # fmt: skip
HELD_OUT_PERIOD = 8  # one of this many word pairs is held out


class Phrase(NamedTuple):
    """A phrase in both languages; the French words are arguments of ``write_french``."""

    en: str
    fr: list[str]
    agreement: Agreement = Agreement(1)

    @property
    def third_person(self) -> bool:
        """Whether an English verb in the present takes its -s."""
        return self.agreement.person == 1


class PhraseGenerator:
    """Random noun phrases.

    held_out:          allow word pairs that the training split never has
    contains_held_out: whether such a pair was generated since the flag was last reset
    """

    def __init__(self, seed: str, held_out: bool):
        self.random = Random(seed)
        self.held_out = held_out
        self.contains_held_out = False

    def chance(self, probability: float) -> bool:
        """Return True with this probability."""
        return self.random.random() < probability

    def pick(self, choices: Sequence[A]) -> A:
        """Return one of the choices."""
        return choices[int(self.random.random() * len(choices))]

    def pick_pair(self, firsts: Sequence[A], seconds: Sequence[B]) -> tuple[A, B]:
        """Return two words that occur together, such as a verb and its object."""
        while True:
            first, second = self.pick(firsts), self.pick(seconds)
            key = f"{first.en} {second.en}"  # type: ignore[attr-defined]
            held_out = crc32(key.encode()) % HELD_OUT_PERIOD == 0
            if not held_out or self.held_out:
                self.contains_held_out |= held_out
                return first, second

    def subject(self) -> Phrase:
        """Return a pronoun, a name, or a noun phrase of a person or animal."""
        number = self.random.random()
        if number < 0.25:
            en = self.pick(list(SUBJECT_PRONOUNS))
            fr, agreement = SUBJECT_PRONOUNS[en]
            return Phrase(en, [fr], agreement)
        if number < 0.35:
            name, gender = self.pick(FIRST_NAMES)
            return Phrase(name.capitalize(), [name.capitalize()], Agreement(1, gender == "f"))
        return self.noun_phrase(self.pick(BEINGS))

    def noun_phrase(self, noun: Noun, *, plain: bool = False, negated: bool = False) -> Phrase:
        """Return determiner, adjective, noun and possessor.

        plain:   leave out the possessor
        negated: the phrase is the direct object of a negated verb, whose indefinite article is
                 ``de``
        """
        plural, feminine = self.chance(0.35), noun.gender == "f"
        agreement = Agreement(4 if plural else 1, feminine, plural)
        en_words = [noun.en_plural if plural else noun.en]
        fr_words = [noun.fr_plural if plural else noun.fr]
        adjective_first = False
        if self.chance(0.35):
            adjective, _ = self.pick_pair(NOUN_ADJECTIVES[noun], [noun])
            adjective_first = adjective.precedes_noun
            form = french_adjective(adjective, agreement)
            en_words = [adjective.en, *en_words]
            fr_words = [form, *fr_words] if adjective_first else [*fr_words, form]
        en, fr = self.determiner(agreement, negated, adjective_first)
        if en:
            en_words = [indefinite_article(en_words[0]) if en == "a" else en, *en_words]
        phrase = Phrase(" ".join(en_words), [fr, *fr_words], agreement)
        if en == "the" and not plain and self.chance(0.3):
            return self.add_possessor(phrase)
        return phrase

    def add_possessor(self, phrase: Phrase) -> Phrase:
        """Return for example ``the key of the king``."""
        owner = self.noun_phrase(self.pick(BEINGS), plain=True)
        article = [] if owner.fr[0] in ("des", "de|d'") else [owner.fr[0]]
        fr = [*phrase.fr, "de|d'", *article, *owner.fr[1:]]
        return Phrase(f"{phrase.en} of {owner.en}", fr, phrase.agreement)

    def determiner(
        self, agreement: Agreement, negated: bool, adjective_first: bool
    ) -> tuple[str, str]:
        """Return an article, possessive, demonstrative or number."""
        if agreement.plural and self.chance(0.2):
            number = self.random.randint(2, self.pick((12, 12, 20, 99, 999)))
            return english_number(number), french_number(number, agreement.feminine)
        if agreement.plural:
            en = self.pick(("the", "the", *PLURAL_DETERMINERS))
            reduced = en == "" and (negated or adjective_first)
            return en, "de|d'" if reduced else PLURAL_DETERMINERS[en]
        en = self.pick(("the", "the", "a", *SINGULAR_DETERMINERS))
        reduced = en == "a" and negated
        return en, "de|d'" if reduced else SINGULAR_DETERMINERS[en][agreement.feminine]


def french_adjective(adjective: Adjective, agreement: Agreement) -> str:
    """Return the form that agrees, such as ``beau|bel`` if the next word decides."""
    form = adjective.forms[agreement.feminine + 2 * agreement.plural]
    before_vowel = adjective.forms[4]
    masculine_singular = not agreement.feminine and not agreement.plural
    return f"{form}|{before_vowel}" if masculine_singular and before_vowel != form else form


def indefinite_article(word: str) -> str:
    """Return ``a`` or ``an``, depending on the next English word."""
    return "an" if (word[0] in "aeiouAEIOU" or word == "honest") and word != "useful" else "a"
