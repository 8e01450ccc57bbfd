"""The made-up English and French: hand-written translations, and what holds of all sentences."""

import re

import pytest

from experiments.translation.bilingual import lexicon
from experiments.translation.bilingual.entries import nouns, verbs
from experiments.translation.bilingual.forms import (
    Agreement,
    english_number,
    english_question,
    english_verb,
    finite,
    french_number,
    french_verb,
    spoken,
)
from experiments.translation.bilingual.grammar import Speaker, made_up_pairs
from experiments.translation.bilingual.phrases import ADJECTIVES, PLACES, THINGS, french_adjective
from seqmodels.data.text.tokenizers import tokens

VERBS = {
    verb.en: verb
    for name in ("TAKES_FOOD", "TAKES_THING", "TAKES_BEING", "ALONE", "TELLING", "GIVING", "GOING")
    for verb in verbs(getattr(lexicon, name))
}
SHE, THEY = Agreement(1, feminine=True), Agreement(4, several=True)
APPLES = Agreement(4, feminine=True, several=True)


@pytest.mark.parametrize(
    ("said", "written"),
    [
        (french_verb(VERBS["eat"], "present", SHE, "not"), "ne mange pas"),
        (french_verb(VERBS["admire"], "present", SHE, "never"), "n'admire jamais"),
        (french_verb(VERBS["eat"], "past", SHE, "no longer", ["les"], APPLES),
         "ne les a plus mangées"),
        (french_verb(VERBS["take"], "past", THEY, "", ["les"], THEY), "les ont pris"),
        (french_verb(VERBS["fall"], "past", SHE), "est tombée"),
        (french_verb(VERBS["love"], "future", THEY, "", ["la|l'"]), "l'aimeront"),
        (french_verb(VERBS["swim"], "habit", THEY), "nageaient"),
        (french_verb(VERBS["swim"], "habit", Agreement(2)), "nagions"),
        (french_verb(VERBS["see"], "past", SHE, "", ["me|m'"], Agreement(0)), "m'a vu"),
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
def test_french_as_a_person_writes_it(said, written):
    assert spoken(said) == written


def test_english_verbs():
    eat, carry, wait = (VERBS[name] for name in ("eat", "carry", "wait for"))
    assert english_verb(eat, "present", True) == "eats"
    assert english_verb(eat, "present", True, "not") == "does not eat"
    assert english_verb(eat, "past", True, "never") == "never ate"
    assert english_verb(carry, "past", False) == "carried"
    assert english_verb(carry, "present", True) == "carries"
    assert english_verb(wait, "present", True, "no longer") == "no longer waits for"
    assert english_verb(eat, "habit", False, "not") == "did not use to eat"
    assert english_verb(eat, "future", True, "not") == "will not eat"
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


def test_numbers_are_all_different_and_feminine_where_they_end_in_one():
    assert len({french_number(n) for n in range(1, 1000)}) == 999
    assert {n % 100 for n in range(1, 1000) if french_number(n) != french_number(n, True)} == {
        1, 21, 31, 41, 51, 61, 81
    }  # fmt: skip


def test_verbs_and_adjectives_have_every_form():
    for verb in VERBS.values():
        assert len(verb.present) == 5
        assert all(
            finite(verb, tense, person)
            for tense in ("present", "habit", "future")
            for person in range(5)
        )
    assert finite(VERBS["share"], "present", 2) == "partageons"
    assert finite(VERBS["know"], "habit", 1) == "connaissait"
    old = next(a for a in ADJECTIVES[THINGS[0]] if a.en == "old")
    forms = [
        french_adjective(old, Agreement(1, f, n)) for n in (False, True) for f in (False, True)
    ]
    assert forms == ["vieux|vieil", "vieille", "vieux", "vieilles"]


def test_the_lexicon_gives_each_english_word_one_meaning():
    for kind in (PLACES, THINGS):
        assert len({noun.en for noun in kind}) == len(kind)
    tables = [getattr(lexicon, n) for n in ("PEOPLE", "ANIMALS", "FOODS", "THINGS", "PLACES")]
    names = [noun.en for table in tables for noun in nouns(table)]
    assert len(names) == len(set(names)) > 200
    assert len(names) + len(VERBS) + len({a for f in ADJECTIVES.values() for a in f}) > 350


@pytest.fixture(scope="module")
def parts():
    return made_up_pairs(1500, 200, 300)


def test_french_is_elided_and_contracted_everywhere(parts):
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
    for part in parts:
        for pair in part:
            found = [w for w in wrong if re.search(w, pair.target, re.IGNORECASE)]
            assert not found, (found, pair)


def test_one_english_sentence_has_one_translation_and_the_same_seed_gives_the_same(parts):
    whole = [pair for part in parts for pair in part]
    assert len({pair.source for pair in whole}) == len(set(whole))
    assert made_up_pairs(20, 5, 6) == made_up_pairs(20, 5, 6)
    assert made_up_pairs(20, 5, 6).train == parts.train[:20]


def test_test_sentences_hold_what_training_never_saw(parts):
    """Again drawn as training draws them, no sentence has a pair that was held out."""
    speaker = Speaker("anything", held_out=False)
    for _ in range(300):
        speaker.sentence(2)
        assert not speaker.found
    trained = {pair.source for pair in parts.train}
    assert not trained & {pair.source for part in parts[1:] for pair in part}
    lengths = [[len(tokens(pair.source)) for pair in part] for part in parts]
    known, longer = lengths[2][:150], lengths[2][150:]
    assert sum(longer) / len(longer) > 2 * sum(known) / len(known)
