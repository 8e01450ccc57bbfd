"""What becomes of a population at an evaluation: pure functions from a standing to a selection."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from seqmodels.errors import UserError
from seqmodels.train.config import FitConfig
from seqmodels.train.sweep.points import SweepOptions


class Standing(NamedTuple):
    """A population at an evaluation; lower values are better, infinite where one diverged."""

    step: int
    values: Float[np.ndarray, "members"]
    hyper: dict[str, Float[np.ndarray, "members"]]  # the numbers that are swept


class Selection(NamedTuple):
    """The next population: which member each goes on from, and its numbers."""

    parents: Int[np.ndarray, "chosen"]
    hyper: dict[str, Float[np.ndarray, "chosen"]]


Strategy = Callable[[Standing], Selection | None]


def successive_halving(steps: tuple[int, ...], count: int) -> Strategy:
    """Keep the better half of what is left at each of ``steps``.

        members(t) = ceil(count / 2^n),    n = |{s in steps: s <= t}|

    Jamieson and Talwalkar (2016), arXiv:1502.07943.
    """

    def select(standing: Standing) -> Selection | None:
        left = -(-count // 2 ** sum(step <= standing.step for step in steps))
        if len(standing.values) <= left:
            return None
        kept = np.sort(np.argsort(standing.values, kind="stable")[:left])
        return Selection(kept, {name: x[kept] for name, x in standing.hyper.items()})

    return select


def population_based_training(
    every: int, bounds: dict[str, tuple[float, float]], seed: int, factor: float = 1.25
) -> Strategy:
    """Every so many steps the worst quarter goes on from copies of the best quarter.

    A copy's numbers are multiplied or divided by ``factor``, within the bounds that were swept.
    Jaderberg et al. (2017), arXiv:1711.09846.
    """

    def select(standing: Standing) -> Selection | None:
        count = len(standing.values)
        if standing.step % every or count < 2:
            return None
        # Drawn anew from (seed, step), so that a resumed sweep draws what a whole one does.
        random = np.random.default_rng([seed, standing.step])
        order, quarter = np.argsort(standing.values, kind="stable"), -(-count // 4)
        worst, parents = order[-quarter:], np.arange(count)
        parents[worst] = random.choice(order[:quarter], quarter)
        hyper = {}
        for name, (low, high) in bounds.items():
            scaled = standing.hyper[name][parents[worst]] * factor ** random.choice(
                [-1, 1], quarter
            )
            hyper[name] = standing.hyper[name].copy()
            hyper[name][worst] = np.clip(scaled, low, high)
        return Selection(parents, hyper)

    return select


def choose_strategy(
    options: SweepOptions,
    config: FitConfig,
    count: int,
    swept: dict[str, Float[np.ndarray, "members"]],
) -> Strategy:
    """The strategy that the flags ask for; as a rule none."""
    if options.halve_at and options.perturb_every:
        raise UserError("--halve-at and --perturb-every exclude each other: give one of them")
    if options.perturb_every:
        if options.perturb_every % config.evaluate_every or not swept:
            raise UserError(
                f"--perturb-every {options.perturb_every}: give a multiple of --evaluate-every "
                f"{config.evaluate_every}, and a swept number such as --learning-rate"
            )
        bounds = {name: (float(x.min()), float(x.max())) for name, x in swept.items()}
        return population_based_training(options.perturb_every, bounds, config.seed)
    return successive_halving(options.halve_at, count)
