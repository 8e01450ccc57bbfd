"""English and French verb groups, French elision and contraction."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal, NamedTuple

from experiments.translation.bilingual.entries import Verb, add_s, parse_verbs
from experiments.translation.bilingual.lexicon import BE_VERB, HAVE_VERB, NO_ELISION

Tense = Literal["present", "past", "imperfect", "future"]
ETRE, AVOIR = parse_verbs(BE_VERB)[0], parse_verbs(HAVE_VERB)[0]
FRENCH_NEGATIONS = {"": "", "not": "pas", "never": "jamais", "no longer": "plus"}
FUTURE_ENDINGS = ("ai", "a", "ons", "ez", "ont")
IMPERFECT_ENDINGS = ("ais", "ait", "ions", "iez", "aient")
CONTRACTIONS = {"de le": "du", "de les": "des", "à le": "au", "à les": "aux"}


class Agreement(NamedTuple):
    """Person, gender and number; person is 0 to 4 for je, il, nous, vous, ils."""

    person: int
    feminine: bool = False
    plural: bool = False


def past_participle(verb: Verb, agreement: Agreement | None) -> str:
    """Return the French past participle, which may agree with a subject or object."""
    if agreement is None:
        return verb.participle
    ending = ("e" if agreement.feminine else "") + ("s" if agreement.plural else "")
    has_ending = verb.participle.endswith("s") and ending == "s"
    return verb.participle + ("" if has_ending else ending)


def conjugate(verb: Verb, tense: Tense, person: int) -> str:
    """Return a French form of one word."""
    if tense == "present":
        return verb.present[person]
    if tense == "future":
        return verb.future + FUTURE_ENDINGS[person]
    ending = IMPERFECT_ENDINGS[person]
    drops_e = verb.imperfect.endswith("ge") and ending[0] == "i"  # mangeait, but mangions
    return verb.imperfect.removesuffix("e" if drops_e else "") + ending


def french_verb_group(
    verb: Verb,
    tense: Tense,
    subject: Agreement,
    negation: str = "",
    clitics: Sequence[str] = (),
    preceding_object: Agreement | None = None,
) -> list[str]:
    """Return ``ne``, object pronouns, verb, ``pas`` and participle, as far as they are needed.

    A participle agrees with the subject if the verb takes être, otherwise with a direct object
    that precedes it.
    """
    if tense == "past":
        auxiliary = ETRE if verb.takes_etre else AVOIR
        agreement = subject if verb.takes_etre else preceding_object
        form = conjugate(auxiliary, "present", subject.person)
        participle = [past_participle(verb, agreement)]
    else:
        form, participle = conjugate(verb, tense, subject.person), []
    before, after = (["ne|n'"], [FRENCH_NEGATIONS[negation]]) if negation else ([], [])
    return [*before, *clitics, form, *after, *participle]


def english_verb_group(verb: Verb, tense: Tense, third_person: bool, negation: str = "") -> str:
    """Return the verb of a statement with its auxiliary and negation."""
    base = "use to " + verb.en if tense == "imperfect" else verb.en
    if tense == "future":
        return " ".join(filter(None, ["will", negation, base]))
    if negation == "not":
        present = "does" if third_person else "do"
        return f"{present if tense == 'present' else 'did'} not {base}"
    if tense == "past":
        base = verb.en_past
    elif tense == "imperfect":
        base = "used to " + verb.en
    elif third_person:
        first, *rest = base.split()
        base = " ".join([add_s(first), *rest])
    return " ".join(filter(None, [negation, base]))


def english_question(
    verb: Verb, tense: Tense, third_person: bool, subject: str, negation: str
) -> str:
    """Return auxiliary, subject, negation and verb of a question."""
    auxiliary = {"present": "does" if third_person else "do", "future": "will"}.get(tense, "did")
    base = "use to " + verb.en if tense == "imperfect" else verb.en
    return " ".join(filter(None, [auxiliary, subject, negation, base]))


def causes_elision(word: str) -> bool:
    """Return whether the French word before this one loses its vowel."""
    if word.split("-")[0] in NO_ELISION:
        return False
    return word[:1].lower() in set("aeiouyhâàéèêëîïôûùœæ")


def write_french(words: Sequence[str]) -> str:
    """Join French words: choose from ``plain|before a vowel``, contract articles, add spaces.

    >>> write_french("je|j' aime le|l' ami de|d' le roi".split())
    "j'aime l'ami du roi"
    >>> write_french("ne|n' va pas à le|l' hôpital ni à le|l' hibou".split())
    "ne va pas à l'hôpital ni au hibou"
    """
    chosen: list[str] = []
    for word in reversed(" ".join(words).split()):
        plain, _, before_vowel = word.partition("|")
        following = chosen[-1] if chosen else ""
        if plain == "si":
            chosen.append("s'" if following in ("il", "ils") else "si")
        else:
            elided = before_vowel and causes_elision(following)
            chosen.append(before_vowel if elided else plain)
    return add_spaces(contract_articles(chosen[::-1]))


def contract_articles(words: list[str]) -> list[str]:
    """Contract prepositions and articles: ``de le`` becomes ``du``, ``à les`` becomes ``aux``."""
    contracted: list[str] = []
    skip = False
    for first, second in pairwise([*words, ""]):
        if skip:
            skip = False
            continue
        both = f"{first} {second}"
        contracted.append(CONTRACTIONS.get(both, first))
        skip = both in CONTRACTIONS
    return contracted


def add_spaces(words: Sequence[str]) -> str:
    """Join words with spaces, except after an apostrophe and before a comma or full stop."""
    text = ""
    for word in words:
        attached = not text or text.endswith("'") or word in (",", ".")
        text += word if attached else f" {word}"
    return text
