"""Translation: one sequence to another, with and without attention.

    python -m experiments.translation                       generated English into French
    python -m experiments.translation --attention none      the same from the final state alone
    python -m experiments.translation --attention none --context     a summary at every step
    python -m experiments.translation --data FOLDER --languages de en      files as in Multi30k
    python -m experiments.translation --data fra-eng.zip --max-length 10   Tatoeba
    python -m experiments.translation translate RUN "the black cat sleeps ."
    python -m experiments.translation attend RUN "the black cat sleeps ."

Sutskever et al. (2014); Bahdanau et al. (2015); Luong et al. (2015).
"""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from experiments.translation.commands import attend, evaluate, translate
from experiments.translation.recipes import RECIPES
from seqmodels.cli import Data, FitConfig, Metric, OptimizerConfig, define_experiment
from seqmodels.errors import UserError
from seqmodels.models.seq2seq.config import EncoderDecoderConfig
from seqmodels.train.config import check_at_least_one, check_fractions


@dataclass(frozen=True)
class Config:
    """Translate sentences."""

    data: str | None = None
    """Folder of line-aligned files, or table (.tsv, .zip); by default generated pairs."""

    languages: tuple[str, str] = ("en", "fr")
    """Source and target language: suffixes of line-aligned files."""

    swap: bool = False
    """Translate from the second language into the first."""

    test: str = "test"
    """Prefix of the test files, for example test_2017."""

    pairs: int = 60_000
    """Number of generated training pairs."""

    units: Literal["words", "characters", "bpe"] = "words"
    """Tokens of a sentence: lower-cased words, characters, or byte-pair encoding."""

    pieces: int = 8000
    """Maximum vocabulary size per language with bpe."""

    min_count: int = 2
    """Minimum count in the training split; rarer tokens become <unk>."""

    max_length: int = 100
    """Maximum tokens per side; longer pairs are left out, longer inputs truncated."""

    buckets: int = 4
    """Number of lengths to which batches are padded; each is compiled."""

    tokens: int = 0
    """Maximum time steps in a batch, rows times longest sequence; 0 disables the limit."""

    smoothing: float = 0.1
    """Label smoothing."""

    scheduled: float = 0.0
    """Scheduled sampling: fraction of the decoder's inputs sampled in training; slower above 0."""

    dev_bleu: bool = False
    """Translate dev greedily at every evaluation, and log BLEU."""

    network: EncoderDecoderConfig = EncoderDecoderConfig(cell="gru", hidden=128, dropout=0.1)
    training: FitConfig = FitConfig(
        steps=4000,
        batch_size=64,
        evaluate_every=500,
        dispatch=1,
        optimizer=OptimizerConfig(schedule="cosine", learning_rate=2e-3, warmup_steps=200.0),
    )

    def check(self) -> None:
        """Validate the config."""
        check_at_least_one(self, "pairs", "pieces", "min_count", "max_length", "buckets")
        check_fractions(self, "smoothing")
        if not 0 <= self.scheduled <= 1:
            raise UserError(f"--scheduled must be 0 to 1, not {self.scheduled}")
        if self.tokens < 0:
            raise UserError("--tokens must be 1 or more, or 0 for no limit")


def read(config: Config):
    """Read or generate train, dev and test pairs."""
    from experiments.translation.bilingual import grammar
    from experiments.translation.parallel_corpus import Pair, read_pairs
    from seqmodels.data.splits import Splits

    if config.test != "test" and not (config.data and Path(config.data).is_dir()):
        raise UserError(f"--test {config.test} names files of a folder; give it with --data")
    if config.data:
        splits = read_pairs(config.data, config.languages, config.test)
    else:
        splits = grammar.generate_pairs(config.pairs)
    if config.swap:
        return Splits(*([Pair(b, a) for a, b in pairs] for pairs in splits))
    return splits


def load(config: Config, metadata: dict[str, Any] | None) -> Data:
    """Tokenize and batch the pairs; the metadata holds the two tokenizers."""
    from experiments.translation import dev_bleu, tokenized_pairs
    from seqmodels.data.splits import Splits
    from seqmodels.models.language.counting import ngram_baselines

    splits, training = read(config), config.training
    metadata = metadata or tokenized_pairs.train_tokenizers(
        splits.train, config.units, config.min_count, config.pieces
    )
    tokenizers = tokenized_pairs.load_tokenizers(metadata)
    fields = tokenized_pairs.pair_fields(splits, tokenizers, config.max_length)
    train, dev, test = tokens = Splits(*map(tokenized_pairs.predicted_tokens, fields))
    if config.dev_bleu:
        fields = dev_bleu.add_references(fields, splits, tokenizers, config.max_length)
    shapes = {"buckets": config.buckets, "tokens": config.tokens}
    order = {"seed": training.seed, "run": training.dispatch}
    return Data(
        train=tokenized_pairs.pair_batches(fields.train, training.batch_size, **shapes, **order),
        dev=tokenized_pairs.pair_batches(fields.dev, 64, **shapes),
        test=tokenized_pairs.pair_batches(fields.test, 64, **shapes),
        name=f"{config.data or 'generated English and French'}, {len(splits.train):,} pairs",
        sizes={"train": len(train), "dev": len(dev), "test": len(test)},
        unit=f"target {config.units}",
        metadata=metadata,
        baselines=ngram_baselines(tokens, tokenizers.sizes[1]),
    )


def model(config: Config, metadata: dict[str, Any], rates: dict[str, Any]):
    """Return the encoder-decoder of model.py."""
    from experiments.translation.model import translation_model
    from experiments.translation.tokenized_pairs import load_tokenizers

    return translation_model(config.network, load_tokenizers(metadata).sizes, rates)


def task(config: Config, metadata: dict[str, Any]):
    """Predict each next token of the target."""
    from experiments.translation.dev_bleu import with_dev_bleu
    from experiments.translation.tokenized_pairs import load_tokenizers
    from seqmodels.models.language.language_model import perplexity
    from seqmodels.models.seq2seq.task import translation_task

    build = partial(model, config, metadata)
    tokens_task = translation_task(build, config.scheduled)._replace(derive=perplexity)
    if config.dev_bleu:
        return with_dev_bleu(tokens_task, build, load_tokenizers(metadata))
    return tokens_task


EXPERIMENT = define_experiment(
    __name__,
    metric=Metric("nats"),
    rates=("dropout", "word_dropout", "smoothing"),
    smoke={
        "steps": 20,
        "evaluate_every": 10,
        "hidden": 16,
        "embedding": 16,
        "pairs": 500,
        "buckets": 1,
    },
    recipes=RECIPES,
    commands=(evaluate, translate, attend),
)
