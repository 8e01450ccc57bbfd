import numpy as np

from experiments.row_digits.pixels import sequence

IMAGES = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)


def test_rows_and_pixels_come_in_reading_order():
    np.testing.assert_allclose(sequence(IMAGES, "rows"), IMAGES / 255.0, rtol=1e-6)
    flat = IMAGES.reshape(2, 12, 1) / 255.0
    np.testing.assert_allclose(sequence(IMAGES, "pixels"), flat, rtol=1e-6)


def test_permuted_is_one_order_of_the_pixels_for_all_images():
    found = np.asarray(sequence(IMAGES, "permuted")) * 255.0
    order = np.round(found[0, :, 0]).astype(int)
    assert sorted(order) == list(range(12)) != order.tolist()
    np.testing.assert_allclose(found[1, :, 0], order + 12, rtol=1e-5)
