"""Outputs of all examples of a split, collected for metrics that are not means."""

from collections.abc import Sequence

import jax
import numpy as np

from seqmodels.types import Metrics, Outputs, PyTree, Total


def split_metrics(metrics: Metrics) -> tuple[dict[str, Total], dict[str, Outputs]]:
    """Return the totals and the outputs among the metrics of a batch."""
    totals = {name: x for name, x in metrics.items() if isinstance(x, Total)}
    outputs = {name: x for name, x in metrics.items() if isinstance(x, Outputs)}
    return totals, outputs


def examples_in_order(name: str, chunks: Sequence[Outputs]) -> list[PyTree]:
    """Return the values of every example, in the order of the data.

    Rows that only fill the shape of a batch are left out.

    name:   of the outputs, for errors
    chunks: outputs on the host of K batches each, ``[K, B, ...]``; shapes may differ by chunk
    """
    found: dict[int, PyTree] = {}
    for values, rows in chunks:
        for place in zip(*np.nonzero(rows >= 0), strict=True):
            row = int(rows[place])
            if row in found:
                raise ValueError(
                    f"outputs {name!r}: row {row} occurs twice in a split; rows are the indices of "
                    "the examples in their split"
                )
            found[row] = jax.tree.map(lambda leaf, place=place: leaf[place], values)
    return [found[row] for row in sorted(found)]
