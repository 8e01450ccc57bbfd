"""Names of classes as numbers."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Int

from seqmodels.errors import UserError


def class_numbers(labels: Sequence[str], classes: Sequence[str]) -> Int[np.ndarray, "N"]:
    """The place of each label among the classes, which are those of the training examples."""
    if new := sorted(set(labels) - set(classes)):
        raise UserError(
            f"--data has the class {new[0]!r}, which the training examples do not have, only "
            f"{', '.join(classes[:10])}"
        )
    numbers = {name: number for number, name in enumerate(classes)}
    return np.array([numbers[label] for label in labels], np.int32)
