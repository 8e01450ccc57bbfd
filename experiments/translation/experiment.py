"""Translation: one sequence to another, with and without attention.

    python -m experiments.translation                       made-up English into French
    python -m experiments.translation --attention none      the same from the final state alone
    python -m experiments.translation --attention none --context     a summary at every step
    python -m experiments.translation --data FOLDER --languages de en      files as Multi30k has
    python -m experiments.translation --data fra-eng.zip --max-length 10   Tatoeba
    python -m experiments.translation translate RUN "the black cat sleeps ."
    python -m experiments.translation attend RUN "the black cat sleeps ."

Sutskever et al. (2014); Bahdanau et al. (2015); Luong et al. (2015).
"""

from dataclasses import dataclass, replace
from math import exp
from pathlib import Path
from typing import Any, Literal

from seqmodels.cli import Baseline, Data, Experiment, Metric, Run
from seqmodels.commands.text_arguments import AttendArguments, ScoreArguments, TranslateArguments
from seqmodels.errors import UserError
from seqmodels.models.seq2seq.config import EncoderDecoderConfig
from seqmodels.train.config import at_least_one


@dataclass(frozen=True)
class Config(EncoderDecoderConfig):
    """Translate sentences."""

    data: str | None = None
    """Folder of line-aligned files, or a table (.tsv, .zip); none: a made-up grammar's pairs."""

    languages: tuple[str, str] = ("en", "fr")
    """Source and target: how the names of line-aligned files end."""

    swap: bool = False
    """Translate from the second language into the first."""

    test: str = "test"
    """How the names of the test files begin: test_2017."""

    pairs: int = 60_000
    """Made-up training pairs."""

    units: Literal["words", "characters", "bpe"] = "words"
    """What a sentence is made of; words are in lower case."""

    pieces: int = 8000
    """Most pieces of words for each language, if units are bpe."""

    min_count: int = 2
    """Rarer units of the training side are taken for unknown."""

    steps: int = 4000
    evaluate_every: int = 500
    dispatch: int = 1
    learning_rate: float = 2e-3
    schedule: Literal["constant", "cosine", "exponential", "plateau"] = "cosine"
    warmup_steps: float = 200.0

    def check(self) -> None:
        """Say which number makes no sense."""
        super().check()
        at_least_one(self, "pairs", "pieces", "min_count")


def read(config: Config):
    """Train, dev and test pairs."""
    from experiments.translation.parallel import Pair, read_pairs
    from seqmodels.data.splits import Splits

    if config.test != "test" and not (config.data and Path(config.data).is_dir()):
        raise UserError(f"--test {config.test} is part of a folder: give one with --data")
    if config.data:
        parts = read_pairs(config.data, config.languages, config.test)
    else:
        from experiments.translation.bilingual.grammar import made_up_pairs

        parts = made_up_pairs(config.pairs)
    if config.swap:
        return Splits(*([Pair(b, a) for a, b in part] for part in parts))
    return parts


def load(config: Config, extras: dict[str, Any] | None) -> Data:
    """The pairs as numbers; the vocabularies are those of the first run's training side."""
    from experiments.translation.pairs import (
        labels,
        learn_sides,
        make_sides,
        pair_batches,
        pair_fields,
    )
    from seqmodels.models.language.counting import ngram_nats

    parts = read(config)
    if extras is None:
        extras = learn_sides(parts.train, config.units, config.min_count, config.pieces)
    sides = make_sides(extras)
    fields = pair_fields(parts, sides, config.max_length)
    train, dev, test = map(labels, fields)
    shapes = config.buckets, config.tokens
    order = {"seed": config.seed, "run": config.dispatch}
    return Data(
        train=pair_batches(fields.train, config.batch_size, *shapes, **order),
        dev=pair_batches(fields.dev, 64, *shapes),
        test=pair_batches(fields.test, 64, *shapes),
        name=f"{config.data or 'made-up English and French'}, {len(parts.train):,} pairs",
        sizes={"train": len(train), "dev": len(dev), "test": len(test)},
        unit=f"target {config.units}",
        baseline=Baseline(ngram_nats(train, dev, sides.sizes[1])[1], "bigrams of the target"),
        extras=extras,
    )


def model(config: Config, extras: dict[str, Any], hyper: dict[str, Any]):
    """Encoder and decoder of the same cells, and what the decoder looks at."""
    from experiments.translation.pairs import make_sides
    from seqmodels.models.seq2seq.encoder_decoder import configured

    return configured(config, make_sides(extras).sizes, hyper)


def task(config: Config, extras: dict[str, Any]):
    """Predict each next unit of the target; the rates may be swept."""
    from seqmodels.models.seq2seq.task import translation_task

    return translation_task(lambda hyper: model(config, extras, hyper), config.scheduled)


def translate(run: Run, arguments: TranslateArguments) -> None:
    """Translate a text, a file or standard input: as many lines out as in, in order."""
    from experiments.translation.commands import translate_lines

    translate_lines(run, model(run.config, run.extras, {}), arguments)


def attend(run: Run, arguments: AttendArguments) -> None:
    """Draw where the decoder looked while it translated a text."""
    from experiments.translation.commands import draw_attention

    draw_attention(run, model(run.config, run.extras, {}), arguments)


def evaluate(run: Run, arguments: ScoreArguments) -> None:
    """Perplexity on dev and test; BLEU, chrF and exact match of the test part, by length too."""
    from experiments.translation.commands import score
    from seqmodels.commands import train as session

    if arguments.test is None:
        session.evaluate(EXPERIMENT, str(run.directory.path), arguments.data)
    other = {"data": arguments.data, "test": arguments.test}
    config = replace(run.config, **{name: value for name, value in other.items() if value})
    score(run, model(run.config, run.extras, {}), read(config).test, arguments)


EXPERIMENT = Experiment(
    name="translation",
    config=Config,
    data=load,
    task=task,
    metric=Metric("nats"),
    about=__doc__ or "",
    hyper=("dropout", "word_dropout", "smoothing"),
    derive=lambda means: {"perplexity": exp(means["nats"])},
    smoke={
        "steps": 20,
        "evaluate_every": 10,
        "hidden": 16,
        "embedding": 16,
        "pairs": 500,
        "buckets": 1,
    },
    commands={
        "evaluate": (ScoreArguments, evaluate),
        "translate": (TranslateArguments, translate),
        "attend": (AttendArguments, attend),
    },
)
