"""Solved or not, over problems of growing length: the verdict on many runs in one picture."""

from collections.abc import Iterable
from math import isnan
from pathlib import Path
from typing import NamedTuple

from seqmodels.diagnostics.plots.threshold_table import draw_grid
from seqmodels.errors import UserError

SOLVED = 0.1  # of the error of an answer that remembers nothing


class Outcome(NamedTuple):
    """What became of one run."""

    name: str
    length: int
    share: float  # its best error, as a share of that of remembering nothing


def verdict(share: float) -> str:
    """Whether such a share of the error counts as solved."""
    return "solved" if share <= SOLVED else "not solved"


def show_solved(outcomes: Iterable[Outcome], title: str, picture: Path) -> None:
    """List and draw the best outcome of each name at each length; nan: none yet."""
    best: dict[tuple[str, int], float] = {}
    for name, length, share in outcomes:
        if not isnan(share):
            best[name, length] = min(share, best.get((name, length), share))
    if not best:
        raise UserError("no run has been evaluated yet: let one train as far as --evaluate-every")
    best = dict(sorted(best.items()))
    for (name, length), share in best.items():
        print(f"{name:<22} T = {length:<5} {verdict(share):<11} {share:.4f}")
    draw_grid(best, picture, title, "T", SOLVED)
    print(f"drawn in {picture}")
