"""Categories: what is an ad for, what does a question ask?  A text to two levels of classes.

    python -m experiments.categories                     made-up ads in English and Russian
    python -m experiments.categories --data TREC         questions, 6 coarse and 50 fine classes
    python -m experiments.categories --data NAMES --symbols characters
    python -m experiments.categories --data ads.csv --text-columns title description
        --label-columns category subcategory --attribute-columns price city year
    python -m experiments.categories predict RUN "Who wrote Hamlet ?"

A subcategory's probability is a share of its category's, so the two levels always agree.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from tyro.conf import Positional

from seqmodels.cli import Data, Experiment, Metric, Run
from seqmodels.commands.arguments import errors_command
from seqmodels.errors import UserError
from seqmodels.models.classification.config import TextConfig


@dataclass(frozen=True)
class Config(TextConfig):
    """Name the subcategory, and with it the category, of a text."""

    ads: int = 20_000
    """Made-up ads."""

    attribute_columns: tuple[str, ...] = ()
    """Columns of a table with attributes, numbers or names."""

    bag: int = 0
    """Weights, shared by hash, of what a text holds (data/clues.py), which vote for its classes
    beside the recurrence; 0: none."""

    sparse_rate: float = 10.0
    """Step size of sgd for those weights; it rises and falls as the learning rate does."""

    def check(self) -> None:
        """Say which number makes no sense."""
        super().check()
        if self.bag < 0 or not self.sparse_rate >= 0:
            raise UserError("--bag and --sparse-rate must be 0 or more")
        if self.bag and not self.learning_rate > 0:
            raise UserError(
                "--learning-rate must be above 0 with a --bag, whose own rate follows it"
            )


def read(config: Config):
    """Train, dev and test examples."""
    from experiments.categories.ads import ads
    from seqmodels.data.text.labelled import Columns, read_labelled

    columns = Columns(config.text_columns, config.label_columns, config.attribute_columns)
    found = config.data and read_labelled(config.data, columns, config.dev_share)
    return found or ads(config.ads)


def load(config: Config, extras: dict[str, Any] | None) -> Data:
    """The texts, and their attributes, as numbers."""
    from seqmodels.models.classification.texts import check_vectors, text_data

    check_vectors(config)
    return text_data(config, extras, read(config), "made-up ads", partial(clues_of, config))


def clues_of(config: Config, examples: Sequence[Any]) -> dict[str, Any]:
    """The field of the bag, where there is one."""
    from experiments.categories.clues import bags
    from seqmodels.data.text.labelled_fields import WRITTEN

    texts = (WRITTEN[config.symbols](e.text)[: config.max_symbols] for e in examples)
    return {"bag": bags(texts, config.bag)} if config.bag else {}


def model(config: Config, extras: dict[str, Any], hyper: dict[str, Any]):
    """A recurrence over the symbols, the attributes and a bag beside, two levels of classes."""
    from experiments.categories.attributes import attribute_size
    from experiments.categories.hierarchy import levels, two_levels
    from seqmodels.models.classification.bags import linear_bag, together
    from seqmodels.models.classification.texts import text_embedding
    from seqmodels.models.recurrent import recurrent_classifier

    coarse, parents = levels(extras["classes"])
    outputs = len(coarse) + len(parents)
    whole = recurrent_classifier(
        config,
        hyper,
        config.embedding,
        outputs,
        embedding=text_embedding(config, extras),
        static=attribute_size(extras["attributes"]),
        step_dropout=hyper.get("symbol_dropout", 0.0),
    )
    if config.bag:
        whole = together(whole, linear_bag(config.bag, outputs))
    return two_levels(whole, parents)


def task(config: Config, extras: dict[str, Any]):
    """Name the subcategory; the rates may be swept."""
    from experiments.categories.hierarchy import level_measures, levels
    from seqmodels.models.classification.classifier import classifier_task

    measures = level_measures(levels(extras["classes"]).parents)
    return classifier_task(lambda hyper: model(config, extras, hyper), measures)


@dataclass(frozen=True)
class PredictArguments:
    """What to put into a category."""

    text: Positional[str]
    """The text."""

    attributes: tuple[str, ...] = ()
    """Its attributes, in the order of the table's columns; of made-up ads price, city, year."""

    shown: int = 5
    """Classes to print."""


def predict(run: Run, arguments: PredictArguments) -> None:
    """Print the likeliest classes of a text."""
    import jax
    import numpy as np

    from experiments.categories.hierarchy import levels, sum_over
    from seqmodels.models.classification.texts import one_text

    classes, expected = run.extras["classes"], len(run.extras["attributes"])
    values = arguments.attributes or ("",) * expected
    if len(values) != expected:
        raise UserError(f"--attributes: give {expected} of them, not {len(values)}")
    more = partial(clues_of, run.config)
    batch = one_text(run.config, run.extras, arguments.text, values, more)
    apply = jax.jit(model(run.config, run.extras, {}).apply)
    logits, (coarse, parents) = apply(run.params, batch.fields)[0], levels(classes)
    for names, found in ((coarse, sum_over(logits, parents)), (classes, logits)):
        chances = np.exp(np.asarray(found))
        for number in np.argsort(-chances)[: arguments.shown]:
            print(f"{chances[number]:.4f}  {names[number]}")
        print()


EXPERIMENT: Experiment = Experiment(
    name="categories",
    config=Config,
    data=load,
    task=task,
    metric=Metric("accuracy", lower_is_better=False),
    about=__doc__ or "",
    hyper=("dropout", "symbol_dropout", "smoothing", "sparse_rate"),
    smoke={"steps": 20, "evaluate_every": 10, "hidden": 8, "embedding": 8, "ads": 1000},
    commands={
        "predict": (PredictArguments, predict),
        "errors": errors_command(
            lambda: EXPERIMENT, model, lambda config: [e.text for e in read(config).dev]
        ),
    },
)
