"""Class names as indices."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Int

from seqmodels.errors import UserError


def class_indices(labels: Sequence[str], classes: Sequence[str]) -> Int[np.ndarray, "N"]:
    """Return the index of each label in the classes of the training examples."""
    if new := sorted(set(labels) - set(classes)):
        raise UserError(
            f"--data: the class {new[0]!r} does not occur in the training examples, which have "
            f"{', '.join(classes[:10])}"
        )
    indices = {name: index for index, name in enumerate(classes)}
    return np.array([indices[label] for label in labels], np.int32)
