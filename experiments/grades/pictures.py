"""Pictures of predictions."""

from collections.abc import Sequence
from pathlib import Path

from jaxtyping import Float
from numpy import ndarray


def draw_pass_probabilities(
    scores: Sequence[float],
    model: Float[ndarray, "T"],
    optimal: Float[ndarray, "T"],
    path: Path | str,
) -> None:
    """Draw test scores, and below them the probability of passing after each test."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 4.2), layout="constrained")
    above, below = figure.subplots(2, sharex=True, height_ratios=(2, 3))
    weeks = range(1, len(scores) + 1)
    above.bar(weeks, scores, width=0.5, color="#9db4c8")
    above.axhline(0.0, color="black", linewidth=0.8)
    above.set(ylabel="test score")
    below.plot(weeks, optimal, "s--", color="gray", label="Bayes-optimal")
    below.plot(weeks, model, "o-", color="tab:blue", label="model")
    below.axhline(0.5, color="gray", linewidth=0.6, linestyle=":")
    below.set(ylim=(-0.02, 1.02), xlabel="week", ylabel="p(pass)", xticks=weeks)
    below.legend()
    figure.savefig(path, dpi=130)
