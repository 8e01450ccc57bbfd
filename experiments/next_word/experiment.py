"""Next word: a language model predicts each next word of a text.

    python -m experiments.next_word                       English that comes with Python
    python -m experiments.next_word --data FILE           a text, or a folder of texts
    python -m experiments.next_word --data FOLDER         train, valid and test files, as in PTB
    python -m experiments.next_word --recipe zaremba-small --data FOLDER
    python -m experiments.next_word complete RUN "this morning I took my cat for a"
    python -m experiments.next_word adapt RUN             continuous cache, dynamic evaluation
    python -m experiments.next_word embedding RUN --near cat

Every word except the first is predicted once, including <eos> and <unk>. The state is carried
through the whole split: dev in eight streams, test in one.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any

from experiments.next_word.commands import adapt, complete, embedding
from experiments.next_word.config import CorpusConfig, RegularizationConfig, WordModelConfig
from experiments.next_word.recipes import RECIPES
from seqmodels.cli import Data, FitConfig, Metric, OptimizerConfig, define_experiment
from seqmodels.models.config import RecurrentConfig
from seqmodels.train.config import check_at_least_one

BIGRAM_WEIGHTS = (1.0, 10.0, 100.0, 1000.0)


@dataclass(frozen=True)
class Config:
    """Predict each next word of a text."""

    data: str | None = None
    """Text, folder of texts, or folder with train, valid and test files; by default Python's."""

    length: int = 32
    """Words in a window, over which gradients are backpropagated; the state is carried on."""

    corpus: CorpusConfig = CorpusConfig()
    architecture: WordModelConfig = WordModelConfig()
    network: RecurrentConfig = RecurrentConfig(hidden=128, dropout=0.2)
    regularization: RegularizationConfig = RegularizationConfig()
    training: FitConfig = FitConfig(
        batch_size=20,
        evaluate_every=250,
        optimizer=OptimizerConfig(learning_rate=4e-3, schedule="cosine"),
    )

    def check(self) -> None:
        """Validate the config."""
        check_at_least_one(self, "length")


def encode(config: Config, metadata: dict[str, Any] | None):
    """Return the texts as word numbers, and the metadata: vocabulary and tokenizer."""
    from experiments.next_word.corpus import read_corpus, tokenizer_name
    from seqmodels.data.splits import Splits
    from seqmodels.data.text.vocabulary import UNKNOWN, Vocabulary, build_vocabulary

    corpus = config.corpus
    texts = read_corpus(config.data, corpus.splits, corpus.tokens)
    if metadata is None:
        tokenizer = tokenizer_name(config.data, corpus.tokens)
        vocabulary = build_vocabulary(
            texts.train,
            specials=(UNKNOWN,),
            min_count=corpus.min_count or (2 if tokenizer == "words" else 1),
            max_size=corpus.vocabulary or None,
        )
        metadata = {"vocabulary": vocabulary.to_dict(), "tokens": tokenizer}
    vocabulary = Vocabulary.from_dict(metadata["vocabulary"])
    return Splits(*map(vocabulary.encode, texts)), metadata


def load(config: Config, metadata: dict[str, Any] | None) -> Data:
    """Cut the texts into windows."""
    from seqmodels.data.streams import evaluation_windows, training_windows
    from seqmodels.models.language.counting import ngram_baselines

    tokens, metadata = encode(config, metadata)
    train, dev, test = tokens
    batch_size, length, seed = config.training.batch_size, config.length, config.training.seed
    words = len(metadata["vocabulary"]["symbols"])
    windows = training_windows(train, batch_size, length, seed=seed, name="the training text")
    dev_windows = evaluation_windows(dev, 8, length, name="the dev text")
    name, unknown = config.data or "Python's documentation", (dev == 0).mean()
    return Data(
        train=windows,
        dev=dev_windows,
        test=evaluation_windows(test, 1, length, name="the test text") if len(test) else None,
        name=f"{name} ({words:,} different words, {unknown:.1%} of dev <unk>)",
        sizes={"train": len(train), "dev": len(dev), "test": len(test)},
        unit="words",
        metadata=metadata,
        baselines=ngram_baselines(tokens, words, BIGRAM_WEIGHTS),
    )


def model(config: Config, metadata: dict[str, Any], rates: dict[str, Any]):
    """Return the language model, see ``model.py``."""
    from experiments.next_word.model import word_model

    words = len(metadata["vocabulary"]["symbols"])
    return word_model(config.architecture, config.network, config.regularization, words, rates)


def task(config: Config, metadata: dict[str, Any]):
    """Predict the next word, with AWD-LSTM's penalties on the activations."""
    from seqmodels.models.language.language_model import (
        activation_penalty,
        language_model_task,
        perplexity,
    )

    penalties = config.regularization
    penalty = partial(activation_penalty, size=penalties.activation, change=penalties.slowness)
    language_task = language_model_task(
        partial(model, config, metadata),
        penalty if penalties.activation or penalties.slowness else None,
    )
    return language_task._replace(derive=perplexity)


EXPERIMENT = define_experiment(
    __name__,
    metric=Metric("nats"),
    rates=("dropout",),
    smoke={"steps": 20, "evaluate_every": 10, "hidden": 16, "embedding": 16, "length": 8},
    recipes=RECIPES,
    commands=(complete, adapt, embedding),
)
