"""Pictures of light curves."""

from typing import Any

import numpy as np
from jaxtyping import Float

from experiments.supernovae.files import BANDS, DAY, ERROR, FLUX, SEEN

COLORS = ("tab:green", "tab:red", "tab:brown", "black")


def draw_bands(axes: Any, nights: Float[np.ndarray, "T C"]) -> None:
    """The flux in each band with its errors."""
    for number, (name, color) in enumerate(zip(BANDS, COLORS, strict=True)):
        seen = nights[:, SEEN][:, number] > 0
        columns = nights[:, DAY], nights[:, FLUX][:, number], nights[:, ERROR][:, number]
        day, flux, error = (column[seen] for column in columns)
        axes.errorbar(day, flux, error, fmt="o-", color=color, markersize=3, lw=0.8, label=name)
    axes.set(ylabel="flux")
    axes.legend(fontsize=7, loc="upper left", bbox_to_anchor=(1.0, 1.0))
