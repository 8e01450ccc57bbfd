"""Categories: classify texts, such as ads or questions, into two levels of classes.

    python -m experiments.categories                     generated ads in English and Russian
    python -m experiments.categories --data TREC         questions, 6 coarse and 50 fine classes
    python -m experiments.categories --data NAMES --symbols characters
    python -m experiments.categories --data ads.csv --text-columns title --attribute-columns price
    python -m experiments.categories predict RUN "Who wrote Hamlet ?"
    python -m experiments.categories errors RUN

The probability of a category is the sum over its subcategories, so the two levels always agree.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any

from tyro.conf import Positional

from experiments.categories.recipes import RECIPES
from seqmodels.cli import Baseline, Data, FitConfig, Metric, Run, define_experiment
from seqmodels.commands.error_analysis import errors
from seqmodels.data.text.config import TextConfig
from seqmodels.errors import UserError
from seqmodels.models.classification.config import CLASSIFIER_TRAINING, ClassifierConfig
from seqmodels.train.config import check_at_least_one


@dataclass(frozen=True)
class Config:
    """Classify a text into a category and a subcategory."""

    data: str | None = None
    """Folder or table of labelled texts; by default generated ads."""

    ads: int = 20_000
    """Number of generated ads."""

    attribute_columns: tuple[str, ...] = ()
    """Columns of a table with further inputs, numbers or names."""

    bag: int = 0
    """Hash buckets of a linear classifier on text features, added to the network; 0 disables it."""

    sparse_rate: float = 10.0
    """Learning rate of the linear classifier (SGD), scheduled like --learning-rate."""

    text: TextConfig = TextConfig()
    network: ClassifierConfig = ClassifierConfig()
    training: FitConfig = CLASSIFIER_TRAINING

    def check(self) -> None:
        """Validate the config."""
        check_at_least_one(self, "ads")
        if self.bag < 0 or not self.sparse_rate >= 0:
            raise UserError("--bag and --sparse-rate must be 0 or more")
        if self.bag and not self.training.optimizer.learning_rate > 0:
            raise UserError("--learning-rate must be above 0 with --bag; --sparse-rate follows it")


def read(config: Config):
    """Read or generate train, dev and test examples."""
    from experiments.categories.ads import generate_ads
    from seqmodels.data.text.labelled import Columns, read_labelled

    if config.data is None:
        return generate_ads(config.ads)
    text = config.text
    columns = Columns(text.text_columns, text.label_columns, config.attribute_columns)
    return read_labelled(config.data, columns, text.dev_share)


def load(config: Config, metadata: dict[str, Any] | None) -> Data:
    """Encode texts and attributes; logistic regression is a baseline."""
    from experiments.categories.fields import example_fields, example_metadata
    from seqmodels.data.splits import Splits
    from seqmodels.models.classification.bags import logistic_accuracy
    from seqmodels.models.classification.text_embedding import check_vectors
    from seqmodels.train.examples import example_data, majority

    check_vectors(config.text)
    parts = read(config)
    metadata = metadata or example_metadata(parts.train, config.text)
    fields = Splits(*(example_fields(part, metadata, config.text, config.bag) for part in parts))
    accuracies = logistic_accuracy(fields.train, fields.dev, fields.test)
    regression = Baseline(f"logistic regression on the {config.text.symbols}", *accuracies)
    return example_data(
        fields,
        config.training,
        name=config.data or "generated ads",
        unit="texts",
        metadata=metadata,
        baselines=[regression, majority(fields)],
    )


def model(config: Config, metadata: dict[str, Any], rates: dict[str, Any]):
    """Return a recurrent classifier of the text and its attributes, with two levels of classes."""
    from experiments.categories.attributes import attribute_size
    from experiments.categories.hierarchy import class_levels, two_level_classifier
    from seqmodels.models.classification.bags import linear_bag, sum_of_logits
    from seqmodels.models.classification.recurrent_classifier import recurrent_classifier
    from seqmodels.models.classification.text_embedding import text_embedding

    coarse, parents = class_levels(metadata["classes"])
    outputs = len(coarse) + len(parents)
    network = recurrent_classifier(
        config.network,
        rates,
        config.text.embedding,
        outputs,
        embedding=text_embedding(config.text, metadata),
        static=attribute_size(metadata["attributes"]),
        step_dropout=rates.get("symbol_dropout", 0.0),
    )
    if config.bag:
        network = sum_of_logits(network, linear_bag(config.bag, outputs))
    return two_level_classifier(network, parents)


def task(config: Config, metadata: dict[str, Any]):
    """Predict the subcategory; the accuracy on categories is a further metric."""
    from experiments.categories.hierarchy import class_levels, level_metrics
    from seqmodels.models.classification.task import classifier_task

    metrics = level_metrics(class_levels(metadata["classes"]).parents)
    return classifier_task(partial(model, config, metadata), metrics)


@dataclass(frozen=True)
class ExampleArguments:
    """Text to classify."""

    text: Positional[str]
    """The text."""

    attributes: tuple[str, ...] = ()
    """Its attributes, in the order of the table's columns; for generated ads price, city, year."""

    shown: int = 5
    """Number of classes to print."""


def predict(run: Run, arguments: ExampleArguments) -> None:
    """Print and draw the most probable categories and subcategories of a text."""
    import jax
    import numpy as np

    from experiments.categories.fields import example_fields
    from experiments.categories.hierarchy import class_levels, coarse_logsumexp
    from experiments.categories.pictures import draw_levels
    from seqmodels.commands.output import print_picture
    from seqmodels.data.batching import example_batches
    from seqmodels.data.text.labelled import Example

    config, classes = run.config, run.metadata["classes"]
    count = len(run.metadata["attributes"])
    attributes = arguments.attributes or ("",) * count
    if len(attributes) != count:
        raise UserError(f"--attributes has {len(attributes)} values; give {count}")
    example = Example(arguments.text, classes[0], attributes)
    fields = example_fields([example], run.metadata, config.text, config.bag)
    logits = jax.jit(run.model.apply)(run.params, example_batches(fields, 1)(0).fields)[0]
    names, parents = class_levels(classes)
    coarse, fine = (np.exp(np.asarray(x)) for x in (coarse_logsumexp(logits, parents), logits))
    print_top(coarse, names, arguments.shown)
    print_top(fine, classes, arguments.shown)
    path = run.path / "prediction.png"
    draw_levels(coarse, fine, names, classes, parents, arguments.shown, path)
    print_picture(path)


def print_top(probabilities: Any, names: list[str], count: int) -> None:
    """Print the most probable classes, followed by an empty line."""
    for number in (-probabilities).argsort()[:count]:
        print(f"{probabilities[number]:.4f}  {names[number]}")
    print()


def examples(config: Config) -> list[str]:
    """Return the texts of the dev split."""
    return [example.text for example in read(config).dev]


EXPERIMENT = define_experiment(
    __name__,
    metric=Metric("accuracy", lower_is_better=False),
    rates=("dropout", "symbol_dropout", "smoothing", "sparse_rate"),
    smoke={"steps": 20, "evaluate_every": 10, "hidden": 8, "embedding": 8, "ads": 1000},
    recipes=RECIPES,
    commands=(predict, errors),
    examples=examples,
)
