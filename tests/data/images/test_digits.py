"""MNIST's files and scikit-learn's digits."""

import gzip

import numpy as np
import pytest

from seqmodels.data.images.digits import read_mnist, sklearn_digits
from seqmodels.errors import UserError

RANDOM = np.random.default_rng(0)


def idx(values):
    """Return the bytes of an idx file."""
    head = bytes([0, 0, 8, values.ndim]) + b"".join(n.to_bytes(4, "big") for n in values.shape)
    return head + values.astype(np.uint8).tobytes()


@pytest.fixture
def mnist(tmp_path):
    """MNIST's four files with few images, two of them gzipped."""
    arrays = {}
    for part, count in (("train", 24), ("t10k", 6)):
        pixels, labels = RANDOM.integers(0, 256, (count, 5, 4)), RANDOM.integers(0, 10, count)
        (tmp_path / f"{part}-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(pixels)))
        (tmp_path / f"{part}-labels-idx1-ubyte").write_bytes(idx(labels))
        arrays[part] = pixels, labels
    return tmp_path, arrays


def test_the_last_training_images_of_mnist_are_dev(mnist):
    folder, arrays = mnist
    train, dev, test = read_mnist(folder)
    assert (len(train.label), len(dev.label), len(test.label)) == (22, 2, 6)
    pixels, labels = arrays["train"]
    np.testing.assert_array_equal(np.concatenate([train.pixels, dev.pixels]), pixels)
    np.testing.assert_array_equal(np.concatenate([train.label, dev.label]), labels)
    np.testing.assert_array_equal(test.pixels, arrays["t10k"][0])


def test_missing_and_inconsistent_files_are_refused(mnist):
    folder, _ = mnist
    labels = folder / "t10k-labels-idx1-ubyte"
    for content in (labels.read_bytes()[:-1], b"P5 28 28", b"", idx(np.zeros((2, 3)))):
        labels.write_bytes(content)
        with pytest.raises(UserError, match="is not an idx file of bytes with 1 axes"):
            read_mnist(folder)
    labels.write_bytes(idx(np.zeros(5)))
    with pytest.raises(UserError, match="6 t10k images have 5 labels"):
        read_mnist(folder)
    labels.unlink()
    with pytest.raises(UserError, match=r"there is no t10k-labels-idx1-ubyte or .*\.gz"):
        read_mnist(folder)
    (folder / "train-images-idx3-ubyte.gz").write_bytes(b"no gzip")
    with pytest.raises(UserError, match="cannot read"):
        read_mnist(folder)


def test_sklearn_digits_have_all_classes_in_each_split():
    parts = sklearn_digits()
    assert sum(len(part.label) for part in parts) == 1797
    assert all(set(part.label) == set(range(10)) for part in parts)
    assert parts.train.pixels.max() == 255
    assert len(parts.train.label) > 1350
