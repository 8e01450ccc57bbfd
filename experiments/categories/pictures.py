"""Pictures of predictions."""

from collections.abc import Sequence
from pathlib import Path

from jaxtyping import Float, Int
from numpy import argsort, ndarray


def draw_levels(
    coarse: Float[ndarray, "C"],
    fine: Float[ndarray, "V"],
    coarse_names: Sequence[str],
    fine_names: Sequence[str],
    parents: Int[ndarray, "V"],
    count: int,
    path: Path | str,
) -> None:
    """Draw the ``count`` most probable classes of both levels, coloured by category."""
    import matplotlib
    from matplotlib.figure import Figure

    colors = matplotlib.colormaps["tab10"]
    figure = Figure(figsize=(8.0, 0.8 + 0.32 * count), layout="constrained")
    left, right = figure.subplots(1, 2, sharex=True)
    rows = argsort(-coarse)[:count]
    left.barh([coarse_names[i] for i in rows], coarse[rows], color=[colors(i % 10) for i in rows])
    rows = argsort(-fine)[:count]
    shades = [colors(parents[i] % 10) for i in rows]
    right.barh([fine_names[i] for i in rows], fine[rows], color=shades)
    for axes, title in ((left, "category"), (right, "subcategory")):
        axes.invert_yaxis()
        axes.set(xlim=(0.0, 1.0), xlabel="probability", title=title)
    figure.savefig(path, dpi=120)
