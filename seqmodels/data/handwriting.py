"""Lines of handwriting with their transcripts, as ink or as images, and their fields."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from seqmodels.data.augmentation import Augmentation
from seqmodels.data.batching import Batch
from seqmodels.data.ragged import Padded, Ragged, pad, ragged
from seqmodels.data.splits import Fractions, Splits, hash_split
from seqmodels.data.strokes.strokes import Ink
from seqmodels.data.text.vocabulary import UNKNOWN, Vocabulary
from seqmodels.errors import UserError

BLANK = "<blank>"
FRACTIONS = (0.8, 0.1, 0.1)


class Sample(NamedTuple):
    """A word or line of handwriting.

    text:   what is written
    writer: name of the writer, or of what related lines share; splits keep it together
    ink:    the strokes, if they were recorded
    image:  the picture, in which ink is 1 and paper is 0, if there is one
    name:   name of the file or number of the line that it was read from
    """

    text: str
    writer: str
    ink: Ink | None = None
    image: Float[np.ndarray, "H W"] | None = None
    name: str = ""


def split_by_writer(samples: Sequence[Sample], fractions: Fractions = FRACTIONS) -> Splits:
    """Split samples such that all lines of a writer are in one split."""
    rows = hash_split((sample.writer for sample in samples), fractions)
    return Splits(*([samples[row] for row in part] for part in rows))


def line_alphabet(samples: Sequence[Sample]) -> Vocabulary:
    """Return the blank as symbol 0, the characters of the texts in order, and ``<unk>``.

    ``<unk>`` represents characters that only other samples contain. A model cannot learn to
    write it, so such a character always counts as an error.
    """
    characters = sorted({character for sample in samples for character in sample.text})
    if not characters:
        raise UserError("the transcripts of the training lines are empty; check the data")
    return Vocabulary((BLANK, *characters, UNKNOWN))


def unknown_characters(samples: Sequence[Sample], alphabet: Vocabulary) -> str | None:
    """Describe the characters that the alphabet lacks, or return None if it lacks none."""
    lines = [sample for sample in samples if alphabet.unknown(sample.text)]
    if not lines:
        return None
    counts = Counter(c for line in lines for c in line.text if c not in alphabet.index)
    most = ", ".join(f"{character!r} ({count})" for character, count in counts.most_common(5))
    return (
        f"{len(lines)} of {len(samples)} lines contain characters that training has not seen: "
        f"{most}, as in {lines[0].text!r}; they count as errors"
    )


def line_fields(
    samples: Sequence[Sample],
    alphabet: Vocabulary,
    inputs: Callable[[Sequence[Sample]], Ragged],
) -> dict[str, Any]:
    """Return the fields ``x``, the inputs of each line, and ``label``, its symbols.

    inputs: returns the steps ``[T, D]`` of each sample, for example ``ink_steps()`` of
            ``data.strokes.features`` or ``column_steps()`` of ``data.images.column_features``
    """
    labels = [alphabet.encode(sample.text) for sample in samples]
    return {"x": inputs(samples), "label": ragged(labels)}


def rebuild_inputs(
    rebuild: Callable[[Int[np.ndarray, "rows"], np.random.Generator, int], Ragged],
) -> Augmentation:
    """Return an augmentation that replaces the inputs ``x`` of each example by new ones.

    rebuild: ``(rows, random, length) -> inputs`` of these training examples, of which no more steps
             than ``length`` are used
    """

    def augment(batch: Batch, random: np.random.Generator) -> Batch:
        exists = batch.rows >= 0
        x = batch.fields["x"]
        assert isinstance(x, Padded)
        length = len(x.mask)
        inputs = rebuild(batch.rows[exists], random, length)
        order = np.where(exists, np.cumsum(exists) - 1, -1)
        return batch._replace(fields=batch.fields | {"x": pad(inputs, order, length)})

    return augment
