"""Labelled images: scikit-learn's handwritten digits, or any in the format of MNIST (idx)."""

import gzip
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Int, UInt8

from seqmodels.data.augmentation import Augment
from seqmodels.data.batching import Batch
from seqmodels.data.splits import Splits, contiguous_split, hash_split
from seqmodels.errors import UserError

FILES = {"images": "{part}-images-idx3-ubyte", "labels": "{part}-labels-idx1-ubyte"}


class Images(NamedTuple):
    """Grey images, 0 to 255, and the number of each one's class."""

    pixels: UInt8[np.ndarray, "N height width"]
    label: Int[np.ndarray, "N"]

    def taken(self, rows: Any) -> "Images":
        """Some of the images."""
        return Images(self.pixels[rows], self.label[rows])


def digits() -> Splits:
    """Images of 8 x 8 digits, 80 / 10 / 10 %: Alpaydin and Kaynak (1998), in scikit-learn."""
    from sklearn.datasets import load_digits

    found = load_digits()
    pixels = np.round(found.images * (255 / 16)).astype(np.uint8)
    images = Images(pixels, found.target.astype(np.int32))
    rows = hash_split((f"{row}" for row in range(len(pixels))), (0.8, 0.1, 0.1))
    return Splits(*(images.taken(part) for part in rows))


def read_images(folder: str | Path, held_out: float = 1 / 12) -> Splits:
    """MNIST's four files, as they are or gzipped; the last of the training images are dev."""
    folder = Path(folder).expanduser()
    train, test = (read_part(folder, part) for part in ("train", "t10k"))
    rows = contiguous_split(range(len(train.label)), (1 - held_out, held_out, 0.0))
    return Splits(train.taken(list(rows.train)), train.taken(list(rows.dev)), test)


def read_part(folder: Path, part: str) -> Images:
    """The images and the labels of one part."""
    pixels, labels = (
        read_idx(find(folder, name.format(part=part)), axes)
        for name, axes in ((FILES["images"], 3), (FILES["labels"], 1))
    )
    if len(pixels) != len(labels):
        raise UserError(f"--data {folder}: {len(pixels)} {part} images have {len(labels)} labels")
    return Images(pixels, labels.astype(np.int32))


def find(folder: Path, name: str) -> Path:
    """The file, or its gzipped form."""
    for path in (folder / name, folder / f"{name}.gz"):
        if path.is_file():
            return path
    raise UserError(f"--data {folder}: there is no {name} or {name}.gz; give MNIST's folder")


def read_idx(path: Path, axes: int) -> UInt8[np.ndarray, "..."]:
    """An array of bytes: two zeros, the type (8), the number of axes, their sizes, the values."""
    try:
        raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError) as problem:
        raise UserError(f"cannot read {path}: {problem}") from None
    shape = tuple(np.frombuffer(raw[4 : 4 + 4 * axes], ">u4").tolist())
    values = np.frombuffer(raw[4 + 4 * axes :], np.uint8)
    if raw[:4] != bytes([0, 0, 8, axes]) or len(values) != np.prod(shape):
        raise UserError(f"{path} is not an idx file of bytes with {axes} axes")
    return values.reshape(shape)


def shifts(most: int) -> Augment:
    """Each image ``x`` of a batch moved by up to so many pixels; what comes in is black."""

    def augment(batch: Batch, random: np.random.Generator) -> Batch:
        images = batch.fields["x"]
        assert isinstance(images, np.ndarray)
        count, height, width = images.shape
        padded = np.pad(images, ((0, 0), (most, most), (most, most)))
        down, right = random.integers(0, 2 * most + 1, (2, count, 1))
        rows, columns = down + np.arange(height), right + np.arange(width)
        moved = padded[np.arange(count)[:, None, None], rows[:, :, None], columns[:, None]]
        return batch._replace(fields=batch.fields | {"x": moved})

    return augment


def nearest_mean(train: Images, held_out: Images) -> float:
    """Accuracy of naming the class whose mean image is the nearest, ``min_c |x - m_c|^2``."""
    flat, others = (
        part.pixels.reshape(len(part.label), -1).astype(np.float32) for part in (train, held_out)
    )
    classes = np.unique(train.label)
    means = np.stack([flat[train.label == one].mean(axis=0) for one in classes])
    distances = (means**2).sum(axis=1) - 2 * others @ means.T  # and |x|^2, the same for all
    return float(np.mean(classes[distances.argmin(axis=1)] == held_out.label))
