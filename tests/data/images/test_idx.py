"""The reader of MNIST's idx format."""

import gzip

import numpy as np
import pytest

from seqmodels.data.images.idx import find_idx, read_idx
from seqmodels.errors import UserError

VALUES = np.random.default_rng(0).integers(0, 256, (3, 5, 4)).astype(np.uint8)
IDX = bytes([0, 0, 8, 3]) + b"".join(n.to_bytes(4, "big") for n in VALUES.shape) + VALUES.tobytes()


@pytest.mark.parametrize("ending", ["", ".gz"])
def test_values_are_read_from_plain_and_gzipped_files(ending, tmp_path):
    path = tmp_path / f"some-images{ending}"
    path.write_bytes(gzip.compress(IDX) if ending else IDX)
    assert find_idx(tmp_path, "some-images") == path
    np.testing.assert_array_equal(read_idx(path, 3), VALUES)


@pytest.mark.parametrize("content", [IDX[:-1], b"P5 28 28", b"", IDX])
def test_another_format_or_number_of_axes_is_refused(content, tmp_path):
    path = tmp_path / "labels"
    path.write_bytes(content)
    with pytest.raises(UserError, match="is not an idx file of bytes with 1 axes"):
        read_idx(path, 1)


def test_a_damaged_gzip_file_is_refused(tmp_path):
    (tmp_path / "images.gz").write_bytes(b"no gzip")
    with pytest.raises(UserError, match="cannot read"):
        read_idx(tmp_path / "images.gz", 3)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UserError, match=r"there is no t10k or t10k\.gz"):
        find_idx(tmp_path, "t10k")
