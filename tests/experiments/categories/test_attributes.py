import numpy as np

from experiments.categories.attributes import (
    attribute_encoding,
    attribute_features,
    attribute_size,
)


def test_numbers_are_scaled_and_names_are_one_hot():
    rows = [("10", "Leeds"), ("1000", "York"), ("", "Leeds"), ("-5", "")]
    encoding = attribute_encoding(rows)
    features = attribute_features(rows, encoding)
    assert features.shape == (4, attribute_size(encoding)) == (4, 4)
    numbers = features[[0, 1, 3], 0]
    np.testing.assert_allclose((numbers.mean(), numbers.std()), (0, 1), atol=1e-6)
    np.testing.assert_array_equal(features[:, 1], [1, 1, 0, 1])
    np.testing.assert_array_equal(features[:, 2:], [[1, 0], [0, 1], [1, 0], [0, 0]])
    unseen = attribute_features([("many", "Paris")], encoding)
    assert not unseen.any()


def test_examples_without_attributes_have_no_features():
    assert attribute_encoding([(), ()]) == []
    assert attribute_size([]) == 0
