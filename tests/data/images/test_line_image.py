"""Reading, cropping and scaling pictures of lines."""

import numpy as np
import pytest
from PIL import Image

from seqmodels.data.handwriting import Sample
from seqmodels.data.images.line_image import (
    crop,
    describe_heights,
    ink_of_gray,
    read_line_image,
    scale_samples,
    scale_to_height,
)
from seqmodels.errors import UserError

# A black bar of 4 x 10 pixels on a white page of 20 x 30.
PAGE = np.full((20, 30), 255, np.uint8)
PAGE[8:12, 5:15] = 0
BAR = np.pad(np.ones((4, 10)), 1)  # with the margin that cropping leaves


@pytest.mark.parametrize("mode", ["L", "RGB", "1", "P", "LA", "RGBA", "I", "I;16", "F"])
def test_ink_is_one_in_every_mode(mode, tmp_path):
    path = tmp_path / ("line.tiff" if mode in ("F", "I") else "line.png")
    if mode == "I;16":
        Image.fromarray(PAGE.astype(np.uint16) * 200).save(path)
    else:
        Image.fromarray(PAGE).convert(mode).save(path)
    np.testing.assert_allclose(read_line_image(path), BAR, atol=0.01)


def test_transparent_pixels_are_paper(tmp_path):
    pixels = np.zeros((20, 30, 4), np.uint8)
    pixels[..., 3] = PAGE == 0
    pixels[..., 3] *= 255
    Image.fromarray(pixels).save(tmp_path / "line.png")
    np.testing.assert_allclose(read_line_image(tmp_path / "line.png"), BAR, atol=0.01)


def test_jpeg_and_white_writing_on_black(tmp_path):
    Image.fromarray(255 - PAGE).save(tmp_path / "line.jpg", quality=95)
    np.testing.assert_allclose(read_line_image(tmp_path / "line.jpg"), BAR, atol=0.15)


def test_photographs_are_turned_upright(tmp_path):
    turned = Image.fromarray(PAGE).transpose(Image.Transpose.ROTATE_90)
    exif = turned.getexif()
    exif[0x0112] = 6  # rotate by 90 degrees clockwise to view
    turned.save(tmp_path / "line.png", exif=exif)
    np.testing.assert_allclose(read_line_image(tmp_path / "line.png"), BAR, atol=0.01)


def test_weak_contrast_is_stretched_and_nan_is_paper():
    pixels = PAGE / 255.0 * 0.1 + 0.6
    pixels[0, 0], pixels[1, 1] = np.nan, np.inf
    ink = ink_of_gray(pixels)
    np.testing.assert_allclose(ink, PAGE == 0, atol=1e-5)
    assert not ink_of_gray(np.full((3, 4), np.nan)).any()
    assert not ink_of_gray(np.full((3, 4), 7)).any()


def test_an_empty_page_becomes_one_pixel():
    np.testing.assert_array_equal(crop(np.zeros((9, 9), np.float32)), [[0]])


def test_scaling_keeps_the_aspect_ratio_and_the_mean():
    image = np.random.default_rng(0).random((40, 100)).astype(np.float32)
    small = scale_to_height(image, 20)
    assert small.shape == (20, 50)
    assert small.mean() == pytest.approx(image.mean(), abs=0.01)
    flat = np.repeat(np.repeat(image[:4, :5], 10, 0), 10, 1)
    assert scale_to_height(flat, 20).shape == (20, 25)
    assert scale_to_height(image[:, :1], 7).shape == (7, 1)


def test_other_heights_are_reported_and_scaled():
    images = [np.zeros((height, 10), np.float32) for height in (16, 20, 32)]
    samples = [Sample("a", "", None, image) for image in images]
    assert describe_heights(samples, 16) == "scaled 2 of 3 images from heights of 20 to 32 to 16"
    scaled = scale_samples(samples, 16)
    assert {sample.image.shape[0] for sample in scaled} == {16}
    assert describe_heights(scaled, 16) is None
    with pytest.raises(UserError, match="x has strokes and no image"):
        scale_samples([Sample("a", "", name="x")], 16)


def test_faulty_pictures_are_named(tmp_path):
    path = tmp_path / "a.png"
    with pytest.raises(UserError, match=r"there is no picture .*a\.png"):
        read_line_image(path)
    path.write_bytes(b"")
    with pytest.raises(UserError, match=r"cannot read the picture .*a\.png: it is empty"):
        read_line_image(path)
    path.write_bytes(b"no picture")
    with pytest.raises(UserError, match="cannot read the picture"):
        read_line_image(path)
