import numpy as np
import pytest

from seqmodels.data.class_labels import class_indices
from seqmodels.errors import UserError


def test_labels_become_indices():
    np.testing.assert_array_equal(class_indices(["b", "a", "b"], ["a", "b"]), [1, 0, 1])
    assert class_indices([], ["a"]).dtype == np.int32


def test_new_class_is_an_error():
    with pytest.raises(UserError, match="the class 'c' does not occur in the training examples"):
        class_indices(["a", "c"], ["a", "b"])
