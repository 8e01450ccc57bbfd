"""Images as sequences."""

import numpy as np

from experiments.row_digits.image_steps import image_steps

IMAGES = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)


def test_rows_and_pixels_come_in_reading_order():
    np.testing.assert_allclose(image_steps(IMAGES, "rows"), IMAGES / 255.0, rtol=1e-6)
    flat = IMAGES.reshape(2, 12, 1) / 255.0
    np.testing.assert_allclose(image_steps(IMAGES, "pixels"), flat, rtol=1e-6)


def test_permuted_pixels_have_one_order_for_all_images():
    steps = np.asarray(image_steps(IMAGES, "permuted")) * 255.0
    order = np.round(steps[0, :, 0]).astype(int)
    assert sorted(order) == list(range(12)) != order.tolist()
    np.testing.assert_allclose(steps[1, :, 0], order + 12, rtol=1e-5)
