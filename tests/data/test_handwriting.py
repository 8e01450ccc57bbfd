"""Samples of handwriting and their fields."""

import numpy as np
import pytest

from seqmodels.data.batching import example_batches
from seqmodels.data.handwriting import (
    BLANK,
    Sample,
    line_alphabet,
    line_fields,
    rebuild_inputs,
    split_by_writer,
    unknown_characters,
)
from seqmodels.data.ragged import ragged
from seqmodels.data.text.vocabulary import UNKNOWN
from seqmodels.errors import UserError

TRAIN = [Sample("ba", "anna"), Sample("cab", "ben")]


def steps_of_texts(samples):
    """Return one step per character: its code."""
    return ragged([np.array([[ord(c)] for c in s.text], np.float32) for s in samples])


def test_the_blank_is_symbol_zero_and_labels_are_ragged():
    alphabet = line_alphabet(TRAIN)
    assert alphabet.symbols == (BLANK, "a", "b", "c", UNKNOWN)
    fields = line_fields(TRAIN, alphabet, steps_of_texts)
    np.testing.assert_array_equal(fields["label"].values, [2, 1, 3, 1, 2])
    np.testing.assert_array_equal(fields["label"].lengths, [2, 3])
    np.testing.assert_array_equal(fields["x"].values[:, 0], [98, 97, 99, 97, 98])


def test_unknown_characters_are_reported_and_keep_their_place():
    alphabet = line_alphabet(TRAIN)
    dev = [Sample("ab", "x"), Sample("aXbX", "x"), Sample("éa", "x")]
    message = unknown_characters(dev, alphabet)
    assert message is not None
    assert message.startswith("2 of 3 lines contain characters that training has not seen: 'X' (2)")
    assert unknown_characters(TRAIN, alphabet) is None
    labels = line_fields(dev, alphabet, steps_of_texts)["label"]
    np.testing.assert_array_equal(labels.lengths, [2, 4, 2])
    np.testing.assert_array_equal(labels.values[2:6], [1, 4, 2, 4])


def test_empty_transcripts_are_refused():
    with pytest.raises(UserError, match="transcripts of the training lines are empty"):
        line_alphabet([Sample("", "anna")])


def test_a_writer_is_in_one_split():
    samples = [Sample(str(n), f"writer {n % 40}") for n in range(400)]
    parts = split_by_writer(samples)
    assert sorted(int(s.text) for part in parts for s in part) == list(range(400))
    assert all(parts)
    assert sum(len({sample.writer for sample in part}) for part in parts) == 40


def test_rebuilt_inputs_are_padded_to_the_length_of_the_batch():
    fields = {"x": ragged([np.full((n, 1), n, np.float32) for n in (5, 2, 4)])}
    batch = example_batches(fields, 4, buckets=1).at(0, slice(None))
    random = np.random.default_rng(0)

    def rebuild(rows, generator, length):
        assert generator is random
        assert length == 5
        return ragged([np.full((3 + row, 1), 10 + row, np.float32) for row in rows])

    x = rebuild_inputs(rebuild)(batch, random).fields["x"]
    np.testing.assert_array_equal(x.mask.sum(axis=0), [3, 4, 5, 0])
    np.testing.assert_array_equal(x.values[0, :, 0], [10, 11, 12, 0])
    assert x.values.shape == batch.fields["x"].values.shape
