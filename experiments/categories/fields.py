"""Examples as numeric fields: text, label, attributes and text features."""

from collections.abc import Sequence
from typing import Any

from experiments.categories.attributes import attribute_encoding, attribute_features
from experiments.categories.text_features import hashed_features
from seqmodels.data.text.config import TextConfig
from seqmodels.data.text.labelled import Example
from seqmodels.data.text.labelled_fields import CASED_SPLITTERS, text_fields, text_metadata


def example_metadata(train: Sequence[Example], config: TextConfig) -> dict[str, Any]:
    """Return vocabulary, classes and the encoding of the attributes, as JSON."""
    attributes = attribute_encoding([example.attributes for example in train])
    return text_metadata(train, config) | {"attributes": attributes}


def example_fields(
    examples: Sequence[Example], metadata: dict[str, Any], config: TextConfig, buckets: int
) -> dict[str, Any]:
    """Return ``text_fields``, the attributes as ``static``, and the text features as ``bag``.

    ``static`` is absent if the examples have no attributes, ``bag`` if ``buckets`` is 0.
    """
    fields = text_fields(examples, metadata, config)
    if encoding := metadata["attributes"]:
        fields["static"] = attribute_features([e.attributes for e in examples], encoding)
    if buckets:
        split, limit = CASED_SPLITTERS[config.symbols], config.max_symbols
        fields["bag"] = hashed_features((split(e.text)[:limit] for e in examples), buckets)
    return fields
