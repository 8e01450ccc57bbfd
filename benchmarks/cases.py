"""Benchmark cases (a cell, sizes and a variant) and the inputs that every library receives."""

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

SIZES = (  # (batch, length, hidden); inputs are as wide as the hidden state
    (16, 25, 32),
    (32, 50, 64),
    (64, 100, 128),
    (32, 128, 128),
    (64, 128, 256),
    (64, 100, 512),
    (1, 512, 256),
    (1, 100, 64),
)
GPU_SIZES = ((16, 1024, 768), (64, 256, 512), (128, 128, 1024))  # added on a GPU
VARIANT_SIZES = ((32, 50, 64), (32, 128, 128))
QUICK_SIZES = ((16, 25, 32), (32, 50, 64))
VARIANTS = ("plain", "masked", "layers", "bidirectional", "bfloat16", "members")


@dataclass(frozen=True)
class Case:
    """One row of the grid, without its pass; ``members`` > 1 is ``vmap`` over parameter sets."""

    cell: str
    batch: int
    length: int
    hidden: int
    masked: bool = False
    layers: int = 1
    bidirectional: bool = False
    dtype: str = "float32"
    members: int = 1

    @property
    def variant(self) -> str:
        changed = {
            "masked": self.masked,
            "layers": self.layers > 1,
            "bidirectional": self.bidirectional,
            "bfloat16": self.dtype == "bfloat16",
            "members": self.members > 1,
        }
        return next((name for name, is_set in changed.items() if is_set), "plain")

    @property
    def name(self) -> str:
        return f"{self.cell} {self.variant} B={self.batch} T={self.length} H={self.hidden}"

    @property
    def outputs(self) -> int:
        return self.hidden * (2 if self.bidirectional else 1)


class Inputs(NamedTuple):
    """Inputs and the cotangent of the outputs, time-major; lengths are sorted, longest first."""

    xs: np.ndarray
    cotangent: np.ndarray
    lengths: np.ndarray | None


def make_case(cell: str, size: tuple[int, int, int], variant: str) -> Case:
    """Return the case of a cell at ``(batch, length, hidden)`` in one of ``VARIANTS``."""
    changes: dict[str, dict[str, Any]] = {
        "plain": {},
        "masked": {"masked": True},
        "layers": {"layers": 2},
        "bidirectional": {"bidirectional": True},
        "bfloat16": {"dtype": "bfloat16"},
        "members": {"members": 8},
    }
    return replace(Case(cell, *size), **changes[variant])


def make_inputs(case: Case) -> Inputs:
    """Draw standard normal inputs and cotangents; lengths are spaced evenly from T to T/4."""
    random = np.random.default_rng(0)
    lead = (case.members,) if case.members > 1 else ()
    shape = (*lead, case.length, case.batch)
    xs = random.standard_normal((*shape, case.hidden), np.float32)
    cotangent = random.standard_normal((*shape, case.outputs), np.float32)
    if not case.masked:
        return Inputs(xs, cotangent, None)
    lengths = np.linspace(case.length, case.length / 4, case.batch).round().astype(np.int32)
    valid = np.arange(case.length)[:, None] < lengths
    return Inputs(xs, cotangent * valid[..., None], lengths)
