"""Commands of transcribers: evaluate with a search, and analyze errors."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from seqmodels.commands import evaluate as evaluation
from seqmodels.commands.ctc_search import (
    CtcSearchArguments,
    SearchWeights,
    search_decoder,
    tune_weights,
)
from seqmodels.commands.output import print_field, print_strongest_baseline
from seqmodels.train.runs.run import Run

if TYPE_CHECKING:
    from seqmodels.diagnostics.errors.transcripts import ErrorRate

SPLITS = ("dev", "test")


class SplitTranscripts(NamedTuple):
    """The recognized and the correct symbols of each line of a split, as strings."""

    recognized: list[list[str]]
    references: list[list[str]]


@dataclass(frozen=True)
class TranscriptArguments(CtcSearchArguments):
    """What to evaluate on, and how texts are read from the network's outputs."""

    data: str | None = None
    """Other data than the run was trained on, in the same format."""


@dataclass(frozen=True)
class TranscriptErrorsArguments(TranscriptArguments):
    """What to print of the errors."""

    worst: int = 10
    """Lines with the most errors to print."""

    confusions: int = 15
    """Most frequent confusions to print."""


def evaluate(run: Run, arguments: TranscriptArguments) -> None:
    """Print the metrics on dev and test; with --beam, the error rates of a search."""
    arguments.check()
    if not arguments.beam:
        evaluation.evaluate(run, evaluation.EvaluateArguments(arguments.data))
        return
    results = {}
    for split, read in read_splits(run, arguments).items():
        rates = error_rates(read)
        results[split] = {name: rate.rate for name, rate in rates.items()}
        print_rates(split, rates)
    text = json.dumps({"step": run.step, "search": vars(arguments), **results}, indent=1)
    (run.path / "search.json").write_text(text + "\n")


def errors(run: Run, arguments: TranscriptErrorsArguments) -> None:
    """Print error rates with 95 % intervals, and confusions and the worst lines of dev."""
    reads = read_splits(run, arguments)
    for split, read in reads.items():
        print_rates(split, error_rates(read))
    print_confusions(reads["dev"], arguments.confusions)
    print_worst(reads["dev"], arguments.worst)


def read_splits(run: Run, arguments: TranscriptArguments) -> dict[str, SplitTranscripts]:
    """Recognize the lines of dev and test."""
    from seqmodels.models.transcription.recognition import decode_lines, line_labels, predict_lines

    data = run.experiment.data(evaluation.with_data(run.config, arguments.data), run.metadata)
    alphabet = run.metadata["alphabet"]
    decoder = search_decoder(arguments, alphabet, lambda: line_labels(data.train))
    splits = {name: getattr(data, name) for name in SPLITS if getattr(data, name) is not None}
    lines = {name: predict_lines(run.model, run.params, part) for name, part in splits.items()}
    labels = {name: line_labels(part) for name, part in splits.items()}
    weights = SearchWeights(arguments.lm_weight, arguments.length_bonus)
    if arguments.tune:
        weights = tune_weights(decoder, lines["dev"], labels["dev"])
        print_field("weights", f"--lm-weight {weights.model} --length-bonus {weights.bonus}")
    for split in splits:
        print_strongest_baseline(data, run.experiment.metric, split)
    reads = {}
    for name, part in lines.items():
        found = decode_lines(part, lambda frames: decoder(frames, weights))
        texts = [
            [[alphabet[symbol] for symbol in line] for line in x] for x in (found, labels[name])
        ]
        reads[name] = SplitTranscripts(*texts)
    return reads


def error_rates(read: SplitTranscripts) -> dict[str, "ErrorRate"]:
    """Return the error rates of characters, words and lines, with intervals."""
    from seqmodels.diagnostics.errors.transcripts import count_edits, error_rate

    rates = {"cer": error_rate(count_edits(*read))}
    words = [[words_of(line) for line in part] for part in read]
    rates["wer"] = error_rate(count_edits(*words))
    lines = [["".join(line)] for line in read.recognized], [["".join(x)] for x in read.references]
    rates["lines"] = error_rate(count_edits(*lines))
    return rates


def words_of(line: Sequence[str]) -> list[str]:
    """Return the words between spaces."""
    return "".join(line).split()


def print_rates(split: str, rates: dict[str, "ErrorRate"]) -> None:
    """Print error rates with their intervals."""
    texts = [f"{name} {r.rate:.4f} ({r.low:.4f} to {r.high:.4f})" for name, r in rates.items()]
    print_field(split, "  ".join(texts))


def print_confusions(read: SplitTranscripts, count: int) -> None:
    """Print the most frequent substitutions, insertions and deletions."""
    from seqmodels.diagnostics.errors.transcripts import align, count_confusions

    found = count_confusions(align(*read))
    entries = {f"{want} read as {got}": n for (want, got), n in found.substitutions.items()}
    entries |= {f"{want} missing": n for want, n in found.deletions.items()}
    entries |= {f"{got} inserted": n for got, n in found.insertions.items()}
    print("\nmost frequent errors on dev")
    for text, number in sorted(entries.items(), key=lambda entry: -entry[1])[:count]:
        print(f"{number:>6}  {text}")


def print_worst(read: SplitTranscripts, count: int) -> None:
    """Print the lines with the most edits, with their alignments."""
    from seqmodels.diagnostics.errors.transcripts import align, count_edits, format_alignment

    edits = count_edits(*read).edits
    order = sorted(range(len(edits)), key=lambda row: (-edits[row], row))[:count]
    print(f"\nthe {len(order)} lines of dev with the most errors: correct, recognized")
    alignments = align(*([part[row] for row in order] for part in read))
    for row, alignment in zip(order, alignments, strict=True):
        print(f"\nline {row + 1}, {edits[row]} edits\n{format_alignment(alignment)}")
