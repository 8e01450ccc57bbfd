"""Series for forecasting, their windows, and how a window is read from several series."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Int, Shaped

from seqmodels.data.ragged import Ragged, ragged, zero_where_masked
from seqmodels.errors import UserError


class ForecastSeries(NamedTuple):
    """A multivariate series and the period of the targets that count.

    inputs:  what is known at each step: past values and features
    targets: what to forecast; NaN where a value is missing
    known:   features known in advance (calendar, holidays, prices), which a window gives for each
             target time; may be longer than the series
    period:  indices of the targets that count, for example a split; by default all
    """

    inputs: Shaped[np.ndarray, "N D"]
    targets: Shaped[np.ndarray, "N *K"]
    known: Shaped[np.ndarray, "M F"] | None = None
    period: range | None = None


class WindowShape(NamedTuple):
    """The shape of a window.

    length:   steps that are read
    horizons: steps from an origin to its targets, for example ``range(1, 25)``
    warmup:   steps that are read after a reset before the first target counts
    """

    length: int
    horizons: Sequence[int] = (1,)
    warmup: int = 0


class ForecastWindow(NamedTuple):
    """T consecutive steps of B series, each with its H targets.

    inputs:  the inputs of each step, then ``known`` at t + h for each horizon
    targets: ``targets[t, b, i]`` is the value at ``horizons[i]`` steps after t; 0 where masked
    mask:    True where the target counts: it is in the period, present, and after the warm-up
    resets:  True where the carry must be reset, also at the first step after padding
    series:  index of the series of each step; -1 in padding
    step:    index of each step in its series; -1 in padding
    """

    inputs: Shaped[np.ndarray, "T B D"]
    targets: Shaped[np.ndarray, "T B H *K"]
    mask: Bool[np.ndarray, "T B H *K"]
    resets: Bool[np.ndarray, "T B"]
    series: Int[np.ndarray, "T B"]
    step: Int[np.ndarray, "T B"]


class SeriesTable(NamedTuple):
    """Several series, one after the other.

    owner:     index of the series of each step
    begin:     where each series begins
    low, high: where its period begins and ends
    """

    inputs: np.ndarray
    targets: np.ndarray
    known: Ragged | None
    owner: np.ndarray
    begin: np.ndarray
    low: np.ndarray
    high: np.ndarray


def series_table(series: Sequence[ForecastSeries], shape: WindowShape) -> SeriesTable:
    """Concatenate the series, after checking them."""
    if not 0 <= shape.warmup < shape.length or min(shape.horizons, default=0) < 1:
        raise UserError(
            f"a window needs 0 <= warmup < length and horizons of 1 or more, not {shape}"
        )
    if not series:
        raise UserError("there are no series; give data that is not empty")
    for index, one in enumerate(series):
        _check(index, one)
    inputs, targets = ragged([s.inputs for s in series]), ragged([s.targets for s in series])
    known = [s.known for s in series if s.known is not None]
    if len(known) not in (0, len(series)):
        raise UserError("give the features known in advance for every series or for none")
    begin = inputs.offsets[:-1]
    periods = [range(len(s.inputs)) if s.period is None else s.period for s in series]
    return SeriesTable(
        inputs=inputs.values,
        targets=targets.values,
        known=ragged(known) if known else None,
        owner=np.repeat(np.arange(len(series)), inputs.lengths),
        begin=begin,
        low=begin + [period.start for period in periods],
        high=begin + [period.stop for period in periods],
    )


def _check(index: int, series: ForecastSeries) -> None:
    length, period = len(series.inputs), series.period
    if len(series.targets) != length or not (series.known is None or len(series.known) >= length):
        raise UserError(
            f"series {index}: give targets and known features for each of {length} steps"
        )
    if period is not None and not (period.start >= 0 and period.stop <= length):
        raise UserError(f"series {index} has {length} steps, but its period is {period}")


def read_window(
    table: SeriesTable,
    shape: WindowShape,
    index: Int[np.ndarray, "T B"],
    resets: Bool[np.ndarray, "T B"],
    scored: Bool[np.ndarray, "T B"],
) -> ForecastWindow:
    """Return the window that reads the steps ``index``, where -1 is padding."""
    is_read, owner = index >= 0, table.owner[index]
    inputs = zero_where_masked(table.inputs[index], is_read)
    if table.known is not None:
        inputs = np.concatenate([inputs, _known(table, shape, index)], axis=-1)
    at = index[..., None] + np.array(shape.horizons)
    in_period = (at >= table.low[owner][..., None]) & (at < table.high[owner][..., None])
    counts = in_period & (is_read & scored)[..., None]
    targets = table.targets[np.where(counts, at, 0)]
    mask = zero_where_masked(~np.isnan(targets), counts)
    return ForecastWindow(
        inputs=inputs,
        targets=zero_where_masked(targets, mask),
        mask=mask,
        resets=resets,
        series=np.where(is_read, owner, -1).astype(np.int32),
        step=np.where(is_read, index - table.begin[owner], -1).astype(np.int32),
    )


def _known(
    table: SeriesTable, shape: WindowShape, index: Int[np.ndarray, "T B"]
) -> Shaped[np.ndarray, "T B HF"]:
    """Return the known features at each horizon, one after the other."""
    assert table.known is not None
    values, offsets = table.known
    owner = table.owner[index]
    at = (index - table.begin[owner] + offsets[owner])[..., None] + np.array(shape.horizons)
    exists = (index >= 0)[..., None] & (at < offsets[owner + 1][..., None])
    found = zero_where_masked(values[np.where(exists, at, 0)], exists)
    return found.reshape(*index.shape, -1)
