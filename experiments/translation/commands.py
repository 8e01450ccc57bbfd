"""Commands that use a trained translator: translate lines, draw an alignment, score a test set."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from experiments.translation.arguments import (
    AttendArguments,
    SearchArguments,
    TranslateArguments,
    TranslationScoreArguments,
)
from seqmodels.cli import Run
from seqmodels.commands.evaluate import EvaluateArguments
from seqmodels.commands.evaluate import evaluate as evaluate_task
from seqmodels.commands.output import print_picture
from seqmodels.errors import UserError
from seqmodels.train.config import with_values

if TYPE_CHECKING:
    from experiments.translation.parallel_corpus import Pair
    from experiments.translation.scores import TranslationScores
    from experiments.translation.translator import Translation


def translate(run: Run, arguments: TranslateArguments) -> None:
    """Translate sentences, a file or standard input, one line per input line and in order."""
    from experiments.translation.tokenized_pairs import load_tokenizers

    lines = list(arguments.text) or read_input(arguments.input)
    write_text(arguments.output, "", "a")  # check the path before the work
    target = load_tokenizers(run.metadata).target
    output = []
    found = translations(run, lines, arguments, arguments.best)
    for line, best in zip(lines, found, strict=True):
        texts = [target.join(translation.tokens) for translation in best]
        if arguments.best > 1 and line.strip():
            pairs = zip(best, texts, strict=True)
            texts = [f"{translation.score:.4f}\t{text}" for translation, text in pairs]
        output += texts
    write_text(arguments.output, "".join(line + "\n" for line in output))


def attend(run: Run, arguments: AttendArguments) -> None:
    """Translate a sentence and draw its attention weights."""
    from experiments.translation.pictures import draw_alignment
    from experiments.translation.tokenized_pairs import load_tokenizers

    if run.model.align is None:
        path = run.directory.display_path()
        raise UserError(f"{path} has no attention; train with --attention additive")
    tokenizers = load_tokenizers(run.metadata)
    source = tokenizers.source.split(arguments.text)[: run.config.max_length]
    if not source:
        raise UserError("the text is empty; give at least one word")
    best = translations(run, [arguments.text], arguments)[0][0]
    assert best.alignment is not None
    print(tokenizers.target.join(best.tokens))
    draw_alignment(source, best.tokens, best.alignment, run.path / "alignment.png")
    print_picture(run.path / "alignment.png")


def evaluate(run: Run, arguments: TranslationScoreArguments) -> None:
    """Print the perplexity on dev and test, and BLEU, chrF and exact match on test by length."""
    from experiments.translation.experiment import read
    from experiments.translation.pictures import draw_scores_by_length
    from experiments.translation.scores import score_translations, scores_by_length
    from experiments.translation.tokenized_pairs import load_tokenizers

    others = {path: read_scores(path) for path in arguments.compare}
    if arguments.test is None:
        evaluate_task(run, EvaluateArguments(arguments.data))
    changes = {"data": arguments.data, "test": arguments.test}
    config = with_values(run.config, {name: x for name, x in changes.items() if x})
    pairs = short_pairs(run, read(config).test)
    sources, references = [pair.source for pair in pairs], [pair.target for pair in pairs]
    target, found = load_tokenizers(run.metadata).target, translations(run, sources, arguments)
    hypotheses = [target.join(candidates[0].tokens) for candidates in found]
    scores = score_translations(hypotheses, references)
    print_scores(scores, sources, hypotheses, references)
    groups = scores_by_length(sources, hypotheses, references)
    print_scores_by_length(groups)
    text = "".join(hypothesis + "\n" for hypothesis in hypotheses)
    (run.path / "translations.txt").write_text(text, "utf-8")
    (run.path / "scores.json").write_text(json.dumps(scores._asdict(), indent=1) + "\n")
    (run.path / "by_length.json").write_text(json.dumps(groups, indent=1) + "\n")
    draw_scores_by_length(
        {run.directory.display_path(): groups} | others, run.path / "by_length.png"
    )
    print_picture(run.path / "by_length.png")


def translations(
    run: Run, lines: Sequence[str], arguments: SearchArguments, best: int = 1
) -> "list[list[Translation]]":
    """Return the ``best`` translations of each line, best first; truncate long lines."""
    from experiments.translation.tokenized_pairs import load_tokenizers
    from experiments.translation.translator import translator

    if arguments.coverage_penalty and run.model.align is None:
        raise UserError("--coverage-penalty: this run has no attention; leave the flag out")
    tokenizers, limit = load_tokenizers(run.metadata), run.config.max_length
    sources = [tokenizers.source.split(line) for line in lines]
    for number, source in enumerate(sources, 1):
        if len(source) > limit:
            print(
                f"line {number} has {len(source)} {run.config.units}; only the first {limit} are "
                "translated (--max-length of the run)",
                file=sys.stderr,
            )
    translate = translator(run.model, run.params, tokenizers, arguments, best)
    return translate([source[:limit] for source in sources])


def short_pairs(run: Run, pairs: "Sequence[Pair]") -> "list[Pair]":
    """Return the pairs within the run's --max-length; print how many are left out."""
    from experiments.translation import tokenized_pairs

    tokenizers = tokenized_pairs.load_tokenizers(run.metadata)
    limit = run.config.max_length
    short = tokenized_pairs.short_pairs(pairs, tokenizers, limit)
    if not short:
        raise UserError(f"every test pair is longer than --max-length {limit} of the run")
    if len(short) < len(pairs):
        count = len(pairs) - len(short)
        print(f"{count:,} pairs are longer than --max-length {limit} and left out")
    return short


def print_scores(
    scores: "TranslationScores",
    sources: Sequence[str],
    hypotheses: Sequence[str],
    references: Sequence[str],
) -> None:
    """Print the corpus scores with their sacreBLEU signatures."""
    from experiments.translation.scores import exact_match_of_sources

    names = ("BLEU, words", "BLEU, 13a", "chrF")
    for name, value, signature in zip(names, scores, scores.signatures, strict=False):
        print(f"{name:<17}{value:6.2f}  {signature}")
    print(f"{'token accuracy':<17}{scores.accuracy:6.2f}  % of the reference's words, by position")
    print(f"{'exact match':<17}{scores.exact:6.2f}  % of {len(sources):,} sentences")
    share, count = exact_match_of_sources(sources, hypotheses, references)
    if count < len(sources):
        print(f"{'':<17}{share:6.2f}  % of {count:,} distinct sources, with any reference")


def print_scores_by_length(groups: Sequence[dict[str, Any]]) -> None:
    """Print one row per group of sources."""
    from experiments.translation.scores import SCORE_NAMES

    print("by number of words in the source")
    print("   ".join(("mean", "sentences", *SCORE_NAMES.values())))
    for group in groups:
        scores = (f"{group[key]:{len(name)}.2f}" for key, name in SCORE_NAMES.items())
        print("   ".join((f"{group['words']:4.0f}", f"{group['count']:9,}", *scores)))


def read_scores(run: str) -> list[dict[str, Any]]:
    """Read the scores by length of another run."""
    from experiments.translation.scores import SCORE_NAMES

    try:
        groups = json.loads((Path(run) / "by_length.json").read_text())
        return [{key: group[key] for key in ("words", *SCORE_NAMES)} for group in groups]
    except (OSError, ValueError, KeyError):
        raise UserError(f"--compare {run}: evaluate that run first") from None


def read_input(path: str | None) -> list[str]:
    """Read the lines of a file, or of standard input."""
    from experiments.translation.parallel_corpus import decode_lines, read_lines

    if path is not None:
        return read_lines(Path(path))
    return decode_lines(sys.stdin.buffer.read(), "standard input")


def write_text(path: str | None, text: str, mode: Literal["w", "a"] = "w") -> None:
    """Write to a file, or to standard output."""
    if path is None:
        sys.stdout.write(text)
        return
    try:
        with Path(path).open(mode, encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise UserError(f"--output {path}: {error.strerror}") from None
