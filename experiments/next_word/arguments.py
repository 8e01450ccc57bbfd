"""Flags of word models; imports nothing heavy."""

from dataclasses import dataclass, fields
from typing import Literal

from tyro.conf import Positional

from seqmodels.errors import UserError
from seqmodels.train.config import FitConfig


@dataclass(frozen=True)
class WordModelConfig(FitConfig):
    """How the next word follows from those before it."""

    model: Literal["recurrent", "window", "bag", "unshared"] = "recurrent"
    """A recurrence; or a window: words side by side, their mean, weights for every place."""

    cell: str = "lstm"
    """Recurrence, a name in seqmodels.cells.CELLS: rnn, lstm, gru, ..."""

    layers: int = 1
    """Recurrent layers."""

    hidden: int = 128
    """Units of each layer; of the last one as many as --embedding where that is --tied."""

    window: int = 4
    """Words that the models without a recurrence see."""

    embedding: int = 128
    """Features that stand for a word; 0: one-hot vectors, without an embedding."""

    tied: bool = False
    """Use the embedding as the readout too."""

    dropout: float = 0.2
    """Share of what the softmax sees that is dropped in training, the same for a window."""

    hidden_dropout: float = 0.0
    """The same between recurrent layers."""

    input_dropout: float = 0.0
    """The same of the features that stand for a word."""

    word_dropout: float = 0.0
    """Share of the vocabulary whose vectors are dropped in training."""

    weight_drop: float = 0.0
    """Share of the recurrent weights that is dropped in training (DropConnect)."""

    activation: float = 0.0
    """AR: penalty on the square of the outputs."""

    slowness: float = 0.0
    """TAR: penalty on the square of their change from step to step."""

    uniform_init: float = 0.0
    """Bound of the uniform distribution of all initial parameters; 0: each layer has its own."""

    samples: int = -1
    """Words drawn for the softmax in training; 0: all; -1: 8,000 of a vocabulary above 50,000."""

    def check(self) -> None:
        """Say which number makes no sense."""
        super().check()
        for name in ("layers", "hidden", "window"):
            if getattr(self, name) < 1:
                raise UserError(f"--{name} must be 1 or more")
        for field in fields(WordModelConfig):
            if field.name.endswith(("dropout", "drop")) and not 0 <= getattr(self, field.name) < 1:
                raise UserError(f"--{field.name.replace('_', '-')} must be 0 or more and below 1")
        if self.embedding < 0 or self.samples < -1:
            raise UserError("--embedding must be 0 or more, --samples -1 or more")
        if self.tied and not self.embedding:
            raise UserError("--tied needs an --embedding, of 1 or more features")


@dataclass(frozen=True)
class CompleteArguments:
    """What to go on from."""

    text: Positional[str]
    """Beginning of a line."""

    words: int = 0
    """Words to go on with; 0: list the likeliest next ones instead."""

    likeliest: int = 5
    """How many to list."""

    temperature: float = 0.7
    """Below 1 more careful, above 1 wilder; 0 always takes the likeliest word."""

    seed: int = 0
    """Seed of the draws."""


@dataclass(frozen=True)
class AdaptArguments:
    """How a model learns from the text that it is tested on; the best of several values by dev."""

    length: int = 20
    """Words of a window, after each of which dynamic evaluation learns."""

    cache: int = 500
    """Last words that the cache holds."""

    cache_weight: tuple[float, ...] = (0.05, 0.1, 0.2)
    """Share of the probability that comes from the cache."""

    cache_focus: tuple[float, ...] = (0.1, 0.3, 1.0)
    """How much more the cache goes by places that look alike; 0: by all the same."""

    dynamic_rate: tuple[float, ...] = (1e-4, 3e-4, 1e-3)
    """Size of the steps of dynamic evaluation."""

    dynamic_decay: tuple[float, ...] = (0.0, 0.003)
    """Pull back to what was trained, after every window."""

    squares: int = 200
    """Training batches that tell how large gradients are."""

    def __post_init__(self) -> None:
        if min(self.length, self.cache, self.squares) < 1:
            raise UserError("--length, --cache and --squares must be 1 or more")
        if not all(0 < weight < 1 for weight in self.cache_weight):
            raise UserError("--cache-weight must lie between 0 and 1")
