"""Arguments of the commands. This module imports nothing heavy."""

from dataclasses import dataclass
from typing import Annotated

import tyro
from tyro.conf import Positional

from seqmodels.errors import UserError


@dataclass(frozen=True)
class SearchArguments:
    """How to search for a translation."""

    beam: int = 5
    """Beam width; 1 decodes greedily."""

    length_penalty: float = 1.0
    """Exponent of the length penalty; 0 ranks hypotheses by their probability alone."""

    coverage_penalty: float = 0.0
    """Weight of the penalty on source tokens that received little attention."""

    block: int = 0
    """Block repeated n-grams of this size; 0 disables it."""

    temperature: float = 0.0
    """Softmax temperature; above 0 translations are sampled, without a search."""

    copy_unknown: bool = True
    """Replace an unknown token by the source token that received the most attention."""

    seed: int = 0
    """Seed of the sampling."""

    def __post_init__(self) -> None:
        if self.beam < 1:
            raise UserError("--beam must be 1 or more")
        if not (self.temperature >= 0 and self.coverage_penalty >= 0 and self.block >= 0):
            raise UserError("--temperature, --coverage-penalty and --block must not be negative")


@dataclass(frozen=True)
class TranslateArguments(SearchArguments):
    """What to translate, and how to search."""

    text: Annotated[Positional[tuple[str, ...]], tyro.conf.arg(metavar="TEXT")] = ()
    """Sentences; by default the lines of --input."""

    input: str | None = None
    """File with one sentence per line; by default standard input."""

    output: str | None = None
    """File for the translations; by default standard output."""

    best: int = 1
    """Translations per sentence, printed with their scores if more than 1; at most --beam."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= self.best <= self.beam:
            raise UserError("--best must be 1 or more and at most --beam")
        if self.best > 1 and self.temperature:
            raise UserError("--best needs a search; leave out either --best or --temperature")
        if self.text and self.input is not None:
            raise UserError("--input: a text was given too; leave one of them out")


@dataclass(frozen=True)
class TranslationScoreArguments(SearchArguments):
    """What to evaluate on, and how to search."""

    data: str | None = None
    """Other data than the run was trained on, in the same format."""

    test: str | None = None
    """Prefix of other test files, such as test_2017; perplexities are not computed."""

    compare: tuple[str, ...] = ()
    """Other evaluated runs to draw in the same picture."""


@dataclass(frozen=True)
class AttendArguments(SearchArguments):
    """What to translate, and how to search."""

    text: Annotated[Positional[str], tyro.conf.arg(metavar="TEXT")] = ""
    """The sentence."""
