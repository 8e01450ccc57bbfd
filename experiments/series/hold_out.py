"""A dev split from the training series."""

from collections.abc import Sequence

import numpy as np

from experiments.series.ts_files import Series


def hold_out(series: Sequence[Series], share: float) -> tuple[list[Series], list[Series]]:
    """Return the training series and a dev split with this share of every class.

    A class of two or more series has at least one in dev. With a share of 0, dev is the training
    split itself.
    """
    if share == 0:
        return list(series), list(series)
    rows_of: dict[str, list[int]] = {}
    for row in np.random.default_rng(0).permutation(len(series)).tolist():
        rows_of.setdefault(series[row].label, []).append(row)
    dev = {
        row
        for rows in rows_of.values()
        for row in rows[: max(len(rows) > 1, round(share * len(rows)))]
    }
    train = [one for row, one in enumerate(series) if row not in dev]
    return train, [series[row] for row in sorted(dev)]
