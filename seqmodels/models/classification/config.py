"""Configuration of a sequence classifier. This module imports nothing heavy."""

from dataclasses import dataclass

from seqmodels.errors import UserError
from seqmodels.models.config import RecurrentConfig
from seqmodels.train.config import FitConfig, OptimizerConfig, check_fractions

CLASSIFIER_TRAINING = FitConfig(
    steps=600,
    batch_size=64,
    evaluate_every=200,
    dispatch=1,
    optimizer=OptimizerConfig(learning_rate=5e-3, schedule="cosine"),
)


@dataclass(frozen=True)
class ClassifierConfig(RecurrentConfig):
    """The recurrent layers, and the classifier on top of them."""

    hidden: int = 48
    """Units per layer and direction."""

    bidirectional: bool = True
    """Read the sequence in both directions."""

    pool: tuple[str, ...] = ("mean", "max")
    """Summaries of the outputs, concatenated: last, mean, max, attention."""

    head: tuple[int, ...] = ()
    """Units of the hidden layers between the summary and the classes."""

    dropout: float = 0.2
    """Dropout rate on the inputs of the recurrent layers and of the head."""

    smoothing: float = 0.0
    """Label smoothing."""

    def check(self) -> None:
        """Validate the config."""
        super().check()
        check_fractions(self, "smoothing")
        if min(self.head, default=1) < 1:
            raise UserError("--head must be 1 or more")
