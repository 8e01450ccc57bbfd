"""The reader of ``.ts`` files."""

import gzip

import numpy as np
import pytest

from experiments.series.ts_files import read_archive, read_series
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
    ("text", "message"),
    [
        ("1,2:yes", "there is no @data line"),
        (HEADER, "has no series"),
        (HEADER.replace("@timeStamps false", "@timeStamps true"), "sampled at equal steps"),
        (HEADER.replace("@classLabel true yes no", "@classLabel false"), "no @classLabel true"),
        (HEADER + "1,2,three:1,2,3:yes", "line 7 must hold variables"),
        (HEADER + "1,2,3:1,2:yes", "line 7 must hold variables of equal length"),
        (HEADER + "just words", "line 7 must hold variables"),
    ],
)
def test_another_format_is_refused_in_one_line(text, message, tmp_path):
    with pytest.raises(UserError, match=message) as error:
        read_series(write(tmp_path, text))
    assert "\n" not in str(error.value)


def test_a_folder_without_series_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"give a NAME_TRAIN.ts, or a folder"):
        read_archive(tmp_path)


def test_different_numbers_of_variables_are_refused(tmp_path):
    write(tmp_path)
    write(tmp_path, HEADER + "7:no\n", name="Two_TEST.ts")
    with pytest.raises(UserError, match="different numbers of variables: 1, 2"):
        read_archive(tmp_path)
