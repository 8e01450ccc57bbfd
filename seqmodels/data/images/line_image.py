"""Pictures of lines of text: gray, ink is 1, cropped and scaled to one height."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float, Num
from PIL import Image, ImageOps

from seqmodels.data.handwriting import Sample
from seqmodels.errors import UserError

INK = 0.25  # darker pixels are ink when margins are cropped
PAPER = 0.02  # smallest difference between ink and paper that is not noise
MARGIN = 1  # pixels that cropping leaves around the ink


def read_line_image(path: Path) -> Float[np.ndarray, "H W"]:
    """Read a picture in any format that Pillow reads, and crop its margins."""
    try:
        with Image.open(path) as picture:
            pixels = _gray(ImageOps.exif_transpose(picture))
    except FileNotFoundError:
        raise UserError(f"there is no picture {path}") from None
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        reason = "it is empty" if path.is_file() and not path.stat().st_size else str(error)
        raise UserError(f"cannot read the picture {path}: {reason}") from None
    return crop(ink_of_gray(pixels))


def _gray(picture: Image.Image) -> Num[np.ndarray, "H W"]:
    """Return gray values; transparent pixels are white."""
    if picture.mode.startswith(("I", "F")):  # 16 and 32 bits
        return np.asarray(picture, np.float32)
    if "A" in picture.getbands() or "transparency" in picture.info:
        layer = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer)
    return np.asarray(picture.convert("L"), np.float32)


def ink_of_gray(pixels: Num[np.ndarray, "H W"]) -> Float[np.ndarray, "H W"]:
    """Return ink between 0 and 1, of dark writing on light paper or the reverse.

    The paper is the median, because most pixels are paper. The ink is the 1 % of the pixels that
    differ most from it. Pixels that are not finite are paper.
    """
    pixels = np.asarray(pixels, np.float32)
    finite = pixels[np.isfinite(pixels)]
    if finite.size == 0:
        return np.zeros(pixels.shape, np.float32)
    paper = float(np.median(finite))
    scale = float(max(finite.max() - finite.min(), 1e-9))
    dark, light = paper - np.quantile(finite, 0.01), np.quantile(finite, 0.99) - paper
    contrast = max(dark, light, PAPER * max(abs(paper), scale))
    ink = (paper - pixels if dark >= light else pixels - paper) / contrast
    return np.clip(np.nan_to_num(ink, posinf=0, neginf=0), 0, 1).astype(np.float32)


def crop(image: Float[np.ndarray, "H W"]) -> Float[np.ndarray, "rows columns"]:
    """Remove rows and columns without ink at the edges; an empty image becomes one pixel."""
    rows, columns = (np.flatnonzero((image > INK).any(axis=axis)) for axis in (1, 0))
    if len(rows) == 0:
        return np.zeros((1, 1), np.float32)
    spans = [slice(max(i[0] - MARGIN, 0), i[-1] + 1 + MARGIN) for i in (rows, columns)]
    return image[spans[0], spans[1]]


def scale_to_height(
    image: Float[np.ndarray, "H W"], height: int
) -> Float[np.ndarray, "height width"]:
    """Return the image at this height with its aspect ratio, averaged when it becomes smaller."""
    if image.shape[0] == height:
        return image.astype(np.float32)
    width = max(1, round(image.shape[1] * height / image.shape[0]))
    scaled = Image.fromarray(image.astype(np.float32)).resize(
        (width, height), Image.Resampling.BILINEAR
    )
    return np.clip(np.asarray(scaled, np.float32), 0, 1)


def scale_samples(samples: Sequence[Sample], height: int) -> list[Sample]:
    """Return the samples with images of this height."""
    return [sample._replace(image=scale_to_height(image_of(sample), height)) for sample in samples]


def describe_heights(samples: Sequence[Sample], height: int) -> str | None:
    """Describe the heights of images that have to be scaled, or return None if none has to."""
    heights = [image_of(sample).shape[0] for sample in samples]
    other = [value for value in heights if value != height]
    if not other:
        return None
    sizes = f"{min(other)}" if min(other) == max(other) else f"{min(other)} to {max(other)}"
    return f"scaled {len(other)} of {len(heights)} images from heights of {sizes} to {height}"


def image_of(sample: Sample) -> Float[np.ndarray, "H W"]:
    """Return the image of a sample, or explain that it has none."""
    if sample.image is None:
        raise UserError(f"{sample.name} has strokes and no image; draw it, or choose strokes")
    return sample.image
