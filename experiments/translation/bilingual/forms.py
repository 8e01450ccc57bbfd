"""English and French word order and forms: verb groups, numbers, elision, contraction."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal, NamedTuple

from experiments.translation.bilingual.entries import Verb, plural, verbs
from experiments.translation.bilingual.lexicon import ASPIRATED, BEING, HAVING

Tense = Literal["present", "past", "habit", "future"]
ETRE, AVOIR = verbs(BEING)[0], verbs(HAVING)[0]
PAS = {"": "", "not": "pas", "never": "jamais", "no longer": "plus"}
FUTURE = ("ai", "a", "ons", "ez", "ont")
IMPERFECT = ("ais", "ait", "ions", "iez", "aient")
UNITS = """
zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen
sixteen seventeen eighteen nineteen
""".split()  # noqa: SIM905
TENS = ["", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
UNITES = """
zéro un deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize
dix-sept dix-huit dix-neuf
""".split()  # noqa: SIM905
DIZAINES = ["", "", "vingt", "trente", "quarante", "cinquante", "soixante", "soixante"]
DIZAINES += ["quatre-vingt", "quatre-vingt"]


class Agreement(NamedTuple):
    """What a verb and its participle agree with: person is 0 to 4 for je, il, nous, vous, ils."""

    person: int
    feminine: bool = False
    several: bool = False


def participle(verb: Verb, with_: Agreement | None) -> str:
    """The past participle, agreeing with what it is given."""
    if with_ is None:
        return verb.participle
    ending = ("e" if with_.feminine else "") + ("s" if with_.several else "")
    already = verb.participle.endswith("s") and ending == "s"
    return verb.participle + ("" if already else ending)


def finite(verb: Verb, tense: Tense, person: int) -> str:
    """A simple form."""
    if tense == "present":
        return verb.present[person]
    if tense == "future":
        return verb.future + FUTURE[person]
    ending = IMPERFECT[person]
    softened = verb.imperfect.endswith("ge") and ending[0] == "i"  # mangeait, but mangions
    return verb.imperfect.removesuffix("e" if softened else "") + ending


def french_verb(
    verb: Verb,
    tense: Tense,
    subject: Agreement,
    negation: str = "",
    clitics: Sequence[str] = (),
    before: Agreement | None = None,
) -> list[str]:
    """``ne`` + pronouns + verb + ``pas`` + participle; ``before`` is a direct object that precedes.

    A participle agrees with the subject where the past is made with être, else with ``before``.
    """
    aux = ETRE if verb.moves else AVOIR
    whole = tense == "past"
    form = finite(aux, "present", subject.person) if whole else finite(verb, tense, subject.person)
    words = [*(["ne|n'"] if negation else []), *clitics, form]
    words += [PAS[negation]] if negation else []
    return words + ([participle(verb, subject if verb.moves else before)] if whole else [])


def english_verb(verb: Verb, tense: Tense, third: bool, negation: str = "") -> str:
    """The verb of a statement."""
    base = "use to " + verb.en if tense == "habit" else verb.en
    if tense == "future":
        return " ".join(filter(None, ["will", negation, base]))
    if negation == "not":
        aux = "do" if tense == "present" and not third else "does" if tense == "present" else "did"
        return f"{aux} not {base}"
    if tense == "past":
        base = verb.en_past
    elif tense == "habit":
        base = "used to " + verb.en
    elif third:
        first, *rest = base.split()
        base = " ".join([plural(first), *rest])
    return " ".join(filter(None, [negation, base]))


def english_question(verb: Verb, tense: Tense, third: bool, subject: str, negation: str) -> str:
    """Auxiliary, subject, verb."""
    aux = {"present": "does" if third else "do", "future": "will"}.get(tense, "did")
    base = "use to " + verb.en if tense == "habit" else verb.en
    return " ".join(filter(None, [aux, subject, negation, base]))


def english_number(n: int) -> str:
    """A number from 1 to 999 in words.

    >>> english_number(321)
    'three hundred and twenty-one'
    """
    if n >= 100:
        rest = f" and {english_number(n % 100)}" if n % 100 else ""
        return f"{UNITS[n // 100]} hundred{rest}"
    if n < 20:
        return UNITS[n]
    return TENS[n // 10] + (f"-{UNITS[n % 10]}" if n % 10 else "")


def french_number(n: int, feminine: bool = False) -> str:
    """A number from 1 to 999 in words, before a noun.

    >>> french_number(71), french_number(80), french_number(281, feminine=True)
    ('soixante et onze', 'quatre-vingts', 'deux cent quatre-vingt-une')
    """
    if n >= 100:
        many = UNITES[n // 100] + " " if n >= 200 else ""
        if n % 100 == 0:
            return f"{many}cent" + ("s" if n >= 200 else "")
        return f"{many}cent {french_number(n % 100, feminine)}"
    if n < 20:
        return "une" if n == 1 and feminine else UNITES[n]
    ten, one = divmod(n, 10)
    if ten in (7, 9):
        one += 10
    if one == 0:
        return DIZAINES[ten] + ("s" if n == 80 else "")
    unit = "une" if one == 1 and feminine else UNITES[one]
    joined = " et " if one in (1, 11) and ten < 8 else "-"
    return DIZAINES[ten] + joined + unit


def is_vowel(word: str) -> bool:
    """Whether a French word makes the one before it lose its vowel."""
    if word.split("-")[0] in ASPIRATED:
        return False
    return word[:1].lower() in set("aeiouyhâàéèêëîïôûùœæ")


def spoken(words: Sequence[str]) -> str:
    """French as it is written: ``plain|before a vowel`` chosen, articles contracted, all joined.

    >>> spoken("je|j' aime le|l' ami de|d' le roi".split())
    "j'aime l'ami du roi"
    >>> spoken("ne|n' va pas à le|l' hôpital ni à le|l' hibou".split())
    "ne va pas à l'hôpital ni au hibou"
    """
    chosen: list[str] = []
    for word in reversed(" ".join(words).split()):
        plain, _, linked = word.partition("|")
        following = chosen[-1] if chosen else ""
        if plain == "si":
            chosen.append("s'" if following in ("il", "ils") else "si")
        else:
            chosen.append(linked if linked and is_vowel(following) else plain)
    return join(contracted(chosen[::-1]))


def contracted(words: list[str]) -> list[str]:
    """``de le`` is ``du``, ``à les`` is ``aux``."""
    forms = {"de le": "du", "de les": "des", "à le": "au", "à les": "aux"}
    made: list[str] = []
    skip = False
    for first, second in pairwise([*words, ""]):
        if skip:
            skip = False
            continue
        made.append(forms.get(f"{first} {second}", first))
        skip = f"{first} {second}" in forms
    return made


def join(words: Sequence[str]) -> str:
    """Words with blanks between, but for what follows an apostrophe or precedes a comma or stop."""
    text = ""
    for word in words:
        glued = not text or text.endswith("'") or word in (",", ".")
        text += word if glued else f" {word}"
    return text
