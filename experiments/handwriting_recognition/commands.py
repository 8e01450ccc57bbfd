"""Commands: recognize new lines, and draw the alignment of one."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from tyro.conf import Positional

from seqmodels.commands.ctc_search import CtcSearchArguments, SearchWeights, search_decoder
from seqmodels.commands.output import print_picture
from seqmodels.errors import UserError
from seqmodels.train.runs.run import Run

if TYPE_CHECKING:
    from seqmodels.data.handwriting import Sample
    from seqmodels.diagnostics.plots.alignment_picture import LineAlignment
    from seqmodels.models.transcription.transcriber import FrameLogits


@dataclass(frozen=True)
class RecogniseArguments(CtcSearchArguments):
    """Which files to recognize, and how."""

    files: Positional[tuple[str, ...]] = ()
    """Pictures of lines, or strokes: JSON, UniPen's npz, one line of IAM-OnDB (xml)."""

    shown: int = 20
    """Lines to print of a file that holds many."""


@dataclass(frozen=True)
class AlignArguments:
    """Which line to align."""

    file: Positional[str]
    """Picture of a line, or a file of strokes."""

    text: str | None = None
    """Text to align; by default what was recognized."""

    line: int = 1
    """Number of the line in the file, from 1."""


class NewLines(NamedTuple):
    """Lines of files, ready for the network, and its logits of them."""

    samples: list["Sample"]
    inputs: Any
    frames: "FrameLogits"


def recognise(run: Run, arguments: RecogniseArguments) -> None:
    """Print what is written in pictures or files of strokes."""
    from experiments.handwriting_recognition.lines import read_training_texts
    from seqmodels.data.text.vocabulary import Vocabulary

    if not arguments.files:
        raise UserError("give at least one file to recognise")
    alphabet = run.metadata["alphabet"]
    texts = partial(read_training_texts, run.config, Vocabulary(tuple(alphabet)))
    decoder = search_decoder(arguments, alphabet, texts)
    weights = SearchWeights(arguments.lm_weight, arguments.length_bonus)
    for file in arguments.files:
        lines = predict_file(run, file, arguments.shown)
        found = decoder(lines.frames, weights)
        for number, sample in enumerate(lines.samples):
            symbols = found.tokens[:, number][found.mask[:, number]].tolist()
            text = "".join(alphabet[symbol] for symbol in symbols)
            label = f"  correct: {sample.text}" if sample.text and sample.text != text else ""
            print(f"{sample.name:<24}  {text}{label}")


def predict_file(run: Run, file: str, count: int) -> NewLines:
    """Return the first lines of a file with the network's logits."""
    import jax
    import numpy as np

    from experiments.handwriting_recognition.inputs import (
        InputOptions,
        line_inputs,
        scaling_message,
    )
    from experiments.handwriting_recognition.sources import read_new_lines
    from seqmodels.data.ragged import pad

    samples = read_new_lines(file)
    options = InputOptions(run.metadata["input"], run.config.step, run.config.height)
    inputs = line_inputs(options)
    if message := scaling_message(samples[:count], options):
        print(f"{file}: {message}")
    samples = inputs.prepare(samples[:count])
    steps = inputs.steps(samples)
    x = pad(steps, np.arange(len(samples)), max(1, int(steps.lengths.max())))
    return NewLines(samples, x, jax.jit(run.model.apply)(run.params, x))


def align(run: Run, arguments: AlignArguments) -> None:
    """Draw which part of a line each symbol was read from."""
    from seqmodels.diagnostics.plots.alignment_picture import draw_alignment

    lines = predict_file(run, arguments.file, max(arguments.line, 1))
    if not 1 <= arguments.line <= len(lines.samples):
        raise UserError(f"--line must be from 1 to {len(lines.samples)}, the lines of the file")
    place = arguments.line - 1
    alignment = align_line(run, lines, place, arguments.text)
    print("symbol  steps        confidence")
    for number, (symbol, first, last) in enumerate(zip(*alignment[:3], strict=True)):
        begin, end = first * alignment.stride, (last + 1) * alignment.stride - 1
        confidence = alignment.posteriors[first : last + 1, number].mean()
        print(f"{symbol:<6}  {f'{begin} to {end}':<11}  {confidence:.3f}")
    path = run.path / "alignment.png"
    is_strokes = run.metadata["input"] == "strokes"
    draw = partial(draw_line, run, lines, place)
    draw_alignment(draw, alignment, path, shared=not is_strokes)
    print_picture(path)


def align_line(run: Run, lines: NewLines, place: int, text: str | None) -> "LineAlignment":
    """Return the best alignment of a text, by default of what was recognized greedily."""
    import jax
    import numpy as np

    from seqmodels.data.text.vocabulary import Vocabulary
    from seqmodels.decode.ctc import Transcripts, ctc_greedy
    from seqmodels.diagnostics.plots.alignment_picture import LineAlignment
    from seqmodels.models.transcription.recognition import align_labels, frame_stride
    from seqmodels.models.transcription.transcriber import FrameLogits

    alphabet = Vocabulary(tuple(run.metadata["alphabet"]))
    frames = FrameLogits(*(part[:, place : place + 1] for part in lines.frames))
    found = jax.jit(ctc_greedy)(*frames)
    label = np.asarray(found.tokens[found.mask]) if text is None else encode(alphabet, text)
    if not len(label):
        raise UserError(f"{lines.samples[place].name}: nothing was recognized; give --text")
    labels = Transcripts(*map(jax.numpy.asarray, (label[:, None], np.ones((len(label), 1), bool))))
    aligned = jax.device_get(jax.jit(align_labels)(frames, labels))
    length = int(frames.mask.sum())
    if not aligned.fits[0]:
        raise UserError(f"the text has {len(label)} symbols, too many for {length} frames")
    return LineAlignment(
        alphabet.decode(label),
        aligned.spans.first[:, 0],
        aligned.spans.last[:, 0],
        aligned.posteriors.symbols[:length, :, 0],
        frame_stride(run.model, run.params, lines.inputs),
    )


def encode(alphabet: Any, text: str) -> Any:
    """Return the symbols of a text that the network can write."""
    if unknown := alphabet.unknown(text):
        raise UserError(f"--text: the model cannot write {', '.join(map(repr, unknown))}")
    return alphabet.encode(text)


def draw_line(run: Run, lines: NewLines, place: int, axes: Any, spans: Sequence[Any]) -> None:
    """Draw a line of handwriting in the colors of its symbols."""
    from experiments.handwriting_recognition.pictures import draw_image, draw_strokes

    sample = lines.samples[place]
    if run.metadata["input"] == "strokes":
        draw_strokes(axes, sample, run.config.step, spans)
    else:
        draw_image(axes, sample, spans)
