"""Windows of forecasts: every target once, no future in the inputs, warm-up, streams."""

from collections import Counter
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqmodels.data.series.forecast_windows import all_origins, training_origins, training_streams
from seqmodels.data.series.series_table import ForecastSeries, WindowShape
from seqmodels.errors import UserError

lengths_of = st.lists(st.integers(14, 30), min_size=1, max_size=3)
shapes = st.builds(
    lambda length, warmup, horizons: WindowShape(length, sorted(horizons), warmup % length),
    st.integers(1, 8),
    st.integers(0, 8),
    st.sets(st.integers(1, 5), min_size=1, max_size=3),
)
KINDS = {
    "streams": partial(training_streams, seed=1),
    "origins": partial(training_origins, seed=1),
    "evaluation": all_origins,
}


def make_series(lengths, period=(4, 8)):
    """Return series whose values say which series, step and column they are."""
    made = []
    for number, length in enumerate(lengths):
        step = 1000.0 * (number + 1) + np.arange(length + 3)
        values = np.stack([step, -step], axis=1)
        targets = values[:length] + 0.5
        targets[6, 1] = np.nan
        made.append(ForecastSeries(values[:length], targets, 10 * values, range(*period)))
    return made


def epoch_of(batches, epoch=0):
    first = epoch * batches.steps_per_epoch
    return [batches(first + step) for step in range(batches.steps_per_epoch)]


def counted(windows, series, horizons):
    """Check every value that counts, and return how often each (series, time, horizon) does."""
    counts = Counter()
    for window in windows:
        for t, b in np.ndindex(window.step.shape):
            owner, step = window.series[t, b], window.step[t, b]
            if owner < 0:
                assert step == -1
                assert not window.mask[t, b].any()
                assert not window.inputs[t, b].any()
                continue
            one = series[owner]
            np.testing.assert_array_equal(window.inputs[t, b, :2], one.inputs[step])
            for i, horizon in enumerate(horizons):
                time = step + horizon
                known = one.known[time] if time < len(one.known) else np.zeros(2)
                np.testing.assert_array_equal(window.inputs[t, b, 2 + 2 * i :][:2], known)
                mask, target = window.mask[t, b, i], window.targets[t, b, i]
                assert not target[~mask].any()
                if mask.any():
                    np.testing.assert_array_equal(mask, ~np.isnan(one.targets[time]))
                    np.testing.assert_array_equal(target[mask], one.targets[time][mask])
                    counts[int(owner), int(time), horizon] += 1
    return counts


@settings(max_examples=20)
@given(lengths_of, shapes, st.integers(1, 5), st.sampled_from([(0, 9), (4, 8), (8, 9)]))
def test_evaluation_scores_each_target_of_the_period_once_per_horizon(
    lengths, shape, batch_size, period
):
    series = make_series(lengths, period)
    batches = all_origins(series, batch_size, shape)
    windows = epoch_of(batches)
    assert {window.inputs.shape[:2] for window in windows} == {(shape.length, batch_size)}
    assert counted(windows, series, shape.horizons) == {
        (number, time, horizon): 1
        for number in range(len(lengths))
        for time in range(*period)
        for horizon in shape.horizons
        if time >= horizon
    }


@settings(max_examples=20)
@given(lengths_of, shapes, st.integers(1, 5), st.integers(1, 2))
def test_training_windows_end_at_each_origin_once_and_are_consecutive(
    lengths, shape, batch_size, stride
):
    series = make_series(lengths, (4, 14))
    batches = training_origins(series, batch_size, shape, seed=0, stride=stride)
    epochs = [epoch_of(batches, epoch) for epoch in range(2)]
    counted(epochs[0], series, shape.horizons)
    ends = [np.concatenate([[w.series[-1], w.step[-1]] for w in epoch], axis=1) for epoch in epochs]
    origins = [end[:, end[0] >= 0].T.tolist() for end in ends]
    first = max(shape.warmup, 4 - max(shape.horizons))
    expected = [[n, t] for n in range(len(lengths)) for t in range(first, 14 - max(shape.horizons))]
    assert sorted(origins[0]) == sorted(origins[1]) == expected[::stride]
    for window in epochs[0]:
        is_read = window.step >= 0
        assert (np.diff(window.step, axis=0)[is_read[:-1]] == 1).all()
        assert (np.diff(window.series, axis=0)[is_read[:-1]] == 0).all()
        time = np.arange(shape.length)[:, None]
        np.testing.assert_array_equal(window.resets, (time == 0) | (window.step == 0))
        history = np.minimum(time, window.step)
        assert not window.mask[history < shape.warmup].any()


@settings(max_examples=20)
@given(lengths_of, shapes, st.integers(1, 3), st.integers(0, 2))
def test_streams_continue_within_a_series_and_warm_up_after_each_reset(
    lengths, shape, batch_size, epoch
):
    series = make_series(lengths, (0, 9))
    origins = len(lengths) * (9 - max(shape.horizons))
    if origins < batch_size * shape.length:
        return
    windows = epoch_of(training_streams(series, batch_size, shape, seed=3), epoch)
    counted(windows, series, shape.horizons)
    owner, step, resets, mask = (
        np.concatenate([getattr(window, name) for window in windows])
        for name in ("series", "step", "resets", "mask")
    )
    assert owner.size > origins - batch_size * shape.length
    assert len({*zip(owner.ravel(), step.ravel(), strict=True)}) == owner.size  # each step once
    assert step.max() + max(shape.horizons) < 9
    continues = np.diff(step, axis=0) == 1
    np.testing.assert_array_equal(resets[1:], ~continues)
    assert resets[0].all()
    for column in range(batch_size):
        since = 0
        for t in range(len(step)):
            since = 0 if resets[t, column] else since + 1
            present = ~np.isnan(series[owner[t, column]].targets)
            for i, horizon in enumerate(shape.horizons):
                expected = present[step[t, column] + horizon] & (since >= shape.warmup)
                np.testing.assert_array_equal(mask[t, column, i], expected)


def test_epochs_and_seeds_shuffle_the_origins_and_no_seed_keeps_their_order():
    series, shape = make_series([30, 30], (4, 30)), WindowShape(4)

    def order(seed, epoch):
        windows = epoch_of(training_origins(series, 8, shape, seed=seed), epoch)
        ends = np.concatenate([(100 * w.series + w.step)[-1] for w in windows])
        return ends[ends >= 0].tolist()

    orders = [order(0, 0), order(0, 1), order(1, 0), order(None, 0)]
    assert orders[3] == order(None, 1) == sorted(orders[0])
    assert len({*map(tuple, orders)}) == 4


@pytest.mark.parametrize("kind", KINDS)
def test_the_future_changes_no_input(kind):
    """Replace everything after each origin by NaN; what was read up to there stays the same."""
    shape, series = WindowShape(3, (1, 3), 1), make_series([12, 10], (2, 9))
    clean = epoch_of(KINDS[kind](series, 2, shape))
    for origin in range(12):
        poisoned = []
        for one in series:
            inputs, targets = one.inputs.copy(), one.targets.copy()
            inputs[origin + 1 :] = targets[origin + 1 :] = np.nan
            poisoned.append(one._replace(inputs=inputs, targets=targets))
        for before, after in zip(clean, epoch_of(KINDS[kind](poisoned, 2, shape)), strict=True):
            past = before.step <= origin
            assert np.isnan(after.inputs[~past]).any(axis=-1).all()
            np.testing.assert_array_equal(after.inputs[past], before.inputs[past])
            assert np.isfinite(after.targets).all()


@pytest.mark.parametrize("kind", ["streams", "origins"])
def test_training_reads_nothing_after_its_period(kind):
    shape, series = WindowShape(3, (1, 3), 1), make_series([12, 10], (0, 9))
    poisoned = [
        ForecastSeries(
            *(np.where(np.arange(len(x))[:, None] < 9, x, np.nan) for x in one[:3]), one[3]
        )
        for one in series
    ]
    pairs = zip(
        *(epoch_of(KINDS[kind](part, 2, shape)) for part in (series, poisoned)), strict=True
    )
    for before, after in pairs:
        for leaf, same in zip(before, after, strict=True):
            np.testing.assert_array_equal(leaf, same)


def test_a_series_of_numbers_and_no_known_features():
    values = np.arange(10, dtype=np.float32)
    series = ForecastSeries(values[:, None], values, period=range(6, 10))
    window = all_origins([series], 5, WindowShape(4, (1, 2), warmup=3))(0)
    assert window.inputs.shape == (4, 5, 1)
    np.testing.assert_array_equal(window.step[-1], [4, 5, 6, 7, 8])
    np.testing.assert_array_equal(window.targets[-1], [[0, 6], [6, 7], [7, 8], [8, 9], [9, 0]])
    np.testing.assert_array_equal(window.mask[-1], window.targets[-1] > 0)
    assert not window.mask[:-1].any()
    assert window.targets.dtype == np.float32


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: all_origins([], 2, WindowShape(3)), "there are no series"),
        (lambda: all_origins(make_series([9]), 2, WindowShape(3, (0, 1))), "horizons of 1 or more"),
        (lambda: all_origins(make_series([9]), 2, WindowShape(3, (1,), 3)), "warmup < length"),
        (lambda: all_origins(make_series([9], (4, 12)), 2, WindowShape(3)), "its period is range"),
        (lambda: training_streams(make_series([9]), 8, WindowShape(3)), "8 streams needs 3"),
        (lambda: training_origins(make_series([9]), 8, WindowShape(3, (9,))), "too short"),
    ],
)
def test_wrong_arguments_are_refused(make, message):
    with pytest.raises(UserError, match=message):
        make()
