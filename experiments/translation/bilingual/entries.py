"""Parsers of the lexicon's tables: nouns, adjectives and verbs with all their forms."""

from typing import NamedTuple

from experiments.translation.bilingual.lexicon import IRREGULAR_VERBS


class Noun(NamedTuple):
    """English and French noun; the French gender is m or f."""

    en: str
    en_plural: str
    fr: str
    fr_plural: str
    gender: str


class Adjective(NamedTuple):
    """English and French adjective.

    forms: French m sg, f sg, m pl, f pl, and m sg before a vowel
    """

    en: str
    forms: tuple[str, str, str, str, str]
    precedes_noun: bool


VerbForms = tuple[tuple[str, ...], str, str, str]  # present, stems and participle of ``Verb``


class Verb(NamedTuple):
    """English base and past; French present (je il nous vous ils), stems and participle."""

    en: str
    en_past: str
    present: tuple[str, ...]
    imperfect: str
    future: str
    participle: str
    takes_etre: bool = False


def parse_entries(table: str) -> list[list[str]]:
    """Split a table into entries and those into words; ``_`` becomes a space."""
    entries = [entry.split() for entry in table.replace("\n", " ").split(";")]
    return [[word.replace("_", " ") for word in entry] for entry in entries if entry]


def parse_pairs(table: str) -> list[tuple[str, str]]:
    """Parse a table of ``english:french`` entries."""
    entries = [entry.strip().partition(":") for entry in table.replace("\n", " ").split(";")]
    return [(en.replace("_", " "), fr.replace("_", " ")) for en, _, fr in entries if en]


def parse_nouns(table: str) -> list[Noun]:
    """Parse a table of ``english[/plural] french[/plural] gender`` entries."""
    nouns = []
    for en, fr, gender in parse_entries(table):
        en, *en_plural = en.split("/")
        fr, *fr_plural = fr.split("/")
        nouns.append(
            Noun(en, (en_plural or [add_s(en)])[0], fr, (fr_plural or [fr + "s"])[0], gender)
        )
    return nouns


def add_s(word: str) -> str:
    """Return the regular plural of an English noun, or third person of a verb."""
    if word.endswith(("s", "x", "z", "ch", "sh", "o")):
        return word + "es"
    return word[:-1] + "ies" if word[-1] == "y" and word[-2] not in "aeiou" else word + "s"


def parse_adjectives(table: str) -> list[Adjective]:
    """Parse a table of ``english [+]french[:feminine[:before a vowel]]`` entries."""
    adjectives = []
    for en, fr in parse_entries(table):
        masculine, *irregular = fr.removeprefix("+").split(":")
        regular = masculine if masculine[-1] == "e" else masculine + "e"
        feminine = irregular[0] if irregular else regular
        ending = "" if masculine[-1] in "sx" else "x" if masculine.endswith("eau") else "s"
        before_vowel = irregular[1] if len(irregular) > 1 else masculine
        forms = (masculine, feminine, masculine + ending, feminine + "s", before_vowel)
        adjectives.append(Adjective(en, forms, fr.startswith("+")))
    return adjectives


def irregular_verbs() -> dict[str, VerbForms]:
    """Return the forms of the irregular French verbs by infinitive."""
    verbs: dict[str, VerbForms] = {}
    for line in IRREGULAR_VERBS.strip().splitlines():
        infinitive, forms = line.split(": ")
        present, imperfect, future, participle = forms.split(" | ")
        verbs[infinitive] = (tuple(present.split()), imperfect, future, participle)
    present_forms, *stems = verbs["connaître"]
    imperfect, future, participle = ("re" + stem for stem in stems)
    present_forms = tuple("re" + form for form in present_forms)
    verbs["reconnaître"] = (present_forms, imperfect, future, participle)
    return verbs


def parse_verbs(table: str) -> list[Verb]:
    """Parse a table of ``english[/past] french[*]`` entries."""
    irregular, verbs = irregular_verbs(), []
    for en, fr in parse_entries(table):
        base, *past = en.split("/")
        infinitive = fr.removesuffix("*")
        forms = irregular.get(infinitive) or regular_forms(infinitive)
        verbs.append(Verb(base, (past or [regular_past(base)])[0], *forms, fr.endswith("*")))
    return verbs


def regular_past(verb: str) -> str:
    """Return the regular English past; in ``wait for`` the first word takes the ending."""
    first, *rest = verb.split()
    if first[-1] == "y" and first[-2] not in "aeiou":
        first = first[:-1] + "i"
    first += "d" if first[-1] == "e" else "ed"
    return " ".join([first, *rest])


def regular_forms(infinitive: str) -> VerbForms:
    """Return the forms of a French verb in -er, or in -ir like choisir."""
    stem = infinitive[:-2]
    if infinitive.endswith("ir"):
        present = tuple(stem + ending for ending in ("is", "it", "issons", "issez", "issent"))
        return present, stem + "iss", infinitive, stem + "i"
    soft = {"g": stem + "e", "c": stem[:-1] + "ç"}.get(stem[-1], stem)  # before a and o
    present = (stem + "e", stem + "e", soft + "ons", stem + "ez", stem + "ent")
    return present, soft, infinitive, stem + "é"
