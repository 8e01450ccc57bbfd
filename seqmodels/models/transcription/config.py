"""Configuration of a transcriber. This module imports nothing heavy."""

from dataclasses import dataclass

from seqmodels.errors import UserError
from seqmodels.models.config import RecurrentConfig


@dataclass(frozen=True)
class TranscriberConfig(RecurrentConfig):
    """The recurrent layers between frames and symbols."""

    layers: int = 2
    """Recurrent layers, each in both directions."""

    hidden: int = 96
    """Units per layer and direction."""

    dropout: float = 0.3
    """Dropout rate on the inputs of the recurrent layers and of the output layer."""

    join: tuple[int, ...] = (1, 2)
    """Neighboring frames that are concatenated before each recurrent layer; 1 beyond the list."""

    def check(self) -> None:
        """Validate the config."""
        super().check()
        if min(self.join, default=1) < 1:
            raise UserError("--join must be 1 or more for each layer")
        if len(self.join) > self.layers:
            raise UserError(f"--join has {len(self.join)} numbers for {self.layers} layers")
