"""Configuration of labelled texts. This module imports nothing heavy."""

from dataclasses import dataclass
from typing import Literal

from seqmodels.errors import UserError
from seqmodels.train.config import check_at_least_one, check_fractions


@dataclass(frozen=True)
class TextConfig:
    """Format of the texts, and their embedding."""

    text_columns: tuple[str, ...] = ("text",)
    """Columns of a table that are joined to the text."""

    label_columns: tuple[str, ...] = ("label",)
    """Columns of a table with the class, from coarse to fine if it has levels."""

    dev_share: float = 0.1
    """Fraction of the training texts to hold out as dev, and as test, if the data has none."""

    symbols: Literal["words", "characters"] = "words"
    """Units that a text is split into."""

    min_count: int = 2
    """Symbols that occur less often in the training texts are unknown."""

    max_symbols: int = 400
    """Truncate texts to this many symbols."""

    embedding: int = 48
    """Size of the embedding of a symbol."""

    ngrams: int = 0
    """Hash buckets for embeddings of character n-grams, added to a word's own; 0 disables them."""

    vectors: str | None = None
    """Pretrained vectors to start from, a text file of GloVe or word2vec."""

    symbol_dropout: float = 0.0
    """Fraction of the symbols to drop in training."""

    def check(self) -> None:
        """Validate the config."""
        check_at_least_one(self, "embedding", "min_count", "max_symbols")
        check_fractions(self, "symbol_dropout")
        if self.ngrams < 0:
            raise UserError("--ngrams must be 0 or more")
        if not 0 < self.dev_share < 0.5:
            raise UserError("--dev-share must be between 0 and 0.5")
