"""Configuration of an encoder-decoder. This module imports nothing heavy."""

from dataclasses import dataclass
from typing import Literal

from seqmodels.errors import UserError
from seqmodels.models.config import RecurrentConfig
from seqmodels.train.config import check_at_least_one, check_fractions


@dataclass(frozen=True)
class EncoderDecoderConfig(RecurrentConfig):
    """The recurrent layers of encoder and decoder, and what connects them.

    The dropout rate applies to the inputs of the layers, the memory and the readout.
    """

    embedding: int = 128
    """Embedding size of source and target tokens."""

    bidirectional: bool = True
    """Encode the source in both directions."""

    reverse: bool = False
    """Encode from the last token to the first; requires --no-bidirectional."""

    attention: Literal["none", "additive", "dot", "general", "concat", "scaled_dot", "local"] = (
        "additive"
    )
    """Attention score; none: the decoder sees only the encoder's final state."""

    score: int = 128
    """Units of the additive, concat, scaled_dot and local scores."""

    feeding: bool = False
    """Input feeding: the decoder's previous output is part of its next input."""

    coverage: bool = False
    """Add a multiple of a position's past attention weights to its score."""

    context: bool = False
    """Without attention: add a summary of the source to every decoder step."""

    tied: bool = True
    """Share the target embedding with the readout."""

    word_dropout: float = 0.0
    """Fraction of source and target tokens that are hidden in training."""

    def check(self) -> None:
        """Validate the config."""
        super().check()
        check_at_least_one(self, "embedding", "score")
        check_fractions(self, "word_dropout")
        if self.attention == "none" and (self.feeding or self.coverage):
            raise UserError("--feeding and --coverage need attention; give --attention additive")
        if self.context and self.attention != "none":
            raise UserError("--context is for --attention none; leave one of them out")
        if self.reverse and self.bidirectional:
            raise UserError("--reverse: the encoder reads both directions; add --no-bidirectional")
