"""The next word: a language model reads a text and tells at every word which comes next.

    python -m experiments.next_word                       English from Python's own documentation
    python -m experiments.next_word --data FILE           any text, or a folder of texts
    python -m experiments.next_word --data FOLDER         train, valid and test files as of PTB
    python -m experiments.next_word --recipe zaremba-small --data FOLDER
    python -m experiments.next_word complete RUN "this morning I took my cat for a"
    python -m experiments.next_word adapt RUN   with a cache and dynamic evaluation
    python -m experiments.next_word embedding RUN --near cat   similar words, a picture, a file

Every word but the first is predicted once, ``<eos>`` and ``<unk>`` as any other; the state is
carried on through the whole split: dev in eight streams, test in one.
"""

from dataclasses import dataclass
from math import exp
from typing import Any, Literal

from experiments.next_word.arguments import AdaptArguments, CompleteArguments, WordModelConfig
from experiments.next_word.recipes import WORD_MODELS
from seqmodels.cli import Baseline, Data, Experiment, Metric, Run
from seqmodels.commands.embedding import EmbeddingArguments
from seqmodels.errors import UserError


@dataclass(frozen=True)
class Config(WordModelConfig):
    """Predict each next word of a text."""

    recipe: Literal["none", "zaremba-small", "awd-lstm"] = "none"
    """Published settings to begin from; other flags hold over them."""

    data: str | None = None
    """Text, folder of texts, or folder with train, valid and test files; none: Python's own."""

    tokens: Literal["auto", "spaces", "words"] = "auto"
    """Words are what stands between spaces, or made of plain text; auto: spaces for train files."""

    splits: tuple[float, float, float] = (0.8, 0.1, 0.1)
    """Shares of train, dev and test where they are not files of their own."""

    vocabulary: int = 0
    """Most frequent words to know, <unk> among them; 0: all."""

    min_count: int = 0
    """Rarer words of the training text are <unk>; 0: 2, or 1 where the words come made."""

    batch_size: int = 20
    """Parallel streams of text."""

    length: int = 32
    """Words that a gradient reaches back; the state itself is carried on."""

    steps: int = 1000
    evaluate_every: int = 250
    learning_rate: float = 4e-3
    schedule: Literal["constant", "cosine", "exponential", "staircase", "plateau"] = "cosine"

    def check(self) -> None:
        """Say which number makes no sense."""
        super().check()
        if self.vocabulary < 0 or self.vocabulary == 1 or self.min_count < 0:
            raise UserError("--vocabulary must be 2 or more, --min-count 1 or more, or either 0")


def encoded(config: Config, extras: dict[str, Any] | None):
    """The three texts as numbers, and what a model needs to know: the first run's vocabulary."""
    from experiments.next_word.corpus import read_corpus, tokeniser
    from seqmodels.data.splits import Splits
    from seqmodels.data.text.vocabulary import UNKNOWN, Vocabulary, build_vocabulary

    texts = read_corpus(config.data, config.splits, config.tokens)
    if extras is None:
        kind = tokeniser(config.data, config.tokens)
        rare, most = config.min_count or (2 if kind == "words" else 1), config.vocabulary or None
        made = build_vocabulary(texts.train, specials=(UNKNOWN,), min_count=rare, max_size=most)
        extras = {"vocabulary": made.to_dict(), "tokens": kind}
    vocabulary = Vocabulary.from_dict(extras["vocabulary"])
    return Splits(*map(vocabulary.encode, texts)), extras


def load(config: Config, extras: dict[str, Any] | None) -> Data:
    """Windows of the texts; <unk> is word number 0."""
    from seqmodels.data.streams import evaluation_windows, training_windows
    from seqmodels.models.language.counting import ngram_nats

    (train, dev, test), extras = encoded(config, extras)
    batch, length, count = config.batch_size, config.length, len(extras["vocabulary"]["symbols"])
    dev_windows = evaluation_windows(dev, 8, length, name="the dev text")
    unigram, bigram = ngram_nats(train, dev, count, (1.0, 10.0, 100.0, 1000.0))
    name, unknown = config.data or "Python's documentation", (dev == 0).mean()
    return Data(
        train=training_windows(train, batch, length, seed=config.seed, name="the training text"),
        dev=dev_windows,
        test=evaluation_windows(test, 1, length, name="the test text") if len(test) else None,
        name=f"{name} ({count:,} different words, {unknown:.1%} of dev <unk>)",
        sizes={"train": len(train), "dev": len(dev), "test": len(test)},
        unit="words",
        baseline=Baseline(
            bigram, f"pairs, perplexity {exp(bigram):.1f}; single {exp(unigram):.1f}"
        ),
        extras=extras,
    )


def model(config: Config, extras: dict[str, Any]):
    """The trained model, without noise."""
    from experiments.next_word.word_model import word_model

    return word_model(config, len(extras["vocabulary"]["symbols"]))


def task(config: Config, extras: dict[str, Any]):
    """Predict the next word."""
    from experiments.next_word.word_model import word_model_task

    return word_model_task(config, len(extras["vocabulary"]["symbols"]))


def complete(run: Run, arguments: CompleteArguments) -> None:
    """List the likeliest next words with their probabilities, or go on with a text."""
    from experiments.next_word.corpus import EOS, TOKENISERS
    from seqmodels.data.text.vocabulary import Vocabulary
    from seqmodels.models.language.writer import likeliest, write

    vocabulary = Vocabulary.from_dict(run.extras["vocabulary"])
    text = [EOS, *TOKENISERS[run.extras["tokens"]](arguments.text)]
    text = text[:-1] if text[-1] == EOS and len(text) > 1 else text
    if unseen := vocabulary.unknown(text):
        print(f"never seen in training: {' '.join(unseen)}")
    prime, reader = vocabulary.encode(text), model(run.config, run.extras)
    if not arguments.words:
        for word, share in likeliest(reader, run.params, prime, arguments.likeliest):
            print(f"{share:6.1%}  {vocabulary.symbols[word]}")
        return
    options = {"temperature": arguments.temperature, "seed": arguments.seed}
    pieces = write(reader, run.params, prime, arguments.words, **options)
    drawn = [word for piece in pieces for word in vocabulary.decode(piece[:, 0])]
    print(" ".join([*text[1:], *drawn]).replace(EOS, "\n"))


def adapt(run: Run, arguments: AdaptArguments) -> None:
    """Perplexities with a cache and with dynamic evaluation, in one stream; chosen on dev."""
    from seqmodels.data.streams import evaluation_windows
    from seqmodels.models.language.adapt import adaptations, gradient_squares, try_out

    texts, _ = encoded(run.config, run.extras)
    held_out = [evaluation_windows(part, 1, arguments.length) for part in texts[1:] if len(part)]
    train = load(run.config, run.extras).train
    squares = gradient_squares(run.task, run.params, {}, train, arguments.squares)
    ways = adaptations(run.task, model(run.config, run.extras), squares, arguments.cache)
    print("perplexity  dev" + "      test" * (len(held_out) - 1))
    grid = {name: v for name, v in vars(arguments).items() if isinstance(v, tuple)}
    for name, values, nats in try_out(ways, run.params, grid, held_out):
        shown = "  ".join(f"{key} {value:g}" for key, value in values.items())
        print(f"{name:<10}" + "".join(f"{exp(each):9.2f}" for each in nats) + f"   {shown}")


def embedding(run: Run, arguments: EmbeddingArguments) -> None:
    """List nearest neighbours of words, draw the embedding in two dimensions, write it down."""
    import numpy as np

    from seqmodels.commands.embedding import show_embedding
    from seqmodels.data.text.vocabulary import Vocabulary

    if not run.params["embedding"]:
        raise UserError(f"{run.directory.path} has no embedding: train one with --embedding")
    vectors = np.asarray(run.params["embedding"]["embedding"])
    vocabulary = Vocabulary.from_dict(run.extras["vocabulary"])
    show_embedding(vectors, vocabulary, arguments, run.directory.path / "embedding.png")


EXPERIMENT = Experiment(
    name="next_word",
    config=Config,
    data=load,
    task=task,
    metric=Metric("nats"),
    about=__doc__ or "",
    hyper=("dropout",),
    derive=lambda means: {"perplexity": exp(means["nats"])},
    smoke={"steps": 20, "evaluate_every": 10, "hidden": 16, "embedding": 16, "length": 8},
    recipes=WORD_MODELS,
    commands={
        "complete": (CompleteArguments, complete),
        "adapt": (AdaptArguments, adapt),
        "embedding": (EmbeddingArguments, embedding),
    },
)
