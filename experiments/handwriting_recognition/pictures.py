"""Handwriting in the colors of its symbols."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from seqmodels.data.handwriting import Sample
from seqmodels.data.images.line_image import image_of
from seqmodels.data.strokes.features import normalized_inks, resample
from seqmodels.data.strokes.strokes import after_lift, join

GRAY = (0.75, 0.75, 0.75, 1.0)


def draw_strokes(axes: Any, sample: Sample, step: float, spans: Sequence[Any]) -> None:
    """Draw the steps along the strokes; those of no symbol are gray."""
    from matplotlib.collections import LineCollection

    ink = resample(join(normalized_inks([sample])), step).ink
    colors = np.full((len(ink.lifts), 4), GRAY)
    for span in spans:
        colors[span.begin : span.end] = span.color
    drawn = np.flatnonzero(~after_lift(ink))
    segments = np.stack([ink.points[drawn - 1], ink.points[drawn]], axis=1)
    axes.add_collection(LineCollection(list(segments), colors=colors[drawn], linewidths=2.2))
    dots = np.flatnonzero(after_lift(ink) & ink.lifts)
    axes.scatter(*ink.points[dots].T, c=colors[dots], s=12)
    axes.autoscale_view()
    axes.set_aspect("equal")
    axes.set_axis_off()


def draw_image(axes: Any, sample: Sample, spans: Sequence[Any]) -> None:
    """Draw an image with a bar of the symbol's color below its columns."""
    image = image_of(sample)
    axes.imshow(image, cmap="gray_r", extent=(0, image.shape[1], image.shape[0], 0), aspect="auto")
    for span in spans:
        axes.axvspan(span.begin, min(span.end, image.shape[1]), color=span.color, alpha=0.25)
    axes.set_axis_off()
