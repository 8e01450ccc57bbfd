"""The commands that use a trained translator: lines in and out, a drawn alignment, scores."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from experiments.translation.pairs import Sides, make_sides
from experiments.translation.parallel import Pair, decoded_lines, read_lines
from experiments.translation.scores import (
    SCORES,
    any_exact,
    by_length,
    draw_alignment,
    draw_by_length,
    judge,
)
from experiments.translation.translator import Translation, translator
from seqmodels.commands.text_arguments import (
    AttendArguments,
    ScoreArguments,
    SearchArguments,
    TranslateArguments,
)
from seqmodels.commands.train import shown
from seqmodels.errors import UserError
from seqmodels.models.seq2seq.encoder_decoder import EncoderDecoder
from seqmodels.train.experiment import Run


def translate_lines(run: Run, model: EncoderDecoder, arguments: TranslateArguments) -> None:
    """As many lines out as in, in order; an empty one stays empty."""
    sides = make_sides(run.extras)
    lines = list(arguments.text) or read_input(arguments.input)
    write_text(arguments.output, "", "a")  # a path that is wrong is told before the work
    found = translations(run, model, sides, lines, arguments)
    written = []
    for line, candidates in zip(lines, found, strict=True):
        shown = [sides.target.join(one.symbols) for one in candidates[: arguments.best]]
        if arguments.best > 1 and line.strip():
            shown = [
                f"{one.score:.4f}\t{text}" for one, text in zip(candidates, shown, strict=False)
            ]
        written += shown
    write_text(arguments.output, "".join(line + "\n" for line in written))


def write_text(path: str | None, text: str, mode: Literal["w", "a"] = "w") -> None:
    """To a file, or to standard output."""
    if path is None:
        sys.stdout.write(text)
        return
    try:
        with Path(path).open(mode, encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise UserError(f"--output {path}: {error.strerror}") from None


def read_input(path: str | None) -> list[str]:
    """The lines of a file, or of standard input."""
    if path is not None:
        return read_lines(Path(path))
    return decoded_lines(sys.stdin.buffer.read(), "standard input")


def translations(
    run: Run,
    model: EncoderDecoder,
    sides: Sides,
    lines: Sequence[str],
    arguments: SearchArguments,
) -> list[list[Translation]]:
    """Of every line what was found; what is too long is cut, and said so on standard error."""
    if arguments.coverage_penalty and model.align is None:
        raise UserError("--coverage-penalty: this run has no attention; leave it out")
    limit = run.config.max_length
    sources = [sides.source.split(line) for line in lines]
    for number, source in enumerate(sources, 1):
        if len(source) > limit:
            print(
                f"line {number} has {len(source)} {run.config.units}: only the first {limit} are "
                "translated (--max-length of the run)",
                file=sys.stderr,
            )
    translate = translator(model, run.params, sides, arguments)
    return translate([source[:limit] for source in sources])


def draw_attention(run: Run, model: EncoderDecoder, arguments: AttendArguments) -> None:
    """The alignment of the best translation, as ``alignment.png`` of the run."""
    if model.align is None:
        raise UserError(f"{run.directory.path} has no attention: train with --attention additive")
    sides = make_sides(run.extras)
    source = sides.source.split(arguments.text)
    if not source:
        raise UserError("the text is empty: give some words")
    best = translations(run, model, sides, [arguments.text], arguments)[0][0]
    assert best.alignment is not None
    print(sides.target.join(best.symbols))
    path = run.directory.path / "alignment.png"
    draw_alignment(source[: run.config.max_length], best.symbols, best.alignment, path)
    print(f"drawn in {path}")


def score(
    run: Run, model: EncoderDecoder, pairs: Sequence[Pair], arguments: ScoreArguments
) -> None:
    """How good the translations of the test part are, by length too, in words and a picture."""
    sides, path = make_sides(run.extras), run.directory.path
    others = {other: saved(other) for other in arguments.beside}
    kept = fitting(pairs, sides, run.config.max_length)
    sources, references = ([pair[side] for pair in kept] for side in (0, 1))
    found = translations(run, model, sides, sources, arguments)
    hypotheses = [sides.target.join(candidates[0].symbols) for candidates in found]
    judged = judge(hypotheses, references)
    names = ("BLEU of words", "BLEU of the text", "chrF")
    for name, value, signature in zip(names, judged, judged.signatures, strict=False):
        print(f"{name:<17}{value:6.2f}  {signature}")
    print(f"{'token accuracy':<17}{judged.accuracy:6.2f}  % of the reference's words, in place")
    print(f"{'exact match':<17}{judged.exact:6.2f}  % of {len(kept):,} sentences")
    share, distinct = any_exact(sources, hypotheses, references)
    if distinct < len(kept):
        print(f"{'':<17}{share:6.2f}  % of {distinct:,} sources, with any of their references")
    groups = by_length(sources, hypotheses, references)
    print_by_length(groups)
    (path / "translations.txt").write_text("".join(text + "\n" for text in hypotheses), "utf-8")
    (path / "scores.json").write_text(json.dumps(judged._asdict(), indent=1) + "\n")
    (path / "by_length.json").write_text(json.dumps(groups, indent=1) + "\n")
    draw_by_length({shown(run.directory): groups} | others, path / "by_length.png")
    print(f"drawn in {path / 'by_length.png'}")


def fitting(pairs: Sequence[Pair], sides: Sides, limit: int) -> list[Pair]:
    """The pairs that are not longer than those of training may be; of others it is said so."""
    kept = [
        pair
        for pair in pairs
        if len(sides.source.split(pair.source)) <= limit
        and len(sides.target.split(pair.target)) <= limit
    ]
    if not kept:
        raise UserError(f"--max-length {limit} of the run: every test pair is longer")
    if len(kept) < len(pairs):
        print(f"{len(pairs) - len(kept):,} pairs longer than --max-length {limit} are left out")
    return kept


def print_by_length(groups: Sequence[dict[str, Any]]) -> None:
    """A row for each group of sources."""
    print("by words of the source")
    print("   ".join(("mean", "sentences", *SCORES.values())))
    for group in groups:
        scores = (f"{group[key]:{len(name)}.2f}" for key, name in SCORES.items())
        print("   ".join((f"{group['words']:4.0f}", f"{group['count']:9,}", *scores)))


def saved(run: str) -> list[dict[str, Any]]:
    """What an earlier evaluation found of another run."""
    try:
        groups = json.loads((Path(run) / "by_length.json").read_text())
        return [{key: group[key] for key in ("words", *SCORES)} for group in groups]
    except (OSError, ValueError, KeyError):
        raise UserError(f"--beside {run}: evaluate that run first") from None
