"""Flags of commands that write; imports nothing heavy."""

from dataclasses import dataclass
from typing import Annotated

import tyro
from tyro.conf import Positional

from seqmodels.errors import UserError


@dataclass(frozen=True)
class SampleArguments:
    """What to write."""

    prime: str = "\n"
    """Text to go on from."""

    length: int = 500
    """Symbols to write."""

    temperature: float = 0.7
    """Below 1 more careful, above 1 wilder; 0 always takes the likeliest symbol."""

    top_k: int = 0
    """Draw from this many of the likeliest symbols; 0: from all."""

    top_p: float = 1.0
    """Draw from the fewest symbols that hold this much of the probability."""

    count: int = 1
    """Texts to write, as one batch."""

    seed: int = 0
    """Seed of the draws."""

    def __post_init__(self) -> None:
        if not self.prime:
            raise UserError("--prime is empty: give at least one symbol")
        for name in ("length", "count"):
            if getattr(self, name) < 1:
                raise UserError(f"--{name} must be 1 or more")
        if not (self.temperature >= 0 and self.top_k >= 0):
            raise UserError("--temperature and --top-k must not be negative")
        if not 0 < self.top_p <= 1:
            raise UserError("--top-p must lie above 0 and not above 1")


@dataclass(frozen=True)
class SearchArguments:
    """How to look for the best target."""

    beam: int = 5
    """Hypotheses kept at each step; 1 always takes the likeliest unit."""

    length_penalty: float = 1.0
    """Above 0 long targets are preferred; 0: ranked by probability alone."""

    coverage_penalty: float = 0.0
    """Above 0, sources that were not attended to all over count against a target."""

    block: int = 0
    """No sequence of this many units comes twice in a target; 0: any may."""

    temperature: float = 0.0
    """Above 0: draw targets instead of searching, the wilder the higher."""

    copy_unknown: bool = True
    """Unknown units are replaced by those of the source that were attended to."""

    seed: int = 0
    """Seed of the draws."""

    def __post_init__(self) -> None:
        if self.beam < 1:
            raise UserError("--beam must be 1 or more")
        if not (self.temperature >= 0 and self.coverage_penalty >= 0 and self.block >= 0):
            raise UserError("--temperature, --coverage-penalty and --block must not be negative")


@dataclass(frozen=True)
class TranslateArguments(SearchArguments):
    """What to translate, and how."""

    text: Annotated[Positional[tuple[str, ...]], tyro.conf.arg(metavar="TEXT")] = ()
    """Sentences; none: the lines of a file, or of standard input."""

    input: str | None = None
    """File of lines to translate."""

    output: str | None = None
    """File for the translations; none: standard output."""

    best: int = 1
    """Translations of each line, with their scores; at most as many as --beam."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= self.best <= self.beam:
            raise UserError("--best must be 1 or more and at most --beam")
        if self.best > 1 and self.temperature:
            raise UserError("--best is for a search: leave it or --temperature out")
        if self.text and self.input is not None:
            raise UserError("--input: a text is given already; leave one of them out")


@dataclass(frozen=True)
class ScoreArguments(SearchArguments):
    """What to measure on, and how to search."""

    data: str | None = None
    """Other data than the run was trained on, in the same format."""

    test: str | None = None
    """Other test files than the run's, by how their names begin: test_2017."""

    beside: tuple[str, ...] = ()
    """Other runs, evaluated already, to draw in the same picture."""


@dataclass(frozen=True)
class AttendArguments(SearchArguments):
    """What to look at."""

    text: Annotated[Positional[str], tyro.conf.arg(metavar="TEXT")] = ""
    """The sentence."""
