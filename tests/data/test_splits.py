"""Splits by hash, by position and by time."""

import datetime
import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqmodels.data.splits import contiguous_split, hash_split, time_split
from seqmodels.errors import UserError

FRACTIONS = (0.6, 0.2, 0.2)


@given(st.lists(st.text()), st.lists(st.text()))
def test_adding_data_moves_no_example(keys, more):
    before, after = hash_split(keys, FRACTIONS), hash_split(keys + more, FRACTIONS)
    for part_before, part_after in zip(before, after, strict=True):
        np.testing.assert_array_equal(part_before, part_after[part_after < len(keys)])


@given(st.lists(st.sampled_from("abcdefgh")))
def test_every_example_is_in_one_split_and_equal_keys_stay_together(keys):
    parts = hash_split(keys, FRACTIONS)
    assert sorted(np.concatenate(parts).tolist()) == list(range(len(keys)))
    sets = [{keys[index] for index in part} for part in parts]
    assert sum(map(len, sets)) == len(set.union(*sets))


def test_splits_have_about_the_requested_fractions():
    shares = [len(part) / 20_000 for part in hash_split(map(str, range(20_000)), FRACTIONS)]
    np.testing.assert_allclose(shares, FRACTIONS, atol=0.01)


def test_the_hash_is_the_same_on_every_machine():
    digest = hashlib.blake2b("grün".encode(), digest_size=8).hexdigest()
    place = int(digest, 16) / 2**64
    assert len(hash_split(["grün"], (place + 1e-6, 1 - place - 1e-6, 0.0)).train) == 1
    assert len(hash_split(["grün"], (place - 1e-6, 1 - place + 1e-6, 0.0)).dev) == 1


@given(st.text(), st.sampled_from([(0.9, 0.1, 0.0), (0.8, 0.1, 0.1), (0.0, 0.5, 0.5)]))
def test_contiguous_splits_join_to_the_whole(text, fractions):
    parts = contiguous_split(text, fractions)
    assert "".join(parts) == text
    assert len(parts.train) == int(len(text) * fractions[0])
    assert parts.test == "" or fractions[2] > 0


@pytest.mark.parametrize("fractions", [(0.9, 0.2, 0.0), (1.2, -0.2, 0.0)])
def test_fractions_must_sum_to_one(fractions):
    with pytest.raises(UserError, match="sum to 1"):
        hash_split(["a"], fractions)


TIMES = np.arange("2020-01-01", "2020-03-01", dtype="datetime64[h]")


@pytest.mark.parametrize("times", [TIMES, TIMES.astype(str), TIMES.astype(object).tolist()])
def test_dates_split_before_the_boundaries(times):
    train, dev, test = time_split(times, "2020-02-01", datetime.datetime(2020, 2, 10, 5))
    assert (train, dev) == (range(31 * 24), range(31 * 24, 40 * 24 + 5))
    assert test == range(40 * 24 + 5, len(TIMES))


@given(st.lists(st.integers(0, 20), min_size=2).map(sorted), st.integers(0, 20))
def test_numbers_split_by_comparison(times, boundary):
    if times[0] < boundary <= times[-1]:
        train, dev, test = time_split(times, boundary)
        assert [times[i] for i in train] == [time for time in times if time < boundary]
        assert [times[i] for i in dev] == [time for time in times if time >= boundary]
        assert len(test) == 0
    else:
        with pytest.raises(UserError, match="leave a split without a step"):
            time_split(times, boundary)


def test_fractions_of_a_range_are_ranges():
    assert contiguous_split(range(10), (0.8, 0.1, 0.1)) == time_split(range(10), 8, 9)


@pytest.mark.parametrize(
    ("times", "bounds", "message"),
    [
        ([3, 2, 1], (2,), "must be sorted"),
        ([], (2,), "must be sorted"),
        ([1, 2, 3, 4], (3, 2), "boundaries 3, 2 leave a split without a step"),
        (TIMES, ("soon",), "cannot read a time"),
    ],
)
def test_wrong_times_are_refused(times, bounds, message):
    with pytest.raises(UserError, match=message):
        time_split(times, *bounds)
