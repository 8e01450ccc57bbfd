"""Char generation: a recurrent network learns to write, one character after the other.

    python -m experiments.char_generation                 learns Python from Python's own library
    python -m experiments.char_generation --data FILE     any text, or a folder of texts
    python -m experiments.char_generation sample RUN --prime "def "
    python -m experiments.char_generation inspect RUN --text FILE

Karpathy (2015), "The unreasonable effectiveness of recurrent neural networks".
"""

from dataclasses import dataclass
from itertools import pairwise
from math import exp, log
from typing import Any, Literal

from seqmodels.cli import Baseline, Data, Experiment, FitConfig, Metric, Run
from seqmodels.commands.text_arguments import SampleArguments
from seqmodels.errors import UserError


@dataclass(frozen=True)
class Config(FitConfig):
    """Predict each next character of a text."""

    data: str | None = None
    """Text file, or folder of text files (UTF-8); none: the Python library's own sources."""

    splits: tuple[float, float, float] = (0.96, 0.02, 0.02)
    """Shares of train, dev and test; whole files of a folder, one after the other in one text."""

    cell: str = "gru"
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

    precision: Literal["float32", "bfloat16"] = "float32"
    """What layers compute in; parameters, sums, states and the loss are float32."""

    batch_size: int = 32
    """Parallel streams of text."""

    length: int = 64
    """Characters that a gradient reaches back; the state itself is carried on."""

    steps: int = 600
    evaluate_every: int = 200
    learning_rate: float = 5e-3
    b2: float = 0.99
    warmup_steps: float = 50.0
    schedule: Literal["constant", "cosine", "exponential", "plateau"] = "cosine"

    def check(self) -> None:
        """Say which number makes no sense."""
        super().check()
        if min(self.layers, self.hidden, self.embedding) < 1:
            raise UserError("--layers, --hidden and --embedding must be 1 or more")
        if not 0 <= self.dropout < 1:
            raise UserError("--dropout must be 0 or more and below 1")


def read(config: Config):
    """The train, dev and test text."""
    from seqmodels.data.text.documents import read_documents, split_documents
    from seqmodels.data.text.python_sources import python_sources

    documents = read_documents(config.data) if config.data else python_sources()
    return split_documents(documents, config.splits)


def load(config: Config, extras: dict[str, Any] | None) -> Data:
    """The three texts as numbers; the vocabulary is that of the first run's text."""
    from seqmodels.data.streams import evaluation_windows, training_windows
    from seqmodels.data.text.vocabulary import Vocabulary, build_vocabulary
    from seqmodels.models.language.counting import ngram_nats

    texts = read(config)
    if extras is None:
        extras = {"vocabulary": build_vocabulary("".join(texts)).to_dict()}
    vocabulary = Vocabulary.from_dict(extras["vocabulary"])
    train, dev, test = (vocabulary.encode(text) for text in texts)
    batch, length, few = config.batch_size, config.length, 8  # few begin without context
    windows = training_windows(train, batch, length, seed=config.seed, name="the training text")
    dev_windows = evaluation_windows(dev, few, length, name="the dev text")
    unigram, bigram = ngram_nats(train, dev, len(vocabulary))
    return Data(
        train=windows,
        dev=dev_windows,
        test=evaluation_windows(test, few, length, name="the test text") if texts.test else None,
        name=config.data or "the Python standard library",
        sizes={"train": len(train), "dev": len(dev), "test": len(test)},
        unit="characters",
        baseline=Baseline(bigram, f"bigrams; single characters {unigram:.4f}"),
        extras=extras,
    )


def model(config: Config, extras: dict[str, Any], dropout_rate: Any = 0.0):
    """A stack of recurrent layers, each with dropout on what it puts out."""
    from seqmodels.cells.registry import cell_named
    from seqmodels.models.language.language_model import language_model
    from seqmodels.noise import dropout
    from seqmodels.wrap import stack

    sizes = [config.embedding] + [config.hidden] * config.layers
    make = cell_named(config.cell)
    cells = [make(*size, dtype=config.precision) for size in pairwise(sizes)]
    noisy = [dropout(cell, outputs=dropout_rate) for cell in cells]
    symbols = len(extras["vocabulary"]["symbols"])
    return language_model(stack(*noisy), config.embedding, symbols, tied=config.tied)


def task(config: Config, extras: dict[str, Any]):
    """Predict the next character; the dropout rate may be swept."""
    from seqmodels.models.language.language_model import language_model_task

    return language_model_task(lambda hyper: model(config, extras, hyper.get("dropout", 0.0)))


def sample(run: Run, arguments: SampleArguments) -> None:
    """Write text from where the prime leaves off, the first as it is drawn, then the others."""
    from seqmodels.data.text.vocabulary import Vocabulary
    from seqmodels.models.language.writer import write

    vocabulary = Vocabulary.from_dict(run.extras["vocabulary"])
    if unseen := vocabulary.unknown(arguments.prime):
        raise UserError(f"--prime: the model never saw {', '.join(map(repr, unseen))}")
    prime, texts = vocabulary.encode(arguments.prime), [arguments.prime] * arguments.count
    print(texts[0], end="")
    options = {name: value for name, value in vars(arguments).items() if name != "prime"}
    for piece in write(model(run.config, run.extras), run.params, prime, **options):
        drawn = ["".join(vocabulary.decode(row)) for row in piece.T]
        print(drawn[0], end="", flush=True)
        texts = [text + more for text, more in zip(texts, drawn, strict=True)]
    print("", *texts[1:], sep="\n---\n")


@dataclass(frozen=True)
class InspectArguments:
    """What to look at."""

    text: str | None = None
    """File to read; none: the dev text."""

    read: int = 4000
    """Characters to read from its beginning."""

    shown: int = 500
    """Characters to draw, the last of those read."""


def inspect(run: Run, arguments: InspectArguments) -> None:
    """Draw what units do over a text; list those that track position, quotes, indentation."""
    from seqmodels.data.text.documents import read_documents
    from seqmodels.data.text.vocabulary import Vocabulary
    from seqmodels.diagnostics.dynamics import activations as look

    text = read_documents(arguments.text)[0].text if arguments.text else read(run.config).dev
    tokens = Vocabulary.from_dict(run.extras["vocabulary"]).encode(text := text[: arguments.read])
    reader = model(run.config, run.extras)
    states = look.activations(reader.step, run.params, reader.start(run.params, ()), tokens)
    panels, last = [], slice(-arguments.shown, None)
    for name, feature in look.features(text).items():
        best = look.trackers(states, feature)
        print(f"{name:<18}" + "   ".join(map(str, best)))
        panels += [(f"{name}: {one}", states[one.part][last, one.unit]) for one in best[:1]]
    if not panels:
        raise UserError("--text: nothing changes in it; give more than a word, and --read it")
    look.draw_activations(text[last], panels, run.directory.path / "activations.png")
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
    finish=lambda run: sample(run, SampleArguments(prime=run.extras["vocabulary"]["symbols"][0])),
    smoke={"steps": 20, "evaluate_every": 10, "hidden": 16, "embedding": 8, "length": 16},
    commands={"sample": (SampleArguments, sample), "inspect": (InspectArguments, inspect)},
)
