"""What the command ``errors`` may be asked; imports nothing heavy."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ErrorsArguments:
    """What to compare the errors with."""

    target: float = 0.0
    """Error that the best imaginable model would still make, a careful person's for example."""

    worst: int = 100
    """Mistakes to write down for a person to label with their cause."""

    causes: str | None = None
    """File of mistakes in which a person filled in the column "cause": prints them as a table."""

    constraint: tuple[str, ...] = ()
    """Like "params<=1e6" or "latency_ms<=5": the best of this experiment's runs that meets all."""
