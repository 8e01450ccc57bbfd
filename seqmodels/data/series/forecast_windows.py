"""Windows of multivariate series for forecasting: horizons, warm-up, and one period of each series.

A model reads the inputs up to step t, the origin, and forecasts the targets at t + h for every
horizon h. A target counts if its time is in the series' period. Earlier steps may be read as
warm-up. Inputs hold no target or input of a later step than the origin.

================  ====================================================================
function          batches
================  ====================================================================
training_streams  parallel streams with a carried state, for truncated backpropagation
training_origins  independent windows that end at shuffled origins
all_origins       independent windows that score each origin of the period once
================  ====================================================================
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np

from seqmodels.data.batching import Batches, example_batches
from seqmodels.data.series.series_table import (
    ForecastSeries,
    ForecastWindow,
    SeriesTable,
    WindowShape,
    read_window,
    series_table,
)
from seqmodels.errors import UserError


def training_streams(
    series: Sequence[ForecastSeries],
    batch_size: int,
    shape: WindowShape,
    *,
    seed: int | None = None,
) -> Batches:
    """Return windows of ``batch_size`` parallel streams, each of which continues the last one.

    The streams are equal parts of all series, one after the other. The carry is reset where a
    series begins. An epoch omits the steps that are left over; with a seed, it begins at an offset
    drawn from ``(seed, epoch)``. Nothing after the end of a period is read or counts.
    """
    table = series_table(series, shape)
    first, stop = _training_bounds(table, shape)
    line = _ranges(first, stop)
    steps = len(line) // (batch_size * shape.length)
    if steps < 1:
        raise UserError(
            f"the training periods have {len(line)} origins, and a batch of {batch_size} streams "
            f"needs {shape.length} for each; choose fewer streams or shorter windows"
        )
    share = steps * shape.length
    spare = len(line) - batch_size * share

    @lru_cache(maxsize=2)
    def offset(epoch: int) -> int:
        return 0 if seed is None else int(np.random.default_rng([seed, epoch]).integers(spare + 1))

    def at(step: int, part: slice) -> ForecastWindow:
        epoch, position = divmod(step, steps)
        time = position * shape.length + np.arange(shape.length)[:, None]
        index = line[offset(epoch) + time + np.arange(batch_size)[part] * share]
        since = np.minimum(time, index - first[table.owner[index]])
        return read_window(table, shape, index, since == 0, since >= shape.warmup)

    return Batches(at, steps, lambda step: batch_size, batch_axis=1)


def training_origins(
    series: Sequence[ForecastSeries],
    batch_size: int,
    shape: WindowShape,
    *,
    seed: int | None = None,
    stride: int = 1,
) -> Batches:
    """Return independent windows that end at every ``stride``-th origin.

    With a seed, their order is drawn from ``(seed, epoch)``. All steps of a window after its
    warm-up count. A window that begins before its series is padded. Nothing after the end of a
    period is read or counts.
    """
    table = series_table(series, shape)
    first, stop = _training_bounds(table, shape)
    ends = _ranges(first + shape.warmup, stop)[::stride]

    def scored(time: np.ndarray, history: np.ndarray) -> np.ndarray:
        return np.minimum(time, history) >= shape.warmup

    return _independent(table, shape, ends, scored, _order(ends, batch_size, seed))


def all_origins(series: Sequence[ForecastSeries], batch_size: int, shape: WindowShape) -> Batches:
    """Return windows in which every target of the period counts exactly once for each horizon.

    A window scores its last ``length - warmup`` origins and reads the steps before them, also those
    before the period. With ``warmup = length - 1``, each origin has a window to itself. Where a
    series has too little past, the warm-up is shorter.
    """
    table = series_table(series, shape)
    first = np.maximum(table.begin, table.low - max(shape.horizons))
    last = table.high - min(shape.horizons) - 1
    stride = shape.length - shape.warmup
    pairs = zip(first, last, strict=True)
    ends = np.concatenate([np.arange(end, begin - 1, -stride)[::-1] for begin, end in pairs])

    def scored(time: np.ndarray, history: np.ndarray) -> np.ndarray:
        return np.broadcast_to(time >= shape.warmup, history.shape)

    return _independent(table, shape, ends, scored, _order(ends, batch_size))


def _training_bounds(table: SeriesTable, shape: WindowShape) -> tuple[np.ndarray, np.ndarray]:
    """Return the first step of each series that training reads, and the end of its origins."""
    far = max(shape.horizons)
    return np.maximum(table.begin, table.low - far - shape.warmup), table.high - far


def _ranges(first: np.ndarray, stop: np.ndarray) -> np.ndarray:
    return np.concatenate([np.arange(*bounds) for bounds in zip(first, stop, strict=True)])


def _order(ends: np.ndarray, batch_size: int, seed: int | None = None) -> Batches:
    if len(ends) == 0:
        raise UserError("no period has an origin: the series are too short for their windows")
    return example_batches({"end": ends}, batch_size, seed=seed)


def _independent(
    table: SeriesTable,
    shape: WindowShape,
    ends: np.ndarray,
    scored: Callable[[np.ndarray, np.ndarray], np.ndarray],
    examples: Batches,
) -> Batches:
    """Return windows that end at the steps ``ends``, each of which begins with a reset."""
    time = np.arange(shape.length)[:, None]

    def at(step: int, part: slice) -> ForecastWindow:
        rows = examples(step, part).rows
        end = ends[rows]
        index = end - (shape.length - 1) + time
        history = index - table.begin[table.owner[end]]
        is_read = (history >= 0) & (rows >= 0)
        resets = (time == 0) | (history == 0)
        return read_window(
            table, shape, np.where(is_read, index, -1), resets, scored(time, history)
        )

    return replace(examples, at=at, batch_axis=1)
