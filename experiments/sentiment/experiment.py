"""Sentiment: is a text positive or negative? Words in, one probability out.

    python -m experiments.sentiment                     generated reviews; word order matters
    python -m experiments.sentiment --model bag         the same without word order
    python -m experiments.sentiment --data FOLDER       SST-2, GLUE, IMDB, MR, or a CSV table
    python -m experiments.sentiment predict RUN "the food was good , not bad at all"
    python -m experiments.sentiment errors RUN

For generated reviews, accuracy is also reported for each property in reviews.py.
"""

from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

from experiments.sentiment.recipes import RECIPES
from seqmodels.cli import Baseline, Data, Metric, Run, define_experiment
from seqmodels.commands.error_analysis import errors
from seqmodels.commands.text import TextArguments
from seqmodels.data.text.config import TextConfig
from seqmodels.errors import UserError
from seqmodels.models.classification.config import CLASSIFIER_TRAINING, ClassifierConfig
from seqmodels.train.config import FitConfig, check_at_least_one


@dataclass(frozen=True)
class Config:
    """Classify a text as negative or positive."""

    data: str | None = None
    """Folder or table of labelled texts; by default generated reviews."""

    reviews: int = 40_000
    """Number of generated reviews."""

    model: Literal["recurrent", "bag", "window", "unshared"] = "recurrent"
    """Recurrent network, mean of the word vectors, last words, or separate weights per position."""

    window: int = 6
    """Number of last words that the window model reads."""

    places: int = 44
    """Number of first words that the unshared model reads."""

    text: TextConfig = TextConfig(embedding=32)
    network: ClassifierConfig = ClassifierConfig(hidden=32)
    training: FitConfig = replace(CLASSIFIER_TRAINING, steps=1000, evaluate_every=250)

    def check(self) -> None:
        """Validate the config."""
        check_at_least_one(self, "reviews", "window", "places")


def read(config: Config):
    """Read or generate train, dev and test examples."""
    from experiments.sentiment.reviews import generate_reviews
    from seqmodels.data.text.labelled import Columns, read_labelled

    if config.data is None:
        return generate_reviews(config.reviews)
    columns = Columns(config.text.text_columns, config.text.label_columns)
    return read_labelled(config.data, columns, config.text.dev_share)


def load(config: Config, metadata: dict[str, Any] | None) -> Data:
    """Encode the texts; generated reviews also have their properties as a field."""
    from experiments.sentiment.reviews import review_properties
    from seqmodels.data.splits import Splits
    from seqmodels.data.text.labelled_fields import text_fields, text_metadata
    from seqmodels.models.classification.bags import logistic_accuracy
    from seqmodels.models.classification.text_embedding import check_vectors
    from seqmodels.train.examples import example_data, majority

    check_vectors(config.text)
    parts = read(config)
    metadata = metadata or text_metadata(parts.train, config.text)
    if (count := len(metadata["classes"])) != 2:
        other = "python -m experiments.categories"
        raise UserError(f"--data {config.data} has {count} classes, not 2; use {other}")
    fields = Splits(*(text_fields(part, metadata, config.text) for part in parts))
    if config.data is None:
        fields = Splits(*(f | review_properties(p) for f, p in zip(fields, parts, strict=True)))
    accuracies = logistic_accuracy(fields.train, fields.dev, fields.test)
    regression = Baseline(f"logistic regression on the {config.text.symbols}", *accuracies)
    return example_data(
        fields,
        config.training,
        name=config.data or "generated reviews",
        unit="texts",
        metadata=metadata,
        baselines=[regression, majority(fields)],
    )


def model(config: Config, metadata: dict[str, Any], rates: dict[str, Any]):
    """Return a recurrent classifier, or one of three models that ignore part of the input."""
    from seqmodels.models.classification import bags
    from seqmodels.models.classification.recurrent_classifier import recurrent_classifier
    from seqmodels.models.classification.text_embedding import text_embedding

    embedding = text_embedding(config.text, metadata)
    size, hidden = config.text.embedding, config.network.hidden
    if config.model == "bag":
        return bags.bag_of_words(embedding, (size, hidden, 2))
    if config.model == "window":
        return bags.last_words(embedding, config.window, (size, hidden, 2))
    if config.model == "unshared":
        symbols = len(metadata["vocabulary"]["symbols"])
        return bags.unshared_words(symbols, config.places, (hidden, 2))
    rate = rates.get("symbol_dropout", 0.0)
    return recurrent_classifier(
        config.network, rates, size, 2, embedding=embedding, step_dropout=rate
    )


def task(config: Config, metadata: dict[str, Any]):
    """Predict the class."""
    from seqmodels.models.classification.task import classifier_task

    return classifier_task(partial(model, config, metadata), metrics)


def metrics(logits, fields, weight):
    """Return likelihood and accuracy; for generated reviews also the accuracy by property."""
    from experiments.sentiment.reviews import PROPERTIES
    from seqmodels.losses.classification import is_correct, weighted_sum
    from seqmodels.models.classification.task import class_metrics

    found = class_metrics(logits, fields, weight)
    for number, name in enumerate(PROPERTIES if "properties" in fields else ()):
        has = fields["properties"][:, number] * weight
        found[name] = weighted_sum(is_correct(logits, fields["label"]), has)
    return found


def predict(run: Run, arguments: TextArguments) -> None:
    """Print the probability of the second class after each word, and draw it."""
    from seqmodels.commands.output import print_picture
    from seqmodels.data.text.labelled import Example
    from seqmodels.data.text.labelled_fields import SPLITTERS, text_fields
    from seqmodels.data.text.vocabulary import Vocabulary
    from seqmodels.diagnostics.plots.probability_curves import draw_probability_curves
    from seqmodels.models.classification.prefixes import prefix_probabilities

    config, classes = run.config.text, run.metadata["classes"]
    symbols = SPLITTERS[config.symbols](arguments.text)[: config.max_symbols]
    if not symbols:
        raise UserError("the text is empty; give at least one word")
    if unknown := Vocabulary.from_dict(run.metadata["vocabulary"]).unknown(symbols):
        print(f"not in the vocabulary: {' '.join(unknown)}")
    example = Example(arguments.text, classes[0])
    sequence = text_fields([example], run.metadata, config)["x"].values
    probabilities = prefix_probabilities(run.model, run.params, sequence)
    for symbol, probability in zip(symbols, probabilities[:, 1], strict=True):
        print(f"{probability:.3f} {'#' * round(30 * probability):<30} {symbol}")
    print(f"p({classes[1]}) = {probabilities[-1, 1]:.4f}")
    draw_probability_curves(symbols, probabilities, classes, run.path / "prediction.png")
    print_picture(run.path / "prediction.png")


def examples(config: Config) -> list[str]:
    """Return the texts of the dev split."""
    return [example.text for example in read(config).dev]


EXPERIMENT = define_experiment(
    __name__,
    metric=Metric("accuracy", lower_is_better=False),
    rates=("dropout", "symbol_dropout", "smoothing"),
    smoke={"steps": 20, "evaluate_every": 10, "hidden": 8, "embedding": 8, "reviews": 1000},
    recipes=RECIPES,
    commands=(predict, errors),
    examples=examples,
)
