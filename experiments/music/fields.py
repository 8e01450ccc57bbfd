"""Fields, augmentation and baselines of each form of a piece."""

from typing import NamedTuple

from experiments.music.baselines import baselines, harmony_baselines
from experiments.music.frames import frame_fields, transpose_pieces
from experiments.music.harmony_fields import harmony_fields, transpose_chorales
from seqmodels.data.augmentation import Augmentation
from seqmodels.data.splits import Splits
from seqmodels.train.experiment import Baseline


class FormFields(NamedTuple):
    """The fields of each split, an augmentation that transposes a batch, and the baselines."""

    fields: Splits
    transpose: Augmentation
    baselines: list[Baseline]


def form_fields(parts: Splits, form: str, meter: int) -> FormFields:
    """Return the fields of pieces.

    form: "frames" or "harmony"
    """
    if form == "harmony":
        fields = Splits(*(harmony_fields(part, meter) for part in parts))
        return FormFields(fields, transpose_chorales, harmony_baselines(parts))
    fields = Splits(*(frame_fields(part, meter) for part in parts))
    return FormFields(fields, transpose_pieces, baselines(parts))
