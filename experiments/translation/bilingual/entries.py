"""Nouns, adjectives and verbs of the bilingual lexicon, with all their forms."""

from typing import NamedTuple

from experiments.translation.bilingual.lexicon import IRREGULAR


class Noun(NamedTuple):
    """A thing or a being; gender is m or f."""

    en: str
    en_plural: str
    fr: str
    fr_plural: str
    gender: str


class Adjective(NamedTuple):
    """``forms`` are French: m sg, f sg, m pl, f pl, and m sg before a vowel."""

    en: str
    forms: tuple[str, str, str, str, str]
    before: bool


Forms = tuple[tuple[str, ...], str, str, str]  # of a French verb: see ``Verb``


class Verb(NamedTuple):
    """English base and past; French present (je il nous vous ils), stems, participle."""

    en: str
    en_past: str
    present: tuple[str, ...]
    imperfect: str
    future: str
    participle: str
    moves: bool = False  # its past is made with être


def entries(table: str) -> list[list[str]]:
    """The words of each entry; ``_`` stands for a blank inside of one."""
    found = [entry.split() for entry in table.replace("\n", " ").split(";")]
    return [[word.replace("_", " ") for word in entry] for entry in found if entry]


def couples(table: str) -> list[tuple[str, str]]:
    """``english:french``, entry by entry."""
    found = [entry.strip().partition(":") for entry in table.replace("\n", " ").split(";")]
    return [(en.replace("_", " "), fr.replace("_", " ")) for en, _, fr in found if en]


def nouns(table: str) -> list[Noun]:
    """Nouns from ``english[/plural] french[/plural] gender``."""
    made = []
    for en, fr, gender in entries(table):
        one, *more = en.split("/")
        un, *plus = fr.split("/")
        made.append(Noun(one, (more or [plural(one)])[0], un, (plus or [un + "s"])[0], gender))
    return made


def plural(noun: str) -> str:
    """The regular English plural, or third person of a verb."""
    if noun.endswith(("s", "x", "z", "ch", "sh", "o")):
        return noun + "es"
    return noun[:-1] + "ies" if noun[-1] == "y" and noun[-2] not in "aeiou" else noun + "s"


def adjectives(table: str) -> list[Adjective]:
    """Adjectives from ``english [+]french[:feminine[:before a vowel]]``."""
    made = []
    for en, fr in entries(table):
        m, *rest = fr.removeprefix("+").split(":")
        f = rest[0] if rest else m if m[-1] == "e" else m + "e"
        ms = m if m[-1] in "sx" else m + ("x" if m.endswith("eau") else "s")
        linked = rest[1] if len(rest) > 1 else m
        made.append(Adjective(en, (m, f, ms, f + "s", linked), fr.startswith("+")))
    return made


def irregular() -> dict[str, Forms]:
    """The forms of the verbs of IRREGULAR."""
    found: dict[str, Forms] = {}
    for line in IRREGULAR.strip().splitlines():
        name, forms = line.split(": ")
        present, imperfect, future, participle = forms.split(" | ")
        found[name] = (tuple(present.split()), imperfect, future, participle)
    whole, *stems = found["connaître"]
    imperfect, future, participle = ("re" + stem for stem in stems)
    found["reconnaître"] = (tuple("re" + form for form in whole), imperfect, future, participle)
    return found


def verbs(table: str) -> list[Verb]:
    """Verbs from ``english[/past] french[*]``; French ones are regular or in IRREGULAR."""
    known, made = irregular(), []
    for en, fr in entries(table):
        base, *rest = en.split("/")
        name = fr.removesuffix("*")
        forms = known.get(name) or regular(name)
        made.append(Verb(base, (rest or [past(base)])[0], *forms, fr.endswith("*")))
    return made


def past(verb: str) -> str:
    """The regular English past; the first word of ``wait for`` takes the ending."""
    first, *rest = verb.split()
    if first[-1] == "y" and first[-2] not in "aeiou":
        first = first[:-1] + "i"
    first += "d" if first[-1] == "e" else "ed"
    return " ".join([first, *rest])


def regular(infinitive: str) -> Forms:
    """The forms of a verb in -er or of one like choisir."""
    stem = infinitive[:-2]
    if infinitive.endswith("ir"):
        present = tuple(stem + end for end in ("is", "it", "issons", "issez", "issent"))
        return present, stem + "iss", infinitive, stem + "i"
    soft = {"g": stem + "e", "c": stem[:-1] + "ç"}.get(stem[-1], stem)  # before a and o
    present = (stem + "e", stem + "e", soft + "ons", stem + "ez", stem + "ent")
    return present, soft, infinitive, stem + "é"
