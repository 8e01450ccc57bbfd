"""Flags of encoder and decoder; imports nothing heavy."""

from dataclasses import dataclass
from typing import Literal

from seqmodels.errors import UserError
from seqmodels.train.config import FitConfig, at_least_one


@dataclass(frozen=True)
class EncoderDecoderConfig(FitConfig):
    """What ``encoder_decoder.configured`` makes a model of."""

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

    context: bool = False
    """Without attention: every step of the decoder is given a summary of the source."""

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

    max_length: int = 100
    """Pairs with more units on a side are left out; of a line only so many are translated."""

    def check(self) -> None:
        """Say which number makes no sense."""
        super().check()
        names = ("hidden", "embedding", "score", "batch_size", "buckets", "max_length")
        at_least_one(self, *names)
        if self.tokens < 0:
            raise UserError("--tokens must be 1 or more, or 0 for no limit")
        shares = (self.dropout, self.word_dropout, self.smoothing)
        if not (all(0 <= share < 1 for share in shares) and 0 <= self.scheduled <= 1):
            raise UserError(
                "--dropout, --word-dropout, --smoothing and --scheduled are shares: give 0 to 1"
            )
        if self.attention == "none" and (self.feeding or self.coverage):
            raise UserError("--feeding, --coverage: choose an --attention too, or leave them out")
        if self.context and self.attention != "none":
            raise UserError("--context is for --attention none: leave one of them out")
        if self.reverse and self.bidirectional:
            raise UserError("--reverse: the encoder reads both ways; add --no-bidirectional")
