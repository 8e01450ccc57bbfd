"""Configuration of a recurrent network. This module imports nothing heavy."""

from dataclasses import dataclass

from seqmodels.train.config import check_at_least_one, check_fractions


@dataclass(frozen=True)
class RecurrentConfig:
    """The recurrent layers."""

    cell: str = "lstm"
    """Cell, a name in seqmodels.cells.registry.CELLS: rnn, lstm, gru, ..."""

    layers: int = 1
    """Recurrent layers."""

    hidden: int = 64
    """Units per layer and direction."""

    dropout: float = 0.0
    """Dropout rate."""

    def check(self) -> None:
        """Validate the config."""
        check_at_least_one(self, "layers", "hidden")
        check_fractions(self, "dropout")
