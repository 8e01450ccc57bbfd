"""Char generation: a recurrent network learns to write, one character after the other.

    python -m experiments.char_generation                 learns Python from Python's own library
    python -m experiments.char_generation --data FILE     any text, or a folder of texts
    python -m experiments.char_generation sample RUN --prime "def "
    python -m experiments.char_generation inspect RUN --text FILE

Karpathy (2015), "The unreasonable effectiveness of recurrent neural networks".
"""

from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from math import exp, log
from pathlib import Path
from typing import Any, Literal

from seqmodels.cli import Baseline, Data, Experiment, FitConfig, Metric, Run, main
from seqmodels.decode.arguments import SampleArguments
from seqmodels.errors import UserError


@dataclass(frozen=True)
class Config(FitConfig):
    """Predict each next character of a text."""

    data: str | None = None
    """Text file, or folder of text files (UTF-8); none: the Python library's own sources."""

    splits: tuple[float, float, float] = (0.9, 0.05, 0.05)
    """Shares of train, dev and test; whole files of a folder, one after the other in one text."""

    cell: str = "lstm"
    """Recurrence, a name in seqmodels.cells.CELLS: rnn, lstm, gru, ..."""

    layers: int = 2
    """Recurrent layers."""

    hidden: int = 256
    """Units of each layer."""

    embedding: int = 64
    """Features that stand for a character."""

    tied: bool = False
    """Use the embedding as the readout too; it must then be as wide as a layer."""

    dropout: float = 0.1
    """Share of each layer's outputs that is dropped in training, the same ones for a window."""

    batch_size: int = 32
    """Parallel streams of text."""

    length: int = 64
    """Characters that a gradient reaches back; the state itself is carried on."""

    steps: int = 1200
    evaluate_every: int = 300
    learning_rate: float = 4e-3
    warmup_steps: float = 50.0

    def check(self) -> None:
        """Say which number makes no sense."""
        super().check()
        for name in ("layers", "hidden", "embedding"):
            if getattr(self, name) < 1:
                raise UserError(f"--{name} must be 1 or more")
        if not 0 <= self.dropout < 1:
            raise UserError("--dropout must be 0 or more and below 1")

    schedule: Literal["constant", "cosine", "exponential", "plateau"] = "cosine"


def read(config: Config):
    """The train, dev and test text."""
    from seqmodels.data.python_sources import python_sources
    from seqmodels.data.text import read_documents, split_documents

    documents = read_documents(config.data) if config.data else python_sources()
    return split_documents(documents, config.splits)


def load(config: Config, extras: dict[str, Any] | None) -> Data:
    """The three texts as numbers; the vocabulary is that of the first run's text."""
    from seqmodels.data.streams import evaluation_windows, training_windows
    from seqmodels.data.vocabulary import Vocabulary, build_vocabulary
    from seqmodels.models.ngram import ngram_nats

    texts = read(config)
    if extras is None:
        extras = {"vocabulary": build_vocabulary("".join(texts)).to_dict()}
    vocabulary = Vocabulary.from_dict(extras["vocabulary"])
    train, dev, test = (vocabulary.encode(text) for text in texts)
    streams, length = config.batch_size, config.length
    few = 8  # streams to measure on: each begins without context
    unigram, bigram = ngram_nats(train, dev, len(vocabulary))
    return Data(
        train=training_windows(train, streams, length, seed=config.seed, name="the training text"),
        dev=evaluation_windows(dev, few, length, name="the dev text"),
        test=evaluation_windows(test, few, length, name="the test text") if texts.test else None,
        name=config.data or "the Python standard library",
        sizes={"train": len(train), "dev": len(dev), "test": len(test)},
        unit="characters",
        baseline=Baseline(bigram, f"bigrams; single characters {unigram:.4f}"),
        extras=extras,
    )


def model(config: Config, extras: dict[str, Any], dropout_rate: Any = 0.0):
    """A stack of recurrent layers, each with dropout on what it puts out."""
    from seqmodels.cells import CELLS
    from seqmodels.models.language_model import language_model
    from seqmodels.noise import dropout
    from seqmodels.wrap import stack

    if config.cell not in CELLS:
        raise UserError(f"--cell {config.cell} is unknown: choose from {', '.join(CELLS)}")
    sizes = [config.embedding] + [config.hidden] * config.layers
    cells = [CELLS[config.cell](*size) for size in pairwise(sizes)]
    noisy = [dropout(cell, outputs=dropout_rate) for cell in cells]
    symbols = len(extras["vocabulary"]["symbols"])
    return language_model(stack(*noisy), config.embedding, symbols, tied=config.tied)


def task(config: Config, extras: dict[str, Any]):
    """Predict the next character; the dropout rate may be swept."""
    from seqmodels.models.language_model import language_model_task

    return language_model_task(lambda hyper: model(config, extras, hyper.get("dropout", 0.0)))


def sample(run: Run, arguments: SampleArguments) -> None:
    """Write text from where the prime leaves off."""
    import numpy as np

    from seqmodels.data.vocabulary import Vocabulary
    from seqmodels.models.writer import write

    vocabulary = Vocabulary.from_dict(run.extras["vocabulary"])
    if unseen := vocabulary.unknown(arguments.prime):
        raise UserError(
            f"--prime has characters the model never saw: {' '.join(map(repr, unseen))}"
        )
    prime = vocabulary.encode(arguments.prime)
    pieces = write(model(run.config, run.extras), run.params, prime, arguments)
    if arguments.count == 1:
        print(arguments.prime, end="")
        for piece in pieces:
            print("".join(vocabulary.decode(piece[:, 0])), end="", flush=True)
        print()
        return
    for number, row in enumerate(np.concatenate(list(pieces)).T, 1):
        print(f"--- {number}\n{arguments.prime}{''.join(vocabulary.decode(row))}")


@dataclass(frozen=True)
class InspectArguments:
    """What to look at."""

    text: str | None = None
    """File to read; none: the dev text."""

    length: int = 4000
    """Characters to read."""

    shown: int = 500
    """Characters to draw, the last of those read."""

    def __post_init__(self) -> None:
        if min(self.length, self.shown) < 2:
            raise UserError("--length and --shown must be 2 or more")


def inspect(run: Run, arguments: InspectArguments) -> None:
    """Draw what units do over a text; list those that track position, quotes, indentation."""
    from seqmodels.data.text import read_text
    from seqmodels.data.vocabulary import Vocabulary
    from seqmodels.diagnostics import activations as look

    vocabulary = Vocabulary.from_dict(run.extras["vocabulary"])
    text = read_text(Path(arguments.text)) if arguments.text else read(run.config).dev
    text = text[: arguments.length]
    reader = model(run.config, run.extras)
    states = look.activations(
        partial(reader.step, run.params), reader.start(run.params, ()), vocabulary.encode(text)
    )
    panels = []
    for name, feature in look.features(text).items():
        best = look.trackers(states, feature)
        print(f"{name:<18}" + "   ".join(f"{t.name} r={t.correlation:+.2f}" for t in best))
        panels += [(f"{t.name} tracks {name}, r = {t.correlation:+.2f}", t) for t in best[:1]]
    last = slice(-arguments.shown, None)
    drawn = [(title, states[t.part][last, t.unit]) for title, t in panels]
    look.draw_activations(text[last], drawn, run.directory.path / "activations.png")
    print(f"drawn in {run.directory.path / 'activations.png'}")


EXPERIMENT = Experiment(
    name="char_generation",
    config=Config,
    data=load,
    task=task,
    metric=Metric("nats"),
    about=__doc__ or "",
    hyper=("dropout",),
    derive=lambda means: {"bits": means["nats"] / log(2), "perplexity": exp(means["nats"])},
    finish=lambda run: sample(run, SampleArguments()),
    smoke={"steps": 20, "evaluate_every": 10, "hidden": 16, "embedding": 8, "length": 16},
    commands={"sample": (SampleArguments, sample), "inspect": (InspectArguments, inspect)},
)

if __name__ == "__main__":
    main(EXPERIMENT)
