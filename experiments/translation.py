"""Translation: one sequence to another, with and without attention.

    python -m experiments.translation                       made-up English into French
    python -m experiments.translation --attention none      the same from the final state alone
    python -m experiments.translation --data FOLDER --languages de en      files as Multi30k has
    python -m experiments.translation --data fra-eng.zip --max-length 10   Tatoeba
    python -m experiments.translation translate RUN "the black cat sleeps ."
    python -m experiments.translation attend RUN "the black cat sleeps ."

Sutskever et al. (2014); Bahdanau et al. (2015); Luong et al. (2015).
"""

from dataclasses import dataclass
from functools import partial
from math import exp
from typing import Any, Literal

from seqmodels.cli import Baseline, Data, Experiment, FitConfig, Metric, main
from seqmodels.errors import UserError


@dataclass(frozen=True)
class Config(FitConfig):
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

    max_length: int = 100
    """Pairs with more units on a side are left out."""

    cell: str = "gru"
    """Recurrence, a name in seqmodels.cells.CELLS: rnn, lstm, gru, ..."""

    layers: int = 1
    """Recurrent layers of encoder and decoder."""

    hidden: int = 128
    """Units of each layer, in each direction."""

    embedding: int = 128
    """Features that stand for a unit."""

    bidirectional: bool = True
    """The encoder reads in both directions."""

    reverse: bool = False
    """An encoder of one direction reads from the end."""

    attention: Literal["none", "additive", "dot", "general", "concat", "scaled_dot", "local"] = (
        "additive"
    )
    """How the decoder looks at the source; none: it knows the encoder's final state alone."""

    score: int = 128
    """Units of the additive, concat, scaled_dot and local scores."""

    feeding: bool = False
    """What was read out at one step is fed to the next (input feeding)."""

    coverage: bool = False
    """The score of a position knows how much it was attended to already."""

    tied: bool = True
    """The target's embedding is the readout too."""

    dropout: float = 0.1
    """Share of layers' inputs, memory and readout that is dropped in training."""

    word_dropout: float = 0.0
    """Share of the units on either side that is not seen in training."""

    smoothing: float = 0.1
    """Label smoothing."""

    scheduled: float = 0.0
    """Share of the decoder's inputs that are its own guesses in training."""

    batch_size: int = 64
    """Pairs of a step."""

    tokens: int = 0
    """Most time steps of a batch, its rows times the longest; 0: no limit."""

    buckets: int = 4
    """Lengths that batches are padded to; each is compiled."""

    steps: int = 4000
    evaluate_every: int = 500
    dispatch: int = 1
    learning_rate: float = 2e-3
    schedule: Literal["constant", "cosine", "exponential", "plateau"] = "cosine"
    warmup_steps: float = 200.0

    def check(self) -> None:
        """Say which number makes no sense."""
        super().check()
        if min(self.hidden, self.embedding, self.score, self.buckets, self.max_length) < 1:
            raise UserError(
                "--hidden, --embedding, --score, --buckets and --max-length must be 1 or more"
            )
        if not (0 <= self.dropout < 1 and 0 <= self.word_dropout < 1 and 0 <= self.scheduled <= 1):
            raise UserError("--dropout, --word-dropout and --scheduled are shares: give 0 to 1")


def read(config: Config):
    """Train, dev and test pairs."""
    from seqmodels.data.parallel import Pair, read_pairs
    from seqmodels.data.splits import Splits

    if config.data:
        parts = read_pairs(config.data, config.languages, config.test)
    else:
        from seqmodels.data.bilingual import made_up_pairs

        parts = made_up_pairs(config.pairs)
    if config.swap:
        return Splits(*([Pair(b, a) for a, b in part] for part in parts))
    return parts


def load(config: Config, extras: dict[str, Any] | None) -> Data:
    """The pairs as numbers; the vocabularies are those of the first run's training side."""
    from seqmodels.data.pairs import labels, learn_sides, make_sides, pair_batches, pair_fields
    from seqmodels.models.ngram import ngram_nats

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
    from seqmodels.attention import ATTENTIONS
    from seqmodels.data.pairs import make_sides
    from seqmodels.models.encoder_decoder import encoder_decoder
    from seqmodels.models.layers import recurrent_layers

    rate, size, attends = hyper.get("dropout", 0.0), config.embedding, config.attention != "none"
    shape = {"hidden": config.hidden, "layers": config.layers, "drop": rate}
    ways = config.bidirectional
    return encoder_decoder(
        recurrent_layers(config.cell, size, both_ways=ways, **shape),
        recurrent_layers(config.cell, size * (2 if config.feeding and attends else 1), **shape),
        size,
        make_sides(extras).sizes,
        attention=partial(ATTENTIONS[config.attention], units=config.score) if attends else None,
        feeding=config.feeding,
        coverage=config.coverage,
        tied=config.tied,
        dropout=rate,
        word_dropout=hyper.get("word_dropout", 0.0),
        reverse=config.reverse,
    )


def task(config: Config, extras: dict[str, Any]):
    """Predict each next unit of the target; the rates may be swept."""
    from seqmodels.models.translation_task import translation_task

    return translation_task(lambda hyper: model(config, extras, hyper), config.scheduled)


EXPERIMENT = Experiment(
    name="translation",
    config=Config,
    data=load,
    task=task,
    metric=Metric("nats"),
    about=__doc__ or "",
    hyper=("dropout", "word_dropout", "smoothing"),
    derive=lambda means: {"perplexity": exp(means["nats"])},
    smoke={"steps": 20, "evaluate_every": 10, "hidden": 16, "embedding": 16, "pairs": 500},
)

if __name__ == "__main__":
    main(EXPERIMENT)
