"""Sentiment: does a text praise or blame?  Words to one probability.

    python -m experiments.sentiment                     made-up reviews in which order decides
    python -m experiments.sentiment --model bag         the same for a model that knows no order
    python -m experiments.sentiment --data FOLDER       SST-2, GLUE, IMDB, MR, or a table (CSV)
    python -m experiments.sentiment predict RUN "the food was good , not bad at all"
    python -m experiments.sentiment errors RUN

Of the made-up reviews, accuracy is measured on the texts of each kind that data/reviews.py names.
"""

from dataclasses import dataclass
from typing import Any, Literal

from tyro.conf import Positional

from seqmodels.cli import Data, Experiment, Metric, Run
from seqmodels.commands.arguments import errors_command
from seqmodels.errors import UserError
from seqmodels.models.classification.config import TextConfig


@dataclass(frozen=True)
class Config(TextConfig):
    """Tell praise from blame."""

    reviews: int = 40_000
    """Made-up reviews."""

    model: Literal["recurrent", "bag", "window", "unshared"] = "recurrent"
    """A recurrence; or the mean of the words, the last few words, weights for every place."""

    window: int = 6
    """Last words that the window model sees."""

    places: int = 44
    """First words that the model without shared weights sees; no training review is longer."""

    hidden: int = 32
    embedding: int = 32
    steps: int = 1000
    evaluate_every: int = 250


def read(config: Config):
    """Train, dev and test examples."""
    from experiments.sentiment.reviews import reviews
    from seqmodels.data.text.labelled import Columns, read_labelled

    columns = Columns(config.text_columns, config.label_columns)
    found = config.data and read_labelled(config.data, columns, config.dev_share)
    return found or reviews(config.reviews)


def load(config: Config, extras: dict[str, Any] | None) -> Data:
    """The texts as numbers; of made-up reviews also their properties."""
    from experiments.sentiment.reviews import review_properties
    from seqmodels.models.classification.texts import check_vectors, text_data

    check_vectors(config)
    more = {} if config.data else {"more": review_properties}
    data = text_data(config, extras, read(config), "made-up reviews", **more)
    if (count := len(data.extras["classes"])) != 2:
        other = "python -m experiments.categories"
        raise UserError(f"--data {config.data} has {count} classes, not 2: use {other}")
    return data


def model(config: Config, extras: dict[str, Any], hyper: dict[str, Any]):
    """A recurrence over the words, or one of the three models that lack something."""
    from seqmodels.models.classification import bags
    from seqmodels.models.classification.texts import text_embedding
    from seqmodels.models.recurrent import recurrent_classifier

    embedding, size = text_embedding(config, extras), config.embedding
    if config.model == "bag":
        return bags.bag_of_words(embedding, (size, config.hidden, 2))
    if config.model == "window":
        return bags.last_words(embedding, config.window, (size, config.hidden, 2))
    if config.model == "unshared":
        symbols = len(extras["vocabulary"]["symbols"])
        return bags.unshared_words(symbols, config.places, (config.hidden, 2))
    rate = hyper.get("symbol_dropout", 0.0)
    return recurrent_classifier(config, hyper, size, 2, embedding=embedding, step_dropout=rate)


def task(config: Config, extras: dict[str, Any]):
    """Tell praise from blame; the rates may be swept."""
    from seqmodels.models.classification.classifier import classifier_task

    return classifier_task(lambda hyper: model(config, extras, hyper), measures)


def measures(logits, fields, weight):
    """Likelihood and accuracy, and of made-up reviews the accuracy on those with each property."""
    from experiments.sentiment.reviews import PROPERTIES
    from seqmodels.models.classification.classifier import class_measures, hits, weighted

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
    from seqmodels.data.text.labelled import Example
    from seqmodels.data.text.labelled_fields import SYMBOLS
    from seqmodels.data.text.vocabulary import Vocabulary
    from seqmodels.diagnostics.plots.unfolding import draw_unfolding, unfolding
    from seqmodels.models.classification.texts import fields_of

    config, classes = run.config, run.extras["classes"]
    text = SYMBOLS[config.symbols](arguments.text)[: config.max_symbols]
    if not text:
        raise UserError("the text is empty: give some words")
    if unseen := Vocabulary.from_dict(run.extras["vocabulary"]).unknown(text):
        print(f"never seen in training: {' '.join(unseen)}")
    example = Example(arguments.text, classes[0])
    sequence = fields_of(config, run.extras, [example])["x"].values
    found = unfolding(model(config, run.extras, {}), run.params, sequence)
    for word, probability in zip(text, found[:, 1], strict=True):
        print(f"{probability:.3f} {'#' * round(30 * probability):<30} {word}")
    print(f"p({classes[1]}) = {found[-1, 1]:.4f}")
    draw_unfolding(text, found, classes, run.directory.path / "prediction.png")
    print(f"drawn in {run.directory.path / 'prediction.png'}")


EXPERIMENT: Experiment = Experiment(
    name="sentiment",
    config=Config,
    data=load,
    task=task,
    metric=Metric("accuracy", lower_is_better=False),
    about=__doc__ or "",
    hyper=("dropout", "symbol_dropout", "smoothing"),
    smoke={"steps": 20, "evaluate_every": 10, "hidden": 8, "embedding": 8, "reviews": 1000},
    commands={
        "predict": (PredictArguments, predict),
        "errors": errors_command(
            lambda: EXPERIMENT, model, lambda config: [e.text for e in read(config).dev]
        ),
    },
)
