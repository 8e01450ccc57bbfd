"""Generated English and French: translations written by hand, and properties of all sentences."""

import re

import pytest

from experiments.translation.bilingual import lexicon
from experiments.translation.bilingual.entries import parse_nouns, parse_verbs
from experiments.translation.bilingual.forms import (
    Agreement,
    conjugate,
    english_question,
    english_verb_group,
    french_verb_group,
    write_french,
)
from experiments.translation.bilingual.grammar import SentenceGenerator, generate_pairs
from experiments.translation.bilingual.number_words import english_number, french_number
from experiments.translation.bilingual.phrases import (
    ITEMS,
    NOUN_ADJECTIVES,
    PLACES,
    french_adjective,
)
from seqmodels.data.text.tokenizers import tokenize_words

VERBS = {
    verb.en: verb
    for table in (
        lexicon.FOOD_VERBS,
        lexicon.ITEM_VERBS,
        lexicon.BEING_VERBS,
        lexicon.INTRANSITIVE_VERBS,
        lexicon.SPEECH_VERBS,
        lexicon.GIVING_VERBS,
        lexicon.GO_VERB,
    )
    for verb in parse_verbs(table)
}
SHE, THEY = Agreement(1, feminine=True), Agreement(4, plural=True)
APPLES = Agreement(4, feminine=True, plural=True)


@pytest.mark.parametrize(
    ("words", "written"),
    [
        (french_verb_group(VERBS["eat"], "present", SHE, "not"), "ne mange pas"),
        (french_verb_group(VERBS["admire"], "present", SHE, "never"), "n'admire jamais"),
        (french_verb_group(VERBS["eat"], "past", SHE, "no longer", ["les"], APPLES),
         "ne les a plus mangées"),
        (french_verb_group(VERBS["take"], "past", THEY, "", ["les"], THEY), "les ont pris"),
        (french_verb_group(VERBS["fall"], "past", SHE), "est tombée"),
        (french_verb_group(VERBS["love"], "future", THEY, "", ["la|l'"]), "l'aimeront"),
        (french_verb_group(VERBS["swim"], "imperfect", THEY), "nageaient"),
        (french_verb_group(VERBS["swim"], "imperfect", Agreement(2)), "nagions"),
        (french_verb_group(VERBS["see"], "past", SHE, "", ["me|m'"], Agreement(0)), "m'a vu"),
        (["de|d'", "le|l'", "roi"], "du roi"),
        (["de|d'", "le|l'", "hôpital"], "de l'hôpital"),
        (["à", "les", "hiboux"], "aux hiboux"),
        (["à", "le|l'", "hibou"], "au hibou"),
        (["ce|cet", "beau|bel", "oiseau"], "ce bel oiseau"),
        (["ce|cet", "arbre"], "cet arbre"),
        (["ma|mon", "amie"], "mon amie"),
        (["si", "ils", "parce que|qu'", "elle"], "s'ils parce qu'elle"),
        (["si", "elle"], "si elle"),
    ],
    ids=str,
)  # fmt: skip
def test_french_orthography(words, written):
    assert write_french(words) == written


def test_english_verbs():
    eat, carry, wait = (VERBS[name] for name in ("eat", "carry", "wait for"))
    assert english_verb_group(eat, "present", True) == "eats"
    assert english_verb_group(eat, "present", True, "not") == "does not eat"
    assert english_verb_group(eat, "past", True, "never") == "never ate"
    assert english_verb_group(carry, "past", False) == "carried"
    assert english_verb_group(carry, "present", True) == "carries"
    assert english_verb_group(wait, "present", True, "no longer") == "no longer waits for"
    assert english_verb_group(eat, "imperfect", False, "not") == "did not use to eat"
    assert english_verb_group(eat, "future", True, "not") == "will not eat"
    assert english_question(wait, "past", True, "she", "") == "did she wait for"


@pytest.mark.parametrize(
    ("number", "english", "french"),
    [
        (21, "twenty-one", "vingt et un"),
        (71, "seventy-one", "soixante et onze"),
        (80, "eighty", "quatre-vingts"),
        (81, "eighty-one", "quatre-vingt-un"),
        (91, "ninety-one", "quatre-vingt-onze"),
        (100, "one hundred", "cent"),
        (200, "two hundred", "deux cents"),
        (999, "nine hundred and ninety-nine", "neuf cent quatre-vingt-dix-neuf"),
    ],
)
def test_numbers(number, english, french):
    assert (english_number(number), french_number(number)) == (english, french)


def test_numbers_are_distinct_and_have_a_feminine_form_if_they_end_in_one():
    assert len({french_number(n) for n in range(1, 1000)}) == 999
    assert {n % 100 for n in range(1, 1000) if french_number(n) != french_number(n, True)} == {
        1, 21, 31, 41, 51, 61, 81
    }  # fmt: skip


def test_verbs_and_adjectives_have_every_form():
    for verb in VERBS.values():
        assert len(verb.present) == 5
        assert all(
            conjugate(verb, tense, person)
            for tense in ("present", "imperfect", "future")
            for person in range(5)
        )
    assert conjugate(VERBS["share"], "present", 2) == "partageons"
    assert conjugate(VERBS["know"], "imperfect", 1) == "connaissait"
    old = next(a for a in NOUN_ADJECTIVES[ITEMS[0]] if a.en == "old")
    forms = [
        french_adjective(old, Agreement(1, f, n)) for n in (False, True) for f in (False, True)
    ]
    assert forms == ["vieux|vieil", "vieille", "vieux", "vieilles"]


def test_the_lexicon_gives_each_english_word_one_meaning():
    for kind in (PLACES, ITEMS):
        assert len({noun.en for noun in kind}) == len(kind)
    tables = (
        lexicon.PERSON_NOUNS,
        lexicon.ANIMAL_NOUNS,
        lexicon.FOOD_NOUNS,
        lexicon.ITEM_NOUNS,
        lexicon.PLACE_NOUNS,
    )
    names = [noun.en for table in tables for noun in parse_nouns(table)]
    assert len(names) == len(set(names)) > 200
    assert len(names) + len(VERBS) + len({a for f in NOUN_ADJECTIVES.values() for a in f}) > 350


@pytest.fixture(scope="module")
def splits():
    return generate_pairs(1500, 200, 300)


def test_all_elisions_and_contractions_are_made(splits):
    vowel = r"(?:[aeiouyâàéèêëîïôûùœ]|h(?!éros|ibou|aricot|omard|érisson|ache|uit))"
    wrong = [
        r"\b(?:je|ne|le|la|de|me) (?!onze|une? )" + vowel,
        r"\bde les?\b",
        r"\bà les?\b",
        r"\bce " + vowel,
        r"\bma " + vowel,
        r"\bsi ils?\b",
        r"\|",
        r"  ",
    ]
    for pairs in splits:
        for pair in pairs:
            found = [w for w in wrong if re.search(w, pair.target, re.IGNORECASE)]
            assert not found, (found, pair)


def test_translations_are_unique_and_depend_only_on_the_seed(splits):
    every = [pair for pairs in splits for pair in pairs]
    assert len({pair.source for pair in every}) == len(set(every))
    assert generate_pairs(20, 5, 6) == generate_pairs(20, 5, 6)
    assert generate_pairs(20, 5, 6).train == splits.train[:20]


def test_evaluation_sentences_have_word_pairs_that_training_lacks(splits):
    """A training generator makes no sentence with a word pair that is held out."""
    generator = SentenceGenerator("anything", held_out=False)
    for _ in range(300):
        generator.sentence(2)
        assert not generator.contains_held_out
    trained = {pair.source for pair in splits.train}
    assert not trained & {pair.source for pairs in splits[1:] for pair in pairs}
    lengths = [[len(tokenize_words(pair.source)) for pair in pairs] for pairs in splits]
    known, longer = lengths[2][:150], lengths[2][150:]
    assert sum(longer) / len(longer) > 2 * sum(known) / len(known)
