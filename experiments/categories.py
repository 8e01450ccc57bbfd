"""Categories: what is an ad for, what does a question ask?  A text to two levels of classes.

    python -m experiments.categories                     made-up ads in English and Russian
    python -m experiments.categories --data TREC         questions, 6 coarse and 50 fine classes
    python -m experiments.categories --data NAMES --symbols characters
    python -m experiments.categories --data ads.csv --text-columns title description
        --label-columns category subcategory --attribute-columns price city year
    python -m experiments.categories predict RUN "Who wrote Hamlet ?"

A subcategory's probability is a share of its category's, so the two levels always agree.
"""

from dataclasses import dataclass
from typing import Any, Literal

from tyro.conf import Positional

from seqmodels.cli import Baseline, Data, Experiment, FitConfig, Metric, Run, main
from seqmodels.diagnostics.arguments import ErrorsArguments
from seqmodels.errors import UserError


@dataclass(frozen=True)
class Config(FitConfig):
    """Name the subcategory, and with it the category, of a text."""

    data: str | None = None
    """Folder of TREC, of names by language, or a table; none: made-up ads."""

    ads: int = 20_000
    """Made-up ads."""

    text_columns: tuple[str, ...] = ("text",)
    """Columns of a table that make up the text."""

    label_columns: tuple[str, ...] = ("label",)
    """Columns of a table with category and subcategory, or one with "category:subcategory"."""

    attribute_columns: tuple[str, ...] = ()
    """Columns of a table with attributes, numbers or names."""

    symbols: Literal["words", "characters"] = "words"
    """What a text is made of."""

    cell: str = "lstm"
    """Recurrence, a name in seqmodels.cells.CELLS: rnn, lstm, gru, ..."""

    layers: int = 1
    """Recurrent layers."""

    hidden: int = 48
    """Units of each layer, in each direction."""

    pool: tuple[str, ...] = ("mean", "max")
    """What the answer rests on: last, mean, max, attention; several are put side by side."""

    embedding: int = 48
    """Features that stand for a symbol."""

    min_count: int = 2
    """Rarer symbols of the training texts are taken for unknown."""

    max_symbols: int = 200
    """Only so many symbols at the beginning of a text are read."""

    dropout: float = 0.2
    """Share of the layers' inputs and of the head's that is dropped in training."""

    symbol_dropout: float = 0.0
    """Share of the symbols that is dropped in training."""

    smoothing: float = 0.0
    """Label smoothing."""

    batch_size: int = 64
    """Texts of a step."""

    steps: int = 600
    evaluate_every: int = 200
    dispatch: int = 1
    learning_rate: float = 5e-3
    schedule: Literal["constant", "cosine", "exponential", "plateau"] = "cosine"


def read(config: Config):
    """Train, dev and test examples."""
    from seqmodels.data.ads import ads
    from seqmodels.data.labelled import Columns, read_labelled

    columns = Columns(config.text_columns, config.label_columns, config.attribute_columns)
    return read_labelled(config.data, columns) if config.data else ads(config.ads)


def load(config: Config, extras: dict[str, Any] | None) -> Data:
    """The texts as numbers; what is known of the data comes from the first run's training part."""
    from seqmodels.data.attributes import attribute_features, attribute_scheme
    from seqmodels.data.texts import text_batches, text_fields, text_vocabulary
    from seqmodels.data.vocabulary import Vocabulary
    from seqmodels.data.words import words
    from seqmodels.models.bags import logistic_accuracy

    parts, symbols = read(config), words if config.symbols == "words" else str
    if extras is None:
        extras = {
            "vocabulary": text_vocabulary(parts.train, config.min_count, symbols).to_dict(),
            "classes": sorted({example.label for example in parts.train}),
            "attributes": attribute_scheme([example.attributes for example in parts.train]),
        }
    vocabulary, fields = Vocabulary.from_dict(extras["vocabulary"]), {}
    for split, part in parts._asdict().items():
        fields[split] = text_fields(
            part, vocabulary, extras["classes"], config.max_symbols, symbols
        )
        if extras["attributes"]:
            rows = [example.attributes for example in part]
            fields[split]["static"] = attribute_features(rows, extras["attributes"])
    train, dev = fields["train"], fields["dev"]
    bag = logistic_accuracy(train["x"], train["label"], dev["x"], dev["label"])
    return Data(
        train=text_batches(train, config.batch_size, seed=config.seed, run=config.dispatch),
        dev=text_batches(dev, 128),
        test=text_batches(fields["test"], 128),
        name=config.data or "made-up ads",
        sizes={split: len(part) for split, part in parts._asdict().items()},
        unit="texts",
        baseline=Baseline(bag, f"logistic regression on the {config.symbols} of dev"),
        extras=extras,
    )


def levels(extras: dict[str, Any]):
    """Names of the categories, and for each class the number of its category."""
    import numpy as np

    above = [name.partition(":")[0] for name in extras["classes"]]
    coarse = sorted(set(above))
    return coarse, np.array([coarse.index(name) for name in above])


def model(config: Config, extras: dict[str, Any], hyper: dict[str, Any]):
    """Both directions over the symbols, the attributes beside, two levels of classes."""

    from seqmodels.data.attributes import attribute_size
    from seqmodels.models.classifier import classifier
    from seqmodels.models.embedding import word_embedding
    from seqmodels.models.hierarchy import two_levels
    from seqmodels.models.layers import recurrent_layers

    (coarse, parents), rate = levels(extras), hyper.get("dropout", 0.0)
    cells = recurrent_layers(
        config.cell, config.embedding, config.hidden, config.layers, both_ways=True, drop=rate
    )
    whole = classifier(
        cells,
        len(coarse) + len(parents),
        embedding=word_embedding(len(extras["vocabulary"]["symbols"]), config.embedding),
        pool=config.pool,
        static=attribute_size(extras["attributes"]),
        dropout=rate,
        step_dropout=hyper.get("symbol_dropout", 0.0),
    )
    return two_levels(whole, parents)


def task(config: Config, extras: dict[str, Any]):
    """Name the subcategory; the rates may be swept."""
    from seqmodels.models.classifier import class_measures, classifier_task, hits, weighted
    from seqmodels.models.hierarchy import sum_over

    _, parents = levels(extras)

    def measures(logits, fields, weight):
        """Accuracy on the subcategories, and on the categories alone."""
        right = hits(sum_over(logits, parents), parents_of(fields["label"]))
        return class_measures(logits, fields, weight) | {"coarse": weighted(right, weight)}

    def parents_of(labels):
        import jax.numpy as jnp

        return jnp.asarray(parents, jnp.int32)[labels]

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

    from seqmodels.data.attributes import attribute_features
    from seqmodels.data.labelled import Example
    from seqmodels.data.ragged import pad
    from seqmodels.data.texts import text_fields
    from seqmodels.data.vocabulary import Vocabulary
    from seqmodels.data.words import words
    from seqmodels.models.hierarchy import sum_over

    config, extras = run.config, run.extras
    scheme, classes = extras["attributes"], extras["classes"]
    values = arguments.attributes or ("",) * len(scheme)
    if len(values) != len(scheme):
        raise UserError(f"--attributes: give {len(scheme)} of them, not {len(values)}")
    example = Example(arguments.text, classes[0], values)
    vocabulary = Vocabulary.from_dict(extras["vocabulary"])
    symbols = words if config.symbols == "words" else str
    fields = text_fields([example], vocabulary, classes, config.max_symbols, symbols)
    fields["x"] = pad(fields["x"], np.array([0]), len(fields["x"].values))
    if scheme:
        fields["static"] = attribute_features([values], scheme)
    logits = jax.jit(model(config, extras, {}).apply)(run.params, fields)[0]
    coarse, parents = levels(extras)
    for names, found in ((coarse, sum_over(logits, parents)), (classes, logits)):
        chances = np.exp(np.asarray(found))
        for number in np.argsort(-chances)[: arguments.shown]:
            print(f"{chances[number]:.4f}  {names[number]}")
        print()


def errors(run: Run, arguments: ErrorsArguments) -> None:
    """Where the errors come from: three splits, confusions, calibration, the worst mistakes."""
    from seqmodels.diagnostics.report import report

    judge, shown = model(run.config, run.extras, {}), [e.text for e in read(run.config).dev]
    report(EXPERIMENT, run, arguments, judge, run.extras["classes"], shown)


EXPERIMENT = Experiment(
    name="categories",
    config=Config,
    data=load,
    task=task,
    metric=Metric("accuracy", lower_is_better=False),
    about=__doc__ or "",
    hyper=("dropout", "symbol_dropout", "smoothing"),
    smoke={"steps": 20, "evaluate_every": 10, "hidden": 8, "embedding": 8, "ads": 1000},
    commands={"predict": (PredictArguments, predict), "errors": (ErrorsArguments, errors)},
)

if __name__ == "__main__":
    main(EXPERIMENT)
