"""The .ts format, and what becomes of its series."""

import gzip
from collections import Counter

import numpy as np
import pytest

from experiments.series.archive import (
    Series,
    cylinder_bell_funnel,
    neighbour_accuracy,
    patched,
    read_archive,
    read_series,
    scaled,
    series_extras,
    series_fields,
    split_off,
    stretched,
)
from seqmodels.errors import UserError

HEADER = "#notes: 1,2\n@problemName Two\n@timeStamps false\n\n@classLabel true yes no\n@data\n"
SERIES = "1.0,2.0,3e0:0.5,0.4,-0.3:yes\n-1,?,?,5:?,?,?,? : no \n"


def write(folder, text=HEADER + SERIES, name="Two_TRAIN.ts"):
    raw = text.encode()
    (folder / name).write_bytes(gzip.compress(raw) if name.endswith("gz") else raw)
    return folder / name


def test_several_variables_unequal_lengths_and_missing_values(tmp_path):
    first, second = read_series(write(tmp_path))
    np.testing.assert_allclose(first.values, [[1, 0.5], [2, 0.4], [3, -0.3]])
    np.testing.assert_allclose(second.values, [[-1, 0], [1, 0], [3, 0], [5, 0]])
    assert (first.label, second.label) == ("yes", "no")


@pytest.mark.parametrize("ending", ["", ".gz"])
def test_an_archive_is_a_folder_or_its_training_file(ending, tmp_path):
    write(tmp_path, name="Two_TRAIN.ts" + ending)
    with pytest.raises(UserError, match=r"Two_TEST.ts cannot be read"):
        read_archive(tmp_path)
    write(tmp_path, HEADER + "7:8:no\n", name="Two_TEST.ts.gz")
    for path in (tmp_path, tmp_path / ("Two_TRAIN.ts" + ending)):
        archive = read_archive(path)
        assert (len(archive.train), len(archive.test)) == (2, 1)
        np.testing.assert_array_equal(archive.test[0].values, [[7, 8]])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("1,2:yes", "has no line @data"),
        (HEADER, "has no series"),
        (HEADER.replace("@timeStamps false", "@timeStamps true"), "at regular times"),
        (HEADER.replace("@classLabel true yes no", "@classLabel false"), "no @classLabel true"),
        (HEADER + "1,2,three:1,2,3:yes", "line 7 is not numbers"),
        (HEADER + "1,2,3:1,2:yes", "line 7 is not numbers, as many of each variable"),
        (HEADER + "just words", "line 7 is not numbers"),
    ],
)
def test_a_wrong_file_gets_one_line(text, told, tmp_path):
    with pytest.raises(UserError, match=told) as error:
        read_series(write(tmp_path, text))
    assert "\n" not in str(error.value)


def test_a_folder_without_series_is_told(tmp_path):
    with pytest.raises(UserError, match=r"give a NAME_TRAIN.ts, or a folder"):
        read_archive(tmp_path)


def test_other_numbers_of_variables_are_told(tmp_path):
    write(tmp_path)
    write(tmp_path, HEADER + "7:no\n", name="Two_TEST.ts")
    with pytest.raises(UserError, match="different numbers of variables"):
        read_archive(tmp_path)


def test_scaling_is_that_of_the_training_series():
    random = np.random.default_rng(0)
    train = [
        Series(random.normal([2, -3], [5, 0.1], (length, 2)).astype(np.float32), label)
        for length, label in ((30, "b"), (40, "a"))
    ]
    extras = series_extras(train, patch=1)
    together = np.concatenate([scaled(series.values, extras) for series in train])
    np.testing.assert_allclose(together.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(together.std(axis=0), 1, atol=1e-4)
    fields = series_fields(train, extras)
    np.testing.assert_array_equal(fields["label"], [1, 0])
    np.testing.assert_array_equal(fields["x"].lengths, [30, 40])
    with pytest.raises(UserError, match="of 1 variables; the run was trained on 2"):
        series_fields([Series(np.ones((3, 1), np.float32), "a")], extras)
    with pytest.raises(UserError, match="the class 'c', which the training examples do not have"):
        series_fields([Series(np.ones((3, 2), np.float32), "c")], extras)


def test_squashed_a_small_series_is_seen_beside_a_large_one():
    wave = np.sin(np.arange(50.0))[:, None].astype(np.float32)
    train = [Series(scale * wave, "a") for scale in (1e-3, 1.0, 1e3)]
    plain, squashed = (
        [scaled(series.values, series_extras(train, 1, squash)).std() for series in train]
        for squash in (False, True)
    )
    assert plain[0] < 1e-5 * plain[2]  # as it is
    unit = wave.std(dtype=np.float64)
    expected = [np.log(x + np.sqrt(x**2 + 1)).std() for x in (wave / unit, 1e3 * wave / unit)]
    assert squashed[2] / squashed[1] == pytest.approx(expected[1] / expected[0], rel=1e-4)


def test_patches_hold_steps_side_by_side():
    values = np.arange(10.0).reshape(5, 2)
    np.testing.assert_array_equal(patched(values, 2), [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 8, 9]])
    np.testing.assert_array_equal(patched(values, 1), values)


def test_stretching_keeps_lines_straight():
    line = np.stack([np.linspace(0, 1, 7), np.linspace(3, -3, 7)], axis=1)
    found = stretched([line, line[::3]], 5).reshape(2, 2, 5)
    np.testing.assert_allclose(found[0], found[1], atol=1e-6)
    np.testing.assert_allclose(found[0, 1], [3, 1.5, 0, -1.5, -3])


def test_splitting_off_takes_of_every_class():
    series = [Series(np.full((1, 1), n, np.float32), "aab"[n % 3]) for n in range(60)]
    kept, held = split_off(series, 0.2)
    assert Counter(s.label for s in held) == {"a": 8, "b": 4}
    assert sorted(int(s.values[0, 0]) for s in kept + held) == list(range(60))
    assert split_off(series, 0.0) == (series, series)
    assert Counter(s.label for s in split_off(series[:3], 0.1)[1]) == {"a": 1}


def test_made_up_series_are_harder_than_nothing_and_easier_than_chance():
    train, dev = cylinder_bell_funnel(60), cylinder_bell_funnel(90, seed=1)
    assert Counter(s.label for s in dev) == {"bell": 30, "cylinder": 30, "funnel": 30}
    assert 0.5 < neighbour_accuracy(train, dev) < 1.0
    bells = np.stack([s.values[:, 0] for s in dev if s.label == "bell"])
    quiet, late = bells[:, :15], bells[:, 40:48]
    assert abs(quiet.mean()) < 0.2
    assert late.mean() > 0.5
