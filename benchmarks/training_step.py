"""A whole training step, or a beam search, beside the same in PyTorch (and Flax), interleaved.

    python -m benchmarks.training_step --cell gru --layers 2 --hidden 448 --batch 32
    python -m benchmarks.training_step --system translation --feeding --length 24

Same models and sizes on both sides, AdamW, gradient clipping by global norm, carried state; the
character model has no dropout, the others 0.1.  float32, the same number of threads.
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
    """Samples of each side."""

    clock: Literal["wall", "cpu"] = "wall"
    """Time on the wall, or processor time, which other load leaves alone."""


def main(
    system: Annotated[System, tyro.conf.arg(name="")],
    options: Annotated[Options, tyro.conf.arg(name="")],
) -> None:
    """Print the median of paired ratios, and what is done in a second on either side."""
    (found,) = measure(system, float("inf"), options.clock, options.rounds)
    print(f"{system}\njax {jax.__version__}, torch {torch.__version__}, {jax.devices()[0]}")
    for name, side in found["candidates"].items():
        rate = 1e3 * found["units"] / side["milliseconds"]
        print(f"{name:<10} {rate:>9,.0f} {found['unit']} per {options.clock} second")
    for name, side in found["candidates"].items():
        if ratio := side["ours_over_it"]:
            spread = f"quartiles {ratio['low']:.2f} to {ratio['high']:.2f}"
            print(f"time of ours / {name}'s: {ratio['median']:.2f} ({spread})")


if __name__ == "__main__":
    tyro.cli(main, prog="python -m benchmarks.training_step", description=__doc__)
