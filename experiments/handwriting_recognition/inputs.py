"""What the network reads of a line: pen movements, features of columns, or columns of pixels."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from seqmodels.data.augmentation import Augmentation
from seqmodels.data.handwriting import Sample
from seqmodels.data.images.column_features import column_features, column_steps, pixel_steps
from seqmodels.data.images.ink_drawing import draw_samples
from seqmodels.data.images.line_augmentation import line_augmentation
from seqmodels.data.images.line_image import describe_heights, image_of, scale_samples
from seqmodels.data.ragged import Ragged
from seqmodels.data.strokes.augment import ink_augmentation
from seqmodels.data.strokes.features import ink_steps, normalized_inks
from seqmodels.errors import UserError

AUTO, STROKES, COLUMNS, PIXELS = "auto", "strokes", "columns", "pixels"


class InputOptions(NamedTuple):
    """What is read: ``strokes`` with a length of a step, or the columns of images of one height."""

    kind: str
    step: float
    height: int


class LineInputs(NamedTuple):
    """Functions of samples that ``prepare`` has returned.

    prepare: draws strokes if images are read, and scales images
    steps:   ``(samples) -> Ragged`` inputs of the network
    augment: ``(samples) -> Augmentation`` of the training examples
    """

    prepare: Callable[[Sequence[Sample]], list[Sample]]
    steps: Callable[[Sequence[Sample]], Ragged]
    augment: Callable[[Sequence[Sample]], Augmentation]


def input_kind(wanted: str, reads_pixels: bool, samples: Sequence[Sample]) -> str:
    """Return what the network reads; ``auto`` is strokes if they exist and the network takes them.

    reads_pixels: whether the network needs images
    """
    has_ink = bool(samples) and samples[0].ink is not None
    if wanted == AUTO:
        return PIXELS if reads_pixels else STROKES if has_ink else COLUMNS
    if reads_pixels and wanted != PIXELS:
        raise UserError(f"--input {wanted}: this model reads pixels; choose --model blstm")
    if wanted == STROKES and not has_ink:
        raise UserError("--input strokes: the data are images; choose columns or pixels")
    return wanted


def line_inputs(options: InputOptions) -> LineInputs:
    """Return how lines become inputs."""
    if options.kind == STROKES:
        return LineInputs(list, ink_steps(options.step), _ink_augmentation(options.step))
    height = options.height
    is_columns = options.kind == COLUMNS
    features = column_features if is_columns else lambda image: image.T
    steps = column_steps(height) if is_columns else pixel_steps(height)

    def augment(samples: Sequence[Sample]) -> Augmentation:
        return line_augmentation([image_of(sample) for sample in samples], features)

    return LineInputs(lambda samples: _images(samples, height), steps, augment)


def _ink_augmentation(step: float) -> Callable[[Sequence[Sample]], Augmentation]:
    return lambda samples: ink_augmentation(normalized_inks(samples), step=step)


def _images(samples: Sequence[Sample], height: int) -> list[Sample]:
    """Return samples with images of one height."""
    drawn = [s if s.ink is None else draw_samples([s], height)[0] for s in samples]
    return scale_samples(drawn, height)


def scaling_message(samples: Sequence[Sample], options: InputOptions) -> str | None:
    """Describe the images that are scaled to another height, if there are any."""
    images = [sample for sample in samples if sample.image is not None]
    return describe_heights(images, options.height) if options.kind != STROKES else None
