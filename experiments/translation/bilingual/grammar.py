"""Generated English sentences with their only correct French translation.

The sentences contain what makes translation hard: gender and number, adjectives before and after
the noun, ``ne ... pas`` around the verb, contractions (du, aux), elisions (l', d'), pronouns before
the verb, agreement of participles, questions, subordinate clauses, numbers in words.

Every sentence of the dev and test splits contains a word pair (verb and object, or adjective and
noun) that no training sentence has. Half of the test split has more clauses than any training
sentence.
"""

from typing import NamedTuple

from experiments.translation.bilingual import lexicon
from experiments.translation.bilingual.entries import Verb, parse_pairs, parse_verbs
from experiments.translation.bilingual.forms import (
    ETRE,
    Agreement,
    Tense,
    english_question,
    english_verb_group,
    french_verb_group,
    write_french,
)
from experiments.translation.bilingual.phrases import (
    BEINGS,
    FOODS,
    ITEMS,
    NOUN_ADJECTIVES,
    PLACES,
    Phrase,
    PhraseGenerator,
    french_adjective,
)
from experiments.translation.parallel_corpus import Pair
from seqmodels.data.splits import Splits

EAT_VERBS = parse_verbs(lexicon.FOOD_VERBS)
USE_VERBS = parse_verbs(lexicon.ITEM_VERBS)
MEET_VERBS = parse_verbs(lexicon.BEING_VERBS)
SLEEP_VERBS = parse_verbs(lexicon.INTRANSITIVE_VERBS)
SAY_VERBS = parse_verbs(lexicon.SPEECH_VERBS)
GIVE_VERBS = parse_verbs(lexicon.GIVING_VERBS)
VERBS_WITH_OBJECTS = [(EAT_VERBS, FOODS), (USE_VERBS, ITEMS), (MEET_VERBS, BEINGS)]
GO = parse_verbs(lexicon.GO_VERB)[0]
AT_PREPOSITIONS = parse_pairs(lexicon.PLACE_PREPOSITIONS)
WITH_PREPOSITIONS = parse_pairs(lexicon.OTHER_PREPOSITIONS)
TIME_PHRASES = parse_pairs(lexicon.TIME_EXPRESSIONS)
DIRECT_PRONOUNS = {
    "me": ("me|m'", Agreement(0)), "us": ("nous", Agreement(2, plural=True)),
    "you": ("vous", Agreement(3, plural=True)), "him": ("le|l'", Agreement(1)),
    "her": ("la|l'", Agreement(1, feminine=True)), "them": ("les", Agreement(4, plural=True)),
}  # fmt: skip
INDIRECT_PRONOUNS = {
    "me": "me|m'", "us": "nous", "you": "vous", "him": "lui", "her": "lui", "them": "leur"
}  # fmt: skip
CONJUNCTIONS = [
    ("and", "et"), ("but", "mais"), ("because", "parce que|qu'"), ("while", "pendant que|qu'")
]  # fmt: skip
QUESTION_WORDS = [("", ""), ("where", "où"), ("when", "quand"), ("why", "pourquoi")]
DEGREES = (("", ""), ("very", "très"), ("too", "trop"))
TENSES: tuple[Tense, ...] = ("present", "past", "imperfect", "future")
TRAINING_CLAUSES, LONGER_CLAUSES = (1, 1, 2, 2, 3), (4, 5, 6)  # numbers of clauses to pick from


class Complement(NamedTuple):
    """What follows a verb, the pronouns before it, and the object that its participle agrees with.

    The object is given only if it precedes the verb.
    """

    en: str = ""
    fr: tuple[str, ...] = ()
    clitics: tuple[str, ...] = ()
    preceding_object: Agreement | None = None


class SentenceGenerator(PhraseGenerator):
    """Random sentences; with ``held_out``, each has a word pair that the training split lacks."""

    def sentence(self, clauses: int) -> Pair:
        """Return a sentence with this many clauses, not counting relative clauses."""
        while True:
            self.contains_held_out = False
            is_question = clauses == 1 and self.chance(0.25)
            phrase = self.question() if is_question else self.statement(clauses)
            if self.contains_held_out or not self.held_out:
                en_mark, fr_mark = ("?", " ?") if is_question else (".", ".")
                en, fr = capitalize_first(phrase.en), capitalize_first(write_french(phrase.fr))
                return Pair(en + en_mark, fr + fr_mark)

    def statement(self, clauses: int) -> Phrase:
        """Return linked clauses, sometimes after a time expression."""
        if clauses > 1 and self.chance(0.2):
            condition, rest = self.clause("present"), self.linked_clauses(clauses - 1)
            fr = ["si", *condition.fr, ",", *rest.fr]
            phrase = Phrase(f"if {condition.en}, {rest.en}", fr)
        else:
            phrase = self.linked_clauses(clauses)
        if not self.chance(0.2):
            return phrase
        en, time = self.pick(TIME_PHRASES)
        return Phrase(f"{en}, {phrase.en}", [time, ",", *phrase.fr])

    def linked_clauses(self, clauses: int) -> Phrase:
        """Return clauses linked by conjunctions or by verbs such as ``say that``."""
        if clauses == 1:
            return self.clause(self.tense())
        kind = self.pick(("speech", "conjunction", "conjunction", "two verbs"))
        if kind == "speech":
            subject, verb, tense = self.subject(), self.pick(SAY_VERBS), self.tense()
            content = self.linked_clauses(clauses - 1)
            group = english_verb_group(verb, tense, subject.third_person)
            said = french_verb_group(verb, tense, subject.agreement)
            fr = [*subject.fr, *said, "que|qu'", *content.fr]
            return Phrase(f"{subject.en} {group} that {content.en}", fr)
        first = self.two_verbs() if kind == "two verbs" else self.clause(self.tense())
        (en, conjunction), rest = self.pick(CONJUNCTIONS), self.linked_clauses(clauses - 1)
        return Phrase(f"{first.en} {en} {rest.en}", [*first.fr, conjunction, *rest.fr])

    def clause(self, tense: Tense) -> Phrase:
        """Return a subject, a verb and its complement."""
        subject, negation = self.subject(), self.negation(tense)
        if self.chance(0.15) and tense in ("present", "future"):
            return self.copula_clause(subject, tense, negation)
        verb, complement = self.predicate(subject, negation)
        group = english_verb_group(verb, tense, subject.third_person, negation)
        en = join_english(subject.en, group, complement.en)
        said = french_predicate(verb, tense, subject, negation, complement)
        return Phrase(en, [*subject.fr, *said])

    def question(self) -> Phrase:
        """Return a question with or without a question word."""
        tense, subject = self.tense(), self.subject()
        negation = self.negation(tense)
        verb, complement = self.predicate(subject, negation)
        en, fr = self.pick(QUESTION_WORDS)
        asked = english_question(verb, tense, subject.third_person, subject.en, negation)
        said = french_predicate(verb, tense, subject, negation, complement)
        words = ["est-ce que|qu'", *subject.fr, *said]
        return Phrase(join_english(en, asked, complement.en), [fr, *words] if fr else words)

    def copula_clause(self, subject: Phrase, tense: Tense, negation: str) -> Phrase:
        """Return for example ``the king is not very small``."""
        adjective = self.pick(NOUN_ADJECTIVES[BEINGS[0]])
        present = {0: "am", 1: "is"}.get(subject.agreement.person, "are")
        verb = ("will", negation, "be") if tense == "future" else (present, negation)
        degree, french_degree = self.pick(DEGREES)
        said = french_verb_group(ETRE, tense, subject.agreement, negation)
        form = french_adjective(adjective, subject.agreement)
        fr = [*subject.fr, *said, *([french_degree] if french_degree else []), form]
        return Phrase(join_english(subject.en, *verb, degree, adjective.en), fr)

    def two_verbs(self) -> Phrase:
        """Return for example ``the boy finds an apple and eats it``.

        The French pronoun has the gender of its noun.
        """
        subject, tense = self.subject(), self.tense()
        verbs, objects = self.pick(VERBS_WITH_OBJECTS[:2])
        first, noun = self.pick_pair(verbs, objects)
        thing = self.noun_phrase(noun, plain=True)
        second, _ = self.pick_pair([verb for verb in verbs if verb != first], [noun])
        singular = "la|l'" if thing.agreement.feminine else "le|l'"
        clitic = "les" if thing.agreement.plural else singular
        fr = [*subject.fr, *french_verb_group(first, tense, subject.agreement), *thing.fr, "et"]
        fr += french_verb_group(second, tense, subject.agreement, "", [clitic], thing.agreement)
        pronoun = "them" if thing.agreement.plural else "it"
        found, used = (english_verb_group(v, tense, subject.third_person) for v in (first, second))
        return Phrase(f"{subject.en} {found} {thing.en} and {used} {pronoun}", fr)

    def predicate(self, subject: Phrase, negation: str) -> tuple[Verb, Complement]:
        """Return a verb and its objects, direction, place, or nothing."""
        kind = self.random.random()
        if kind < 0.25:
            return self.pick(SLEEP_VERBS), self.adverbial()
        if kind < 0.35:
            place = self.noun_phrase(self.pick(PLACES), plain=True)
            return GO, Complement(f"to {place.en}", ("à", *place.fr))
        if kind < 0.45:
            return self.pick(GIVE_VERBS), self.two_objects(subject, negation)
        verbs, objects = self.pick(VERBS_WITH_OBJECTS)
        if objects is BEINGS and self.chance(0.4):
            en = self.object_pronoun(subject)
            clitic, agreement = DIRECT_PRONOUNS[en]
            return self.pick(verbs), Complement(en, (), (clitic,), agreement)
        verb, noun = self.pick_pair(verbs, objects)
        return verb, self.direct_object(self.noun_phrase(noun, negated=bool(negation)))

    def direct_object(self, thing: Phrase) -> Complement:
        """Return a direct object, sometimes with a relative clause or a place."""
        if not self.chance(0.2):
            place = self.adverbial(0.2)
            return Complement(f"{thing.en} {place.en}".strip(), (*thing.fr, *place.fr))
        subject, tense = self.subject(), self.pick(TENSES)
        verb = self.pick(MEET_VERBS)
        said = french_verb_group(verb, tense, subject.agreement, preceding_object=thing.agreement)
        group = english_verb_group(verb, tense, subject.third_person)
        en = f"{thing.en} that {subject.en} {group}"
        return Complement(en, (*thing.fr, "que|qu'", *subject.fr, *said))

    def two_objects(self, subject: Phrase, negation: str) -> Complement:
        """Return a direct and an indirect object, which may be a pronoun."""
        thing = self.noun_phrase(self.pick(ITEMS), plain=True, negated=bool(negation))
        if self.chance(0.5):
            en = self.object_pronoun(subject)
            return Complement(f"{en} {thing.en}", tuple(thing.fr), (INDIRECT_PRONOUNS[en],))
        being = self.noun_phrase(self.pick(BEINGS), plain=True)
        return Complement(f"{thing.en} to {being.en}", (*thing.fr, "à", *being.fr))

    def object_pronoun(self, subject: Phrase) -> str:
        """Return an English object pronoun that does not refer to the subject."""
        reflexive = {"I": ("me", "us"), "we": ("me", "us")}.get(subject.en, (subject.en,))
        return self.pick([en for en in DIRECT_PRONOUNS if en not in reflexive])

    def adverbial(self, probability: float = 0.6) -> Complement:
        """Return a place or company with this probability, otherwise nothing."""
        if not self.chance(probability):
            return Complement()
        is_place = self.chance(0.6)
        en, fr = self.pick(AT_PREPOSITIONS if is_place else WITH_PREPOSITIONS)
        noun = self.noun_phrase(self.pick(PLACES if is_place else BEINGS), plain=True)
        if fr.endswith(" de"):
            fr = fr + "|d'"
            noun = noun._replace(fr=noun.fr[noun.fr[0] in ("des", "de|d'") :])
        return Complement(f"{en} {noun.en}", (*fr.split(" "), *noun.fr))

    def tense(self) -> Tense:
        """Return one of the tenses."""
        return self.pick(TENSES)

    def negation(self, tense: Tense) -> str:
        """Return an English negation, in three of four cases none."""
        kinds = ("not", "never") if tense == "imperfect" else ("not", "never", "no longer")
        return self.pick(kinds) if self.chance(0.25) else ""


def french_predicate(
    verb: Verb, tense: Tense, subject: Phrase, negation: str, complement: Complement
) -> list[str]:
    """Return the French verb group with its complement."""
    clitics, agreement = complement.clitics, complement.preceding_object
    group = french_verb_group(verb, tense, subject.agreement, negation, clitics, agreement)
    return [*group, *complement.fr]


def join_english(*parts: str) -> str:
    """Join the parts that are not empty."""
    return " ".join(part.strip() for part in parts if part.strip())


def capitalize_first(text: str) -> str:
    """Capitalize the first letter and leave the others as they are."""
    return text[:1].upper() + text[1:]


def generate_pairs(train: int, dev: int = 1000, test: int = 2000, seed: int = 0) -> Splits:
    """Return lists of distinct pairs; the second half of test has longer sentences than train."""

    def generate(split: str, count: int, clauses: tuple[int, ...]) -> list[Pair]:
        generator = SentenceGenerator(f"{seed} {split}", held_out=split != "train")
        pairs: dict[str, Pair] = {}
        while len(pairs) < count:
            pair = generator.sentence(generator.pick(clauses))
            pairs[pair.source] = pair
        return list(pairs.values())

    known = generate("test", test - test // 2, TRAINING_CLAUSES)
    longer = generate("longer", test // 2, LONGER_CLAUSES)
    train_pairs = generate("train", train, TRAINING_CLAUSES)
    return Splits(train_pairs, generate("dev", dev, TRAINING_CLAUSES), known + longer)
