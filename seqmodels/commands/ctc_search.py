"""Flags of a CTC search, and the decoder that they describe."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from seqmodels.errors import UserError

if TYPE_CHECKING:
    from seqmodels.decode.ctc import Transcripts
    from seqmodels.decode.scorers import Scorer
    from seqmodels.models.transcription.recognition import LineLogits, Symbols

WEIGHTS = (0.25, 0.5, 0.75, 1.0, 1.25)
BONUSES = (0.0, 1.0, 2.0, 3.0, 4.0)


@dataclass(frozen=True)
class CtcSearchArguments:
    """How texts are read from the network's outputs."""

    beam: int = 0
    """Prefixes of a beam search; 0 takes the most likely symbol of each frame."""

    ngram: int = 0
    """Order of a character model of the training texts, for the beam search; 0: none."""

    lm: str | None = None
    """Run of char_generation whose characters weigh in the beam search."""

    lexicon: str | None = None
    """File with one word per line; a beam search then writes only these words."""

    phrases: tuple[str, ...] = ()
    """Phrases that get a bonus in the beam search."""

    lm_weight: float = 0.5
    """Weight of --ngram and --lm."""

    length_bonus: float = 1.0
    """Added to the score for each character, against the preference for short texts."""

    phrase_bonus: float = 1.0
    """Added to the score for each character of a phrase."""

    tune: bool = False
    """Choose --lm-weight and --length-bonus by the error rate on dev."""

    def check(self) -> None:
        """Validate the flags."""
        if self.beam < 0 or self.ngram < 0:
            raise UserError("--beam and --ngram must be 0 or more")
        flags: dict[str, Any] = {"ngram": self.ngram, "lm": self.lm, "lexicon": self.lexicon}
        flags |= {"phrases": self.phrases, "tune": self.tune}
        if not self.beam and (used := [name for name, value in flags.items() if value]):
            raise UserError(f"--{used[0]} needs a beam search; add --beam 25")


class SearchWeights(NamedTuple):
    """Numbers of a search that may be tuned."""

    model: Any
    bonus: Any


Decoder = Callable[[Any, SearchWeights], "Transcripts"]


def search_decoder(
    arguments: CtcSearchArguments, alphabet: Sequence[str], texts: Callable[[], Sequence["Symbols"]]
) -> Decoder:
    """Return the compiled decoder ``(frames, weights) -> transcripts``.

    texts: returns the symbols of the training texts
    """
    import jax

    from seqmodels.decode.ctc import Transcripts, ctc_beam, ctc_greedy
    from seqmodels.decode.prefix_beam import CtcBeamConfig
    from seqmodels.decode.scorers import weighted_sum

    arguments.check()
    if not arguments.beam:
        return jax.jit(lambda frames, weights: ctc_greedy(*frames))
    models, others = character_models(arguments, alphabet, texts), constraints(arguments, alphabet)

    def decode(frames: Any, weights: SearchWeights) -> Transcripts:
        factors = [weights.model] * len(models) + [1.0] * len(others)
        scorer = weighted_sum([*models, *others], factors) if factors else None
        config = CtcBeamConfig(arguments.beam, length_bonus=weights.bonus)
        found = ctc_beam(frames.logits, frames.mask, config, scorer)
        return Transcripts(found.tokens[0], found.mask[0])

    return jax.jit(decode)


def character_models(
    arguments: CtcSearchArguments, alphabet: Sequence[str], texts: Callable[[], Sequence["Symbols"]]
) -> list["Scorer"]:
    """Return the scorers of ``--ngram`` and ``--lm``."""
    from seqmodels.decode.scorers import automaton_scorer
    from seqmodels.models.language.ngrams import ngram_automaton

    scorers = []
    if arguments.ngram:
        automaton = ngram_automaton(texts(), len(alphabet), order=arguments.ngram)
        scorers.append(automaton_scorer(automaton))
    if arguments.lm:
        scorers.append(language_model_scorer(arguments.lm, alphabet))
    return scorers


def language_model_scorer(path: str, alphabet: Sequence[str]) -> "Scorer":
    """Return the scorer of a character model's run; a text is one of its lines."""
    from seqmodels.data.text.vocabulary import Vocabulary
    from seqmodels.decode.scorers import ModelAlphabet, match_alphabets, model_scorer
    from seqmodels.train.runs.run import load_run

    run = load_run(path)
    if "vocabulary" not in run.metadata or not hasattr(run.model, "step"):
        raise UserError(f"--lm {path}: not a run of char_generation")
    vocabulary = Vocabulary.from_dict(run.metadata["vocabulary"])
    between = next((c for c in ("\n", " ") if c in vocabulary.index), None)
    if between is None:
        raise UserError(f"--lm {path}: its texts have neither lines nor spaces, so none ends")
    symbol = vocabulary.index[between]
    known = ModelAlphabet(match_alphabets(alphabet, vocabulary.symbols), symbol, symbol)
    return model_scorer(
        lambda carry, token: run.model.step(run.params, carry, token),
        lambda shape: run.model.start(run.params, shape),
        known,
    )


def constraints(arguments: CtcSearchArguments, alphabet: Sequence[str]) -> list["Scorer"]:
    """Return the scorers of ``--lexicon`` and ``--phrases``."""
    from seqmodels.data.text.vocabulary import Vocabulary
    from seqmodels.decode.automata import lexicon, phrase_bonus
    from seqmodels.decode.scorers import automaton_scorer

    index, scorers = Vocabulary(tuple(alphabet)).index, []
    if arguments.lexicon:
        words = [[index[c] for c in word] for word in read_lexicon(arguments.lexicon, alphabet)]
        free = [n for n, symbol in enumerate(alphabet) if len(symbol) == 1 and not symbol.isalnum()]
        used = {symbol for word in words for symbol in word}
        free = [symbol for symbol in free if symbol not in used]
        scorers.append(automaton_scorer(lexicon(words, len(alphabet), free=free)))
    if arguments.phrases:
        missing = {c for phrase in arguments.phrases for c in phrase} - set(alphabet)
        if missing:
            raise UserError(f"--phrases: the model cannot write {', '.join(sorted(missing))}")
        phrases = [[index[c] for c in phrase] for phrase in arguments.phrases]
        bonus = phrase_bonus(phrases, len(alphabet), arguments.phrase_bonus)
        scorers.append(automaton_scorer(bonus))
    return scorers


def read_lexicon(path: str, alphabet: Sequence[str]) -> list[str]:
    """Return the words of a file that the alphabet can write."""
    try:
        lines = Path(path).expanduser().read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"--lexicon {path} cannot be read: {error}") from None
    words = list(dict.fromkeys(line.strip() for line in lines if line.strip()))
    known = [word for word in words if set(word) <= set(alphabet)]
    if not known:
        raise UserError(f"--lexicon {path}: the model can write none of its words")
    if len(known) < len(words):
        print(
            f"--lexicon: left out {len(words) - len(known)} of {len(words)} words that have "
            "characters unknown to the model"
        )
    return known


def tune_weights(
    decoder: Decoder, lines: Sequence["LineLogits"], labels: Sequence["Symbols"]
) -> SearchWeights:
    """Return the weights with the lowest character error rate."""
    from seqmodels.diagnostics.errors.transcripts import count_edits
    from seqmodels.models.transcription.recognition import decode_lines

    def edits(weights: SearchWeights) -> int:
        found = decode_lines(lines, lambda frames: decoder(frames, weights))
        return int(count_edits(found, labels).edits.sum())

    return min((SearchWeights(model, bonus) for model in WEIGHTS for bonus in BONUSES), key=edits)
