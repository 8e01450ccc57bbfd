"""Char generation: a recurrent network learns to write, one character after the other.

    python -m experiments.char_generation                 sources of the Python library
    python -m experiments.char_generation --data FILE     a text, or a folder of texts
    python -m experiments.char_generation sample RUN --prime "def "
    python -m experiments.char_generation inspect RUN --text FILE

Karpathy (2015), "The unreasonable effectiveness of recurrent neural networks".
"""

from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from math import log
from typing import Any, Literal

from experiments.char_generation.commands import SampleArguments, inspect, sample
from experiments.char_generation.recipes import RECIPES
from seqmodels.cli import Data, FitConfig, Metric, OptimizerConfig, Run, define_experiment
from seqmodels.models.config import RecurrentConfig
from seqmodels.train.config import check_at_least_one

EVALUATION_STREAMS = 8  # each begins without context, so there are few


@dataclass(frozen=True)
class Config:
    """Predict each next character of a text."""

    data: str | None = None
    """Text file or folder of text files, UTF-8; by default the sources of the Python library."""

    splits: tuple[float, float, float] = (0.96, 0.02, 0.02)
    """Fractions of train, dev and test: of the files of a folder, or of a single text."""

    embedding: int = 64
    """Size of the embedding of a character."""

    tied: bool = False
    """Use the embedding as the readout, too; needs --embedding equal to --hidden."""

    precision: Literal["float32", "bfloat16"] = "float32"
    """Dtype of the layers; parameters, carried states, sums and the loss are float32."""

    length: int = 64
    """Characters in a window, over which gradients are backpropagated; the state is carried on."""

    network: RecurrentConfig = RecurrentConfig(cell="gru", layers=2, hidden=256, dropout=0.1)
    training: FitConfig = FitConfig(
        steps=600,
        optimizer=OptimizerConfig(
            learning_rate=5e-3, b2=0.99, warmup_steps=50.0, schedule="cosine"
        ),
    )

    def check(self) -> None:
        """Validate the config."""
        check_at_least_one(self, "embedding", "length")


def read(config: Config):
    """Read the train, dev and test text."""
    from seqmodels.data.text.documents import read_documents, split_documents
    from seqmodels.data.text.python_sources import python_sources

    documents = read_documents(config.data) if config.data else python_sources()
    return split_documents(documents, config.splits)


def load(config: Config, metadata: dict[str, Any] | None) -> Data:
    """Encode the texts and cut them into windows; the vocabulary covers all splits."""
    from seqmodels.data.splits import Splits
    from seqmodels.data.streams import evaluation_windows, training_windows
    from seqmodels.data.text.vocabulary import Vocabulary, build_vocabulary
    from seqmodels.models.language.counting import ngram_baselines

    texts = read(config)
    if metadata is None:
        metadata = {"vocabulary": build_vocabulary("".join(texts)).to_dict()}
    vocabulary = Vocabulary.from_dict(metadata["vocabulary"])
    train, dev, test = tokens = Splits(*map(vocabulary.encode, texts))
    batch_size, length, seed = config.training.batch_size, config.length, config.training.seed
    windows = training_windows(train, batch_size, length, seed=seed, name="the training text")
    evaluation = partial(evaluation_windows, batch_size=EVALUATION_STREAMS, length=length)
    dev_windows = evaluation(dev, name="the dev text")
    return Data(
        train=windows,
        dev=dev_windows,
        test=evaluation(test, name="the test text") if texts.test else None,
        name=config.data or "the Python standard library",
        sizes={"train": len(train), "dev": len(dev), "test": len(test)},
        unit="characters",
        metadata=metadata,
        baselines=ngram_baselines(tokens, len(vocabulary)),
    )


def model(config: Config, metadata: dict[str, Any], rates: dict[str, Any]):
    """Return embedding, recurrent layers with dropout on their outputs, and softmax."""
    from seqmodels.cells.registry import cell_named
    from seqmodels.models.language.language_model import recurrent_language_model
    from seqmodels.noise import dropout
    from seqmodels.wrap import stack

    network, symbols = config.network, len(metadata["vocabulary"]["symbols"])
    sizes = [config.embedding] + [network.hidden] * network.layers
    make = cell_named(network.cell)
    layers = [
        dropout(make(*size, dtype=config.precision), outputs=rates.get("dropout", 0.0))
        for size in pairwise(sizes)
    ]
    return recurrent_language_model(stack(*layers), config.embedding, symbols, tied=config.tied)


def task(config: Config, metadata: dict[str, Any]):
    """Predict the next character; express the cross-entropy in bits, and as perplexity."""
    from seqmodels.models.language.language_model import language_model_task, perplexity

    def bits_and_perplexity(means: dict[str, Any]) -> dict[str, Any]:
        return {"bits": means["nats"] / log(2)} | perplexity(means)

    language_task = language_model_task(partial(model, config, metadata))
    return language_task._replace(derive=bits_and_perplexity)


def print_sample(run: Run) -> None:
    """Print a sample that begins with the most frequent character."""
    sample(run, SampleArguments(prime=run.metadata["vocabulary"]["symbols"][0]))


EXPERIMENT = define_experiment(
    __name__,
    metric=Metric("nats"),
    rates=("dropout",),
    smoke={"steps": 20, "evaluate_every": 10, "hidden": 16, "embedding": 8, "length": 16},
    recipes=RECIPES,
    commands=(sample, inspect),
    finish=print_sample,
)
