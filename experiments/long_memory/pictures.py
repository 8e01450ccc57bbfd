"""Picture of the gradient flow of several networks."""

from collections.abc import Mapping
from pathlib import Path

from seqmodels.diagnostics.dynamics.gradient_flow import plot_flow
from seqmodels.types import Array


def draw_gradient_flow(curves: Mapping[str, Array], title: str, path: Path | str) -> None:
    """Draw the norms of dL/ds_t against t, one line per network."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 3.6), layout="constrained")
    axes = figure.subplots()
    plot_flow(axes, curves)
    axes.set_title(title, fontsize=10)
    figure.savefig(path, dpi=130)
