"""Images of digits: MNIST, and the small digits that ship with scikit-learn."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Int, UInt8

from seqmodels.data.images.idx import find_idx, read_idx
from seqmodels.data.splits import Splits, contiguous_split, hash_split
from seqmodels.errors import UserError


class Images(NamedTuple):
    """Gray images from 0 (black) to 255 (white), and the index of each image's class."""

    pixels: UInt8[np.ndarray, "N height width"]
    label: Int[np.ndarray, "N"]

    def select(self, rows: Any) -> "Images":
        """Return some of the images."""
        return Images(self.pixels[rows], self.label[rows])


def sklearn_digits() -> Splits:
    """Return 1,797 images of 8 x 8 pixels, split 80 / 10 / 10 %.

    Alpaydin and Kaynak (1998), "Optical recognition of handwritten digits".
    """
    from sklearn.datasets import load_digits

    bundled = load_digits()
    pixels = np.round(bundled.images * (255 / 16)).astype(np.uint8)
    images = Images(pixels, bundled.target.astype(np.int32))
    rows = hash_split((f"{row}" for row in range(len(pixels))), (0.8, 0.1, 0.1))
    return Splits(*(images.select(part) for part in rows))


def read_mnist(folder: str | Path, dev_share: float = 1 / 12) -> Splits:
    """Read MNIST's four files, gzipped or not.

    dev_share: fraction of the training images to use as dev; these are the last ones
    """
    folder = Path(folder).expanduser()
    train, test = (_read_part(folder, part) for part in ("train", "t10k"))
    rows = contiguous_split(range(len(train.label)), (1 - dev_share, dev_share, 0.0))
    return Splits(train.select(list(rows.train)), train.select(list(rows.dev)), test)


def _read_part(folder: Path, part: str) -> Images:
    pixels = read_idx(find_idx(folder, f"{part}-images-idx3-ubyte"), 3)
    labels = read_idx(find_idx(folder, f"{part}-labels-idx1-ubyte"), 1)
    if len(pixels) != len(labels):
        raise UserError(f"--data {folder}: {len(pixels)} {part} images have {len(labels)} labels")
    return Images(pixels, labels.astype(np.int32))
