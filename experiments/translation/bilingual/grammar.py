"""Made-up English sentences and their French, of which exactly one is right.

What translation needs is all there: gender and number, adjectives before and after their noun,
``ne ... pas`` around the verb, du and aux, l' and d', pronouns before the verb, participles that
agree, questions, relative and other subordinate clauses, numbers in words.  Sentences of the dev
and test parts hold a pair of words (verb and object, adjective and noun) that no training sentence
has, and half of the test part has more clauses than any sentence of training.
"""

from typing import NamedTuple

from experiments.translation.bilingual import lexicon
from experiments.translation.bilingual.entries import Verb, couples, verbs
from experiments.translation.bilingual.forms import (
    ETRE,
    Agreement,
    Tense,
    english_question,
    english_verb,
    french_verb,
    spoken,
)
from experiments.translation.bilingual.phrases import (
    ADJECTIVES,
    BEINGS,
    FOODS,
    PLACES,
    THINGS,
    Phrase,
    Phrases,
    french_adjective,
)
from experiments.translation.parallel import Pair
from seqmodels.data.splits import Splits

OBJECTS = [(verbs(lexicon.TAKES_FOOD), FOODS), (verbs(lexicon.TAKES_THING), THINGS)]
OBJECTS += [(verbs(lexicon.TAKES_BEING), BEINGS)]
ALONE, TELLING, GIVING = map(verbs, (lexicon.ALONE, lexicon.TELLING, lexicon.GIVING))
GO = verbs(lexicon.GOING)[0]
WITH, AT, TIMES = map(couples, (lexicon.WITH, lexicon.PLACES_AT, lexicon.TIMES))
DIRECT = {
    "me": ("me|m'", Agreement(0)), "us": ("nous", Agreement(2, several=True)),
    "you": ("vous", Agreement(3, several=True)), "him": ("le|l'", Agreement(1)),
    "her": ("la|l'", Agreement(1, feminine=True)), "them": ("les", Agreement(4, several=True)),
}  # fmt: skip
INDIRECT = {"me": "me|m'", "us": "nous", "you": "vous", "him": "lui", "her": "lui", "them": "leur"}
LINKS = [("and", "et"), ("but", "mais"), ("because", "parce que|qu'"), ("while", "pendant que|qu'")]
QUESTIONS = [("", ""), ("where", "où"), ("when", "quand"), ("why", "pourquoi")]
TENSES: tuple[Tense, ...] = ("present", "past", "habit", "future")
CLAUSES, MANY_CLAUSES = (1, 1, 2, 2, 3), (4, 5, 6)


class Rest(NamedTuple):
    """What a verb asks for: words after it, pronouns before it, what a participle agrees with."""

    en: str = ""
    fr: tuple[str, ...] = ()
    clitics: tuple[str, ...] = ()
    before: Agreement | None = None


class Speaker(Phrases):
    """Draws sentences; ``held_out``: each has a pair of words that training lacks."""

    def sentence(self, clauses: int) -> Pair:
        """One sentence of so many clauses, relative ones not counted."""
        while True:
            self.found = False
            asked = clauses == 1 and self.chance(0.25)
            said = self.question() if asked else self.statement(clauses)
            if self.found or not self.held_out:
                mark, marque = ("?", " ?") if asked else (".", ".")
                return Pair(capital(said.en) + mark, capital(spoken(said.fr)) + marque)

    def statement(self, clauses: int) -> Phrase:
        """Clauses one after the other, sometimes with a time in front."""
        if clauses > 1 and self.chance(0.2):
            first, rest = self.clause("present"), self.linked(clauses - 1)
            said = Phrase(f"if {first.en}, {rest.en}", ["si", *first.fr, ",", *rest.fr])
        else:
            said = self.linked(clauses)
        if not self.chance(0.2):
            return said
        en, fr = self.pick(TIMES)
        return Phrase(f"{en}, {said.en}", [fr, ",", *said.fr])

    def linked(self, clauses: int) -> Phrase:
        """A clause and the rest, which it tells, or to which a conjunction leads."""
        if clauses == 1:
            return self.clause(self.tense())
        kind = self.pick(("tell", "link", "link", "again"))
        if kind == "tell":
            subject, verb, tense = self.subject(), self.pick(TELLING), self.tense()
            told = self.linked(clauses - 1)
            en = f"{subject.en} {english_verb(verb, tense, subject.third)} that {told.en}"
            return Phrase(
                en, [*subject.fr, *french_verb(verb, tense, subject.agrees), "que|qu'", *told.fr]
            )
        first = self.twice() if kind == "again" else self.clause(self.tense())
        (en, fr), rest = self.pick(LINKS), self.linked(clauses - 1)
        return Phrase(f"{first.en} {en} {rest.en}", [*first.fr, fr, *rest.fr])

    def clause(self, tense: Tense) -> Phrase:
        """Subject, verb, and what the verb asks for."""
        subject, negation = self.subject(), self.negation(tense)
        if self.chance(0.15) and tense in ("present", "future"):
            return self.being(subject, tense, negation)
        verb, rest = self.predicate(subject, negation)
        return self.joined(subject, verb, rest, tense, negation)

    def question(self) -> Phrase:
        """``does the cat eat`` with or without a word in front."""
        tense, subject = self.tense(), self.subject()
        negation = self.negation(tense)
        verb, rest = self.predicate(subject, negation)
        en, fr = self.pick(QUESTIONS)
        asked = english_question(verb, tense, subject.third, subject.en, negation)
        said = french_verb(verb, tense, subject.agrees, negation, rest.clitics, rest.before)
        words = ["est-ce que|qu'", *subject.fr, *said, *rest.fr]
        return Phrase(english(en, asked, rest.en), [fr, *words] if fr else words)

    def joined(
        self, subject: Phrase, verb: Verb, rest: Rest, tense: Tense, negation: str
    ) -> Phrase:
        en = english(subject.en, english_verb(verb, tense, subject.third, negation), rest.en)
        said = french_verb(verb, tense, subject.agrees, negation, rest.clitics, rest.before)
        return Phrase(en, [*subject.fr, *said, *rest.fr])

    def being(self, subject: Phrase, tense: Tense, negation: str) -> Phrase:
        """``is not very small``."""
        adjective = self.pick(ADJECTIVES[BEINGS[0]])
        now = {0: "am", 1: "is"}.get(subject.agrees.person, "are")
        en = english("will", negation, "be") if tense == "future" else english(now, negation)
        very, tres = self.pick((("", ""), ("very", "très"), ("too", "trop")))
        said = french_verb(ETRE, tense, subject.agrees, negation)
        form = french_adjective(adjective, subject.agrees)
        words = [*subject.fr, *said, *([tres] if tres else []), form]
        return Phrase(english(subject.en, en, very, adjective.en), words)

    def twice(self) -> Phrase:
        """``the boy finds an apple and eats it``: the pronoun has its noun's gender."""
        subject, tense = self.subject(), self.tense()
        kind, objects = self.pick(OBJECTS[:2])
        first, noun = self.pair(kind, objects)
        thing = self.noun_phrase(noun, plain=True)
        second, _ = self.pair([verb for verb in kind if verb != first], [noun])
        it = "les" if thing.agrees.several else "la|l'" if thing.agrees.feminine else "le|l'"
        fr = [*subject.fr, *french_verb(first, tense, subject.agrees), *thing.fr, "et"]
        fr += french_verb(second, tense, subject.agrees, "", [it], thing.agrees)
        pronoun = "them" if thing.agrees.several else "it"
        words = (english_verb(verb, tense, subject.third) for verb in (first, second))
        en = f"{subject.en} {next(words)} {thing.en} and {next(words)} {pronoun}"
        return Phrase(en, fr)

    def predicate(self, subject: Phrase, negation: str) -> tuple[Verb, Rest]:
        """A verb with its object, its receiver, its direction, or nothing."""
        kind = self.random.random()
        if kind < 0.25:
            return self.pick(ALONE), self.somewhere()
        if kind < 0.35:
            place = self.noun_phrase(self.pick(PLACES), plain=True)
            return GO, Rest(f"to {place.en}", ("à", *place.fr))
        if kind < 0.45:
            return self.pick(GIVING), self.given(subject, negation)
        verbs, things = self.pick(OBJECTS)
        if things is BEINGS and self.chance(0.4):
            en = self.pronoun(subject)
            clitic, agrees = DIRECT[en]
            return self.pick(verbs), Rest(en, (), (clitic,), agrees)
        verb, noun = self.pair(verbs, things)
        return verb, self.described(self.noun_phrase(noun, negated=bool(negation)))

    def described(self, thing: Phrase) -> Rest:
        """A direct object, sometimes with a relative clause or a place."""
        if not self.chance(0.2):
            place = self.somewhere(0.2)
            return Rest(f"{thing.en} {place.en}".strip(), (*thing.fr, *place.fr))
        subject, tense = self.subject(), self.pick(TENSES)
        verb = self.pick(OBJECTS[2][0])
        said = french_verb(verb, tense, subject.agrees, before=thing.agrees)
        en = f"{thing.en} that {subject.en} {english_verb(verb, tense, subject.third)}"
        return Rest(en, (*thing.fr, "que|qu'", *subject.fr, *said))

    def given(self, subject: Phrase, negation: str) -> Rest:
        """Something to someone, who may be a pronoun."""
        thing = self.noun_phrase(self.pick(THINGS), plain=True, negated=bool(negation))
        if self.chance(0.5):
            en = self.pronoun(subject)
            return Rest(f"{en} {thing.en}", tuple(thing.fr), (INDIRECT[en],))
        being = self.noun_phrase(self.pick(BEINGS), plain=True)
        return Rest(f"{thing.en} to {being.en}", (*thing.fr, "à", *being.fr))

    def pronoun(self, subject: Phrase) -> str:
        """An object other than the subject itself."""
        same = {"I": ("me", "us"), "we": ("me", "us")}.get(subject.en, (subject.en,))
        return self.pick([en for en in DIRECT if en not in same])

    def somewhere(self, share: float = 0.6) -> Rest:
        """A place, company, or nothing."""
        if not self.chance(share):
            return Rest()
        near = self.chance(0.6)
        en, fr = self.pick(AT if near else WITH)
        noun = self.noun_phrase(self.pick(PLACES if near else BEINGS), plain=True)
        if fr.endswith(" de"):
            fr = fr + "|d'"
            noun = noun._replace(fr=noun.fr[noun.fr[0] in ("des", "de|d'") :])
        return Rest(f"{en} {noun.en}", (*fr.split(" "), *noun.fr))

    def tense(self) -> Tense:
        return self.pick(TENSES)

    def negation(self, tense: Tense) -> str:
        """Mostly none."""
        kinds = ("not", "never") if tense == "habit" else ("not", "never", "no longer")
        return self.pick(kinds) if self.chance(0.25) else ""


def english(*parts: str) -> str:
    """The parts that are not empty."""
    return " ".join(part.strip() for part in parts if part.strip())


def capital(text: str) -> str:
    """The first letter large."""
    return text[:1].upper() + text[1:]


def made_up_pairs(train: int, dev: int = 1000, test: int = 2000, seed: int = 0) -> Splits:
    """Lists of distinct pairs; the second half of the test part has more clauses than training."""

    def part(name: str, count: int, clauses: tuple[int, ...]) -> list[Pair]:
        speaker = Speaker(f"{seed} {name}", held_out=name != "train")
        found: dict[str, Pair] = {}
        while len(found) < count:
            pair = speaker.sentence(speaker.pick(clauses))
            found[pair.source] = pair
        return list(found.values())

    known = part("test", test - test // 2, CLAUSES)
    longer = part("longer", test // 2, MANY_CLAUSES)
    return Splits(part("train", train, CLAUSES), part("dev", dev, CLAUSES), known + longer)
