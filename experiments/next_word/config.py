"""Configuration of the corpus and of the word model. This module imports nothing heavy."""

from dataclasses import dataclass, fields
from typing import Literal

from seqmodels.errors import UserError
from seqmodels.train.config import check_at_least_one, check_fractions


@dataclass(frozen=True)
class CorpusConfig:
    """How a text becomes words, and its splits."""

    tokens: Literal["auto", "spaces", "words"] = "auto"
    """Split at spaces, or into words and punctuation; auto: spaces if there is a train file."""

    splits: tuple[float, float, float] = (0.8, 0.1, 0.1)
    """Fractions of train, dev and test, if they are not separate files."""

    vocabulary: int = 0
    """Number of most frequent words in the vocabulary, including <unk>; 0 means all."""

    min_count: int = 0
    """Rarer training words become <unk>; 0 means 1 for words split at spaces, otherwise 2."""

    def check(self) -> None:
        """Validate the config."""
        if self.vocabulary < 0 or self.vocabulary == 1:
            raise UserError("--vocabulary must be 2 or more, or 0 for all words")
        if self.min_count < 0:
            raise UserError("--min-count must be 1 or more, or 0 for the default")


@dataclass(frozen=True)
class WordModelConfig:
    """Embedding, encoder and softmax."""

    model: Literal["recurrent", "window", "bag", "unshared"] = "recurrent"
    """Recurrent network, or last words: concatenated, averaged, separate weights per position."""

    window: int = 4
    """Number of last words that the models without a recurrence read."""

    embedding: int = 128
    """Size of the embedding of a word; 0 means one-hot vectors."""

    tied: bool = False
    """Use the embedding as the readout, too; the last layer then has its size."""

    uniform_init: float = 0.0
    """Initialize all parameters uniformly within this bound; 0 means each layer's default."""

    samples: int = -1
    """Words sampled for the softmax in training; 0: all; -1: 8,000 for vocabularies over 50,000."""

    def check(self) -> None:
        """Validate the config."""
        check_at_least_one(self, "window")
        if self.embedding < 0 or self.samples < -1:
            raise UserError("--embedding must be 0 or more, --samples -1 or more")
        if self.tied and not self.embedding:
            raise UserError("--tied needs an embedding; give --embedding 1 or more")


@dataclass(frozen=True)
class RegularizationConfig:
    """Regularization of AWD-LSTM, besides --dropout, which acts before the softmax."""

    hidden_dropout: float = 0.0
    """Dropout rate between recurrent layers."""

    input_dropout: float = 0.0
    """Dropout rate of the embedded words."""

    word_dropout: float = 0.0
    """Fraction of the vocabulary whose embeddings are dropped in training."""

    weight_drop: float = 0.0
    """Dropout rate of the recurrent weights (DropConnect)."""

    activation: float = 0.0
    """Factor of the penalty on squared outputs (AR)."""

    slowness: float = 0.0
    """Factor of the penalty on squared changes of the outputs between steps (TAR)."""

    def check(self) -> None:
        """Validate the config."""
        rates = [f.name for f in fields(self) if f.name.endswith(("dropout", "drop"))]
        check_fractions(self, *rates)
