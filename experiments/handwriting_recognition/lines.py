"""Training, dev and test batches of lines, and baselines."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from experiments.handwriting_recognition.inputs import (
    InputOptions,
    input_kind,
    line_inputs,
    scaling_message,
)
from seqmodels.data.batching import Fields, example_batches
from seqmodels.data.handwriting import line_alphabet, line_fields, unknown_characters
from seqmodels.data.ragged import ragged
from seqmodels.data.splits import Splits
from seqmodels.data.text.vocabulary import Vocabulary
from seqmodels.diagnostics.errors.transcripts import count_edits
from seqmodels.errors import UserError
from seqmodels.models.transcription.recognition import Symbols, frame_symbols
from seqmodels.train.examples import EVALUATION_BATCH, example_data
from seqmodels.train.experiment import Baseline, Data
from seqmodels.train.runs.run import load_run

CANDIDATES = 8  # frequent texts among which the best constant answer is chosen


def line_data(config: Any, parts: Splits, metadata: dict[str, Any] | None) -> Data:
    """Return the data of an experiment's config.

    The metadata hold the ``alphabet``, the ``input`` and the number of its ``features``.
    """
    new = metadata is None
    if metadata is None:
        kind = input_kind(config.input, config.model != "blstm", parts.train)
        metadata = {"alphabet": list(line_alphabet(parts.train).symbols), "input": kind}
    options = InputOptions(metadata["input"], config.step, config.height)
    inputs, alphabet = line_inputs(options), Vocabulary(tuple(metadata["alphabet"]))
    for split, samples in parts._asdict().items():
        for message in (unknown_characters(samples, alphabet), scaling_message(samples, options)):
            if message and new:
                print(f"{split}: {message}")
    ready = Splits(*(inputs.prepare(samples) for samples in parts))
    fields = Splits(*(line_fields(samples, alphabet, inputs.steps) for samples in ready))
    if config.framewise:
        fields = Splits(*(with_frames(part, config.framewise, alphabet) for part in fields))
    if new:
        metadata["features"] = int(fields.train["x"].values.shape[1])
    return example_data(
        fields,
        config.training,
        name=config.data or f"generated {config.bundled}",
        unit="lines",
        metadata=metadata,
        baselines=[constant_text(parts)],
        buckets=config.buckets,
        augment=inputs.augment(ready.train) if config.augment else None,
    )


def with_frames(fields: Fields, path: str, alphabet: Vocabulary) -> Fields:
    """Add the symbol of every frame, from the alignments of a run."""
    run = load_run(path)
    if run.metadata.get("alphabet") != list(alphabet.symbols):
        raise UserError(f"--framewise {path}: its alphabet differs from that of the data")
    batches = example_batches(fields, EVALUATION_BATCH, buckets=4)
    return {**fields, "frames": ragged(frame_symbols(run.model, run.params, batches))}


def constant_text(parts: Splits) -> Baseline:
    """Return the error rate of the one text that has the fewest edits to the training texts."""
    texts = [[sample.text for sample in samples] for samples in parts]
    common = [text for text, _ in Counter(texts[0]).most_common(CANDIDATES)]
    best = min(common, key=lambda text: constant_error(text, texts[0][:1000]))
    return Baseline(f"always {best!r}", *(constant_error(best, part) for part in texts[1:]))


def constant_error(text: str, references: Sequence[str]) -> float:
    """Return the character error rate if every line is recognized as this text."""
    edits, lengths = count_edits([text] * len(references), references)
    return float(edits.sum() / max(lengths.sum(), 1))


def read_training_texts(config: Any, alphabet: Vocabulary) -> list[Symbols]:
    """Return the symbols of the training texts."""
    from experiments.handwriting_recognition.experiment import read

    return [alphabet.encode(sample.text).tolist() for sample in read(config).train]
