"""Selection of members: pure functions from an evaluation to a selection."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from seqmodels.errors import UserError
from seqmodels.train.config import FitConfig
from seqmodels.train.sweep.points import SweepOptions


class Evaluation(NamedTuple):
    """The members' values at a step. Lower values are better; diverged members have infinity."""

    step: int
    values: Float[np.ndarray, "members"]
    rates: dict[str, Float[np.ndarray, "members"]]  # those that are swept


class Selection(NamedTuple):
    """The next population: the parent and the hyperparameters of each member."""

    parents: Int[np.ndarray, "chosen"]
    rates: dict[str, Float[np.ndarray, "chosen"]]


Strategy = Callable[[Evaluation], Selection | None]


def successive_halving(steps: tuple[int, ...], count: int) -> Strategy:
    """Keep the better half of the members at each of ``steps``.

        members(t) = ceil(count / 2^n),    n = |{s in steps: s <= t}|

    Jamieson and Talwalkar (2016), arXiv:1502.07943.
    """

    def select(evaluation: Evaluation) -> Selection | None:
        left = -(-count // 2 ** sum(step <= evaluation.step for step in steps))
        if len(evaluation.values) <= left:
            return None
        kept = np.sort(np.argsort(evaluation.values, kind="stable")[:left])
        return Selection(kept, {name: x[kept] for name, x in evaluation.rates.items()})

    return select


def population_based_training(
    every: int, bounds: dict[str, tuple[float, float]], seed: int, factor: float = 1.25
) -> Strategy:
    """Replace the worst quarter by perturbed copies of the best quarter, every ``every`` steps.

    The hyperparameters of a copy are multiplied or divided by ``factor``, within the swept bounds.
    Jaderberg et al. (2017), arXiv:1711.09846.
    """

    def select(evaluation: Evaluation) -> Selection | None:
        count = len(evaluation.values)
        if evaluation.step % every or count < 2:
            return None
        # Seeded by (seed, step), so that a resumed sweep makes the same draws.
        random = np.random.default_rng([seed, evaluation.step])
        order, quarter = np.argsort(evaluation.values, kind="stable"), -(-count // 4)
        worst, parents = order[-quarter:], np.arange(count)
        parents[worst] = random.choice(order[:quarter], quarter)
        rates = {}
        for name, (low, high) in bounds.items():
            scaled = evaluation.rates[name][parents[worst]] * factor ** random.choice(
                [-1, 1], quarter
            )
            rates[name] = evaluation.rates[name].copy()
            rates[name][worst] = np.clip(scaled, low, high)
        return Selection(parents, rates)

    return select


def choose_strategy(
    options: SweepOptions,
    config: FitConfig,
    count: int,
    swept: dict[str, Float[np.ndarray, "members"]],
) -> Strategy:
    """Return the strategy that the flags ask for; by default no selection."""
    if options.halve_at and options.perturb_every:
        raise UserError("--halve-at and --perturb-every exclude each other; give only one")
    if options.perturb_every:
        if options.perturb_every % config.evaluate_every or not swept:
            raise UserError(
                f"--perturb-every {options.perturb_every}: give a multiple of --evaluate-every "
                f"{config.evaluate_every}, and sweep a flag such as --learning-rate"
            )
        bounds = {name: (float(x.min()), float(x.max())) for name, x in swept.items()}
        return population_based_training(options.perturb_every, bounds, config.seed)
    return successive_halving(options.halve_at, count)
