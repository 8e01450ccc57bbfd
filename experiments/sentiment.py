"""Sentiment: does a text praise or blame?  Words to one probability.

    python -m experiments.sentiment                     made-up reviews in which order decides
    python -m experiments.sentiment --model bag         the same for a model that knows no order
    python -m experiments.sentiment --data FOLDER       SST-2, GLUE, IMDB, MR, or a table (CSV)
    python -m experiments.sentiment predict RUN "the food was good , not bad at all"
    python -m experiments.sentiment errors RUN

Of the made-up reviews, accuracy is measured on the texts of each kind that data/reviews.py names.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from tyro.conf import Positional

from seqmodels.cli import Baseline, Data, Experiment, FitConfig, Metric, Run, main
from seqmodels.diagnostics.arguments import ErrorsArguments
from seqmodels.errors import UserError


@dataclass(frozen=True)
class Config(FitConfig):
    """Tell praise from blame."""

    data: str | None = None
    """Folder of SST-2, GLUE, IMDB or MR, or a .csv or .tsv file; none: made-up reviews."""

    reviews: int = 40_000
    """Made-up reviews."""

    text_column: str = "text"
    """Column of a table that holds the text."""

    label_column: str = "label"
    """Column of a table that holds the label."""

    model: Literal["recurrent", "bag", "window", "unshared"] = "recurrent"
    """A recurrence; or the mean of the words, the last few words, weights for every place."""

    cell: str = "lstm"
    """Recurrence, a name in seqmodels.cells.CELLS: rnn, lstm, gru, ..."""

    layers: int = 1
    """Recurrent layers."""

    hidden: int = 32
    """Units of each layer, in each direction."""

    bidirectional: bool = True
    """Read the text in both directions."""

    pool: tuple[str, ...] = ("mean", "max")
    """What the answer rests on: last, mean, max, attention; several are put side by side."""

    head: tuple[int, ...] = ()
    """Units of the layers between the summary of the text and the answer."""

    window: int = 6
    """Last words that the window model sees."""

    places: int = 44
    """First words that the model without shared weights sees; no training review is longer."""

    embedding: int = 32
    """Features that stand for a word."""

    vectors: str | None = None
    """Word vectors to begin from, a text file of GloVe or word2vec."""

    min_count: int = 2
    """Rarer words of the training texts are taken for unknown."""

    max_words: int = 400
    """Only so many words at the beginning of a text are read."""

    dropout: float = 0.2
    """Share of the layers' inputs and of the head's that is dropped in training."""

    word_dropout: float = 0.0
    """Share of the words that is dropped in training."""

    smoothing: float = 0.0
    """Label smoothing."""

    batch_size: int = 64
    """Texts of a step."""

    steps: int = 1000
    evaluate_every: int = 250
    dispatch: int = 1
    learning_rate: float = 5e-3
    schedule: Literal["constant", "cosine", "exponential", "plateau"] = "cosine"


def read(config: Config):
    """Train, dev and test examples; the attributes of a made-up review are its properties."""
    from seqmodels.data.labelled import Columns, Example, read_labelled
    from seqmodels.data.reviews import reviews
    from seqmodels.data.splits import Splits

    if config.data:
        return read_labelled(config.data, Columns((config.text_column,), (config.label_column,)))
    name = {True: "praise", False: "blame"}
    made = reviews(config.reviews)
    return Splits(
        *([Example(r.text, name[r.praises], (*r.properties,)) for r in part] for part in made)
    )


def load(config: Config, extras: dict[str, Any] | None) -> Data:
    """The texts as numbers; the vocabulary is that of the first run's training texts."""
    import numpy as np

    from seqmodels.data.reviews import PROPERTIES
    from seqmodels.data.texts import text_batches, text_fields, text_vocabulary
    from seqmodels.data.vocabulary import Vocabulary
    from seqmodels.models.bags import logistic_accuracy

    parts = read(config)
    if extras is None:
        vocabulary = text_vocabulary(parts.train, config.min_count)
        classes = sorted({example.label for example in parts.train})
        extras = {"vocabulary": vocabulary.to_dict(), "classes": classes}
    check(config, extras["classes"])
    vocabulary, fields = Vocabulary.from_dict(extras["vocabulary"]), {}
    for split, part in parts._asdict().items():
        fields[split] = text_fields(part, vocabulary, extras["classes"], config.max_words)
        if not config.data:
            has = [[name in example.attributes for name in PROPERTIES] for example in part]
            fields[split]["properties"] = np.array(has, np.float32)
    train, dev = fields["train"], fields["dev"]
    bag = logistic_accuracy(train["x"], train["label"], dev["x"], dev["label"])
    return Data(
        train=text_batches(train, config.batch_size, seed=config.seed, run=config.dispatch),
        dev=text_batches(dev, 128),
        test=text_batches(fields["test"], 128),
        name=config.data or "made-up reviews",
        sizes={split: len(part) for split, part in parts._asdict().items()},
        unit="texts",
        baseline=Baseline(bag, "logistic regression on the words of dev"),
        extras=extras,
    )


def check(config: Config, classes: list[str]) -> None:
    """One line for data that does not fit."""
    from seqmodels.data.vectors import vector_size

    if len(classes) != 2:
        other = "python -m experiments.categories"
        raise UserError(f"--data {config.data} has {len(classes)} classes, not 2: use {other}")
    if config.vectors and (size := vector_size(config.vectors)) != config.embedding:
        raise UserError(f"--vectors {config.vectors} has {size} features: give --embedding {size}")


def model(config: Config, extras: dict[str, Any], hyper: dict[str, Any]):
    """A recurrence over the words, or one of the three models that lack something."""
    from seqmodels.data.vectors import read_vectors
    from seqmodels.data.vocabulary import Vocabulary
    from seqmodels.models import bags
    from seqmodels.models.classifier import classifier
    from seqmodels.models.embedding import word_embedding
    from seqmodels.models.layers import recurrent_layers

    vocabulary, classes = Vocabulary.from_dict(extras["vocabulary"]), len(extras["classes"])
    path = config.vectors
    outside = partial(read_vectors, path, vocabulary.index) if path else None
    embedding = word_embedding(len(vocabulary), config.embedding, load=outside)
    if config.model == "bag":
        return bags.bag_of_words(embedding, (config.embedding, config.hidden, classes))
    if config.model == "window":
        return bags.last_words(embedding, config.window, (config.hidden, classes))
    if config.model == "unshared":
        return bags.unshared_words(len(vocabulary), config.places, (config.hidden, classes))
    rate, ways = hyper.get("dropout", 0.0), config.bidirectional
    return classifier(
        recurrent_layers(
            config.cell, config.embedding, config.hidden, config.layers, both_ways=ways, drop=rate
        ),
        classes,
        embedding=embedding,
        pool=config.pool,
        hidden=config.head,
        dropout=rate,
        step_dropout=hyper.get("word_dropout", 0.0),
    )


def task(config: Config, extras: dict[str, Any]):
    """Tell praise from blame; the rates may be swept."""
    from seqmodels.models.classifier import classifier_task

    return classifier_task(lambda hyper: model(config, extras, hyper), measures)


def measures(logits, fields, weight):
    """Likelihood and accuracy, and of made-up reviews the accuracy on those with each property."""
    from seqmodels.data.reviews import PROPERTIES
    from seqmodels.models.classifier import class_measures, hits, weighted

    found = class_measures(logits, fields, weight)
    for number, name in enumerate(PROPERTIES if "properties" in fields else ()):
        has = fields["properties"][:, number] * weight
        found[name] = weighted(hits(logits, fields["label"]), has)
    return found


@dataclass(frozen=True)
class PredictArguments:
    """What to judge."""

    text: Positional[str]
    """The text."""


def predict(run: Run, arguments: PredictArguments) -> None:
    """Print the probability that a text praises, and draw it as it changes with each word."""
    from seqmodels.data.vocabulary import Vocabulary
    from seqmodels.data.words import words
    from seqmodels.diagnostics.unfolding import draw_unfolding, unfolding

    vocabulary, classes = Vocabulary.from_dict(run.extras["vocabulary"]), run.extras["classes"]
    text = words(arguments.text)[: run.config.max_words]
    if not text:
        raise UserError("the text is empty: give some words")
    if unseen := vocabulary.unknown(text):
        print(f"never seen in training: {' '.join(unseen)}")
    judge = model(run.config, run.extras, {})
    found = unfolding(judge, run.params, vocabulary.encode(text))
    for word, probability in zip(text, found[:, 1], strict=True):
        print(f"{probability:.3f} {'#' * round(30 * probability):<30} {word}")
    print(f"p({classes[1]}) = {found[-1, 1]:.4f}")
    draw_unfolding(text, found, classes, run.directory.path / "prediction.png")
    print(f"drawn in {run.directory.path / 'prediction.png'}")


def errors(run: Run, arguments: ErrorsArguments) -> None:
    """Where the errors come from: three splits, confusions, calibration, the worst mistakes."""
    from seqmodels.diagnostics.report import report

    judge, shown = model(run.config, run.extras, {}), [e.text for e in read(run.config).dev]
    report(EXPERIMENT, run, arguments, judge, run.extras["classes"], shown)


EXPERIMENT = Experiment(
    name="sentiment",
    config=Config,
    data=load,
    task=task,
    metric=Metric("accuracy", lower_is_better=False),
    about=__doc__ or "",
    hyper=("dropout", "word_dropout", "smoothing"),
    smoke={"steps": 20, "evaluate_every": 10, "hidden": 8, "embedding": 8, "reviews": 1000},
    commands={"predict": (PredictArguments, predict), "errors": (ErrorsArguments, errors)},
)

if __name__ == "__main__":
    main(EXPERIMENT)
