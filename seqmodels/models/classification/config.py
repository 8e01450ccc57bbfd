"""Settings that experiments with one answer to a sequence share; imports nothing heavy."""

from dataclasses import dataclass
from typing import Literal

from seqmodels.errors import UserError
from seqmodels.train.config import FitConfig


@dataclass(frozen=True)
class ClassifierConfig(FitConfig):
    """A recurrence over a sequence, and what the answer rests on."""

    cell: str = "lstm"
    """Recurrence, a name in seqmodels.cells.CELLS: rnn, lstm, gru, ..."""

    layers: int = 1
    """Recurrent layers."""

    hidden: int = 48
    """Units of each layer, in each direction."""

    bidirectional: bool = True
    """Read the sequence in both directions."""

    pool: tuple[str, ...] = ("mean", "max")
    """What the answer rests on: last, mean, max, attention; several are put side by side."""

    head: tuple[int, ...] = ()
    """Units of the layers between the summary of the sequence and the answer."""

    dropout: float = 0.2
    """Share of the layers' inputs and of the head's that is dropped in training."""

    smoothing: float = 0.0
    """Label smoothing."""

    batch_size: int = 64
    """Examples of a step."""

    steps: int = 600
    evaluate_every: int = 200
    dispatch: int = 1
    learning_rate: float = 5e-3
    schedule: Literal["constant", "cosine", "exponential", "plateau"] = "cosine"

    def check(self) -> None:
        """Say which number makes no sense."""
        super().check()
        if min(self.layers, self.hidden, self.batch_size, *self.head) < 1:
            raise UserError("--layers, --hidden, --head and --batch-size must be 1 or more")
        if not (0 <= self.dropout < 1 and 0 <= self.smoothing < 1):
            raise UserError("--dropout and --smoothing must be 0 or more and below 1")


@dataclass(frozen=True)
class TextConfig(ClassifierConfig):
    """A text is read symbol by symbol."""

    data: str | None = None
    """Folder or table of labelled texts, as data/labelled.py lists them; none: made-up ones."""

    text_columns: tuple[str, ...] = ("text",)
    """Columns of a table that make up the text."""

    label_columns: tuple[str, ...] = ("label",)
    """Columns of a table with the class, from coarse to fine where it has levels."""

    dev_share: float = 0.1
    """Share of the training texts that is held out as dev, and as test, where there is none."""

    symbols: Literal["words", "characters"] = "words"
    """What a text is made of."""

    embedding: int = 48
    """Features that stand for a symbol."""

    ngrams: int = 0
    """Vectors of character n-grams, shared by hash, that help to stand for a symbol; 0: none."""

    vectors: str | None = None
    """Vectors of the symbols to begin from, a text file of GloVe or word2vec."""

    min_count: int = 2
    """Rarer symbols of the training texts are taken for unknown."""

    max_symbols: int = 400
    """Only so many symbols at the beginning of a text are read."""

    symbol_dropout: float = 0.0
    """Share of the symbols that is dropped in training."""

    def check(self) -> None:
        """Say which number makes no sense."""
        super().check()
        if min(self.embedding, self.min_count, self.max_symbols) < 1:
            raise UserError("--embedding, --min-count and --max-symbols must be 1 or more")
        if self.ngrams < 0:
            raise UserError("--ngrams must be 0 or more")
        if not 0 < self.dev_share < 0.5:
            raise UserError("--dev-share must lie between 0 and 0.5")
        if not 0 <= self.symbol_dropout < 1:
            raise UserError("--symbol-dropout must be 0 or more and below 1")
