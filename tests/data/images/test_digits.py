import gzip

import numpy as np
import pytest

from seqmodels.data.batching import Batch
from seqmodels.data.images.digits import Images, digits, nearest_mean, read_images, shifts
from seqmodels.errors import UserError

RANDOM = np.random.default_rng(0)


def idx(values):
    """The bytes of an idx file, from its description."""
    head = bytes([0, 0, 8, values.ndim]) + b"".join(n.to_bytes(4, "big") for n in values.shape)
    return head + values.astype(np.uint8).tobytes()


@pytest.fixture
def mnist(tmp_path):
    """MNIST's four files with few images, two of them gzipped."""
    made = {}
    for part, count in (("train", 24), ("t10k", 6)):
        pixels, labels = RANDOM.integers(0, 256, (count, 5, 4)), RANDOM.integers(0, 10, count)
        (tmp_path / f"{part}-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(pixels)))
        (tmp_path / f"{part}-labels-idx1-ubyte").write_bytes(idx(labels))
        made[part] = pixels, labels
    return tmp_path, made


def test_mnist_is_read_and_the_last_training_images_are_dev(mnist):
    folder, made = mnist
    train, dev, test = read_images(folder)
    assert (len(train.label), len(dev.label), len(test.label)) == (22, 2, 6)
    pixels, labels = made["train"]
    np.testing.assert_array_equal(np.concatenate([train.pixels, dev.pixels]), pixels)
    np.testing.assert_array_equal(np.concatenate([train.label, dev.label]), labels)
    np.testing.assert_array_equal(test.pixels, made["t10k"][0])


def test_files_that_are_missing_or_something_else_get_one_line(mnist):
    folder, _ = mnist
    labels = folder / "t10k-labels-idx1-ubyte"
    whole = labels.read_bytes()
    for content in (whole[:-1], b"P5 28 28", b"", idx(np.zeros((2, 3)))):
        labels.write_bytes(content)
        with pytest.raises(UserError, match="is not an idx file of bytes with 1 axes"):
            read_images(folder)
    labels.write_bytes(idx(np.zeros(5)))
    with pytest.raises(UserError, match="6 t10k images have 5 labels"):
        read_images(folder)
    labels.unlink()
    with pytest.raises(UserError, match=r"there is no t10k-labels-idx1-ubyte or .*\.gz"):
        read_images(folder)
    (folder / "train-images-idx3-ubyte.gz").write_bytes(b"no gzip")
    with pytest.raises(UserError, match="cannot read"):
        read_images(folder)


def test_digits_come_in_three_parts_of_all_classes():
    parts = digits()
    assert sum(len(part.label) for part in parts) == 1797
    assert all(set(part.label) == set(range(10)) for part in parts)
    assert parts.train.pixels.max() == 255
    assert len(parts.train.label) > 1350
    assert nearest_mean(parts.train, parts.dev) > 0.8


def test_the_nearest_mean_names_images_like_it():
    pixels = np.zeros((6, 2, 2), np.uint8)
    pixels[1::2, 0], pixels[::2, 1] = 200, 100
    images = Images(pixels, np.arange(6, dtype=np.int32) % 2)
    assert nearest_mean(images, images) == 1.0
    assert nearest_mean(images, images._replace(label=1 - images.label)) == 0.0


def test_shifts_move_each_image_by_a_little_in_every_direction():
    images = np.zeros((200, 9, 8), np.uint8)
    images[:, 4, 3] = 7
    batch = Batch({"x": images, "label": np.zeros(200)}, np.arange(200), np.ones(200, np.float32))
    moved = shifts(2)(batch, np.random.default_rng(1)).fields["x"]
    image, row, column = np.nonzero(moved)
    np.testing.assert_array_equal(image, np.arange(200))
    assert set(row - 4) == set(column - 3) == {-2, -1, 0, 1, 2}
    assert (moved.sum(axis=(1, 2)) == 7).all()
    images[:, 4, 3], images[:, 0, 0] = 0, 7  # what leaves the frame does not come back in
    moved = shifts(1)(batch, np.random.default_rng(1)).fields["x"]
    assert set(moved.sum(axis=(1, 2))) == {0, 7}
    assert not moved[:, 2:].any()
