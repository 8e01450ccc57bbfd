"""Time one training step or beam search against PyTorch, and Flax where it has an implementation.

    python -m benchmarks.training_step --cell gru --layers 2 --hidden 448 --batch 32
    python -m benchmarks.training_step --system translation --feeding --length 24

All libraries train the same model in float32 with the same number of threads, AdamW, gradient
clipping by global norm and carried state.  The character model has no dropout, the others 0.1.
Samples are interleaved.
"""

from dataclasses import dataclass
from typing import Annotated, Literal

import jax
import torch
import tyro

from benchmarks.systems import System, measure


@dataclass(frozen=True)
class Options:
    """How to measure."""

    rounds: int = 12
    """Samples of each library."""

    clock: Literal["wall", "cpu"] = "wall"
    """wall: elapsed time. cpu: processor time, which other load does not affect."""


def main(
    system: Annotated[System, tyro.conf.arg(name="")],
    options: Annotated[Options, tyro.conf.arg(name="")],
) -> None:
    """Print the throughput of each library and the median of paired ratios."""
    (row,) = measure(system, float("inf"), options.clock, options.rounds)
    print(f"{system}\njax {jax.__version__}, torch {torch.__version__}, {jax.devices()[0]}")
    for name, times in row["libraries"].items():
        rate = 1e3 * row["units"] / times["milliseconds"]
        print(f"{name:<10} {rate:>9,.0f} {row['unit']} per {options.clock} second")
    for name, times in row["libraries"].items():
        if ratio := times["ratio"]:
            spread = f"quartiles {ratio['low']:.2f} to {ratio['high']:.2f}"
            print(f"our time / {name}: {ratio['median']:.2f} ({spread})")


if __name__ == "__main__":
    tyro.cli(main, prog="python -m benchmarks.training_step", description=__doc__)
