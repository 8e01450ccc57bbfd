import numpy as np
import pytest

from experiments.long_memory.country_sentences import (
    COUNTRIES,
    LANGUAGE_OF_COUNTRY,
    LANGUAGES,
    SENTENCE_WORDS,
)
from experiments.long_memory.memory_problems import PROBLEMS, problem_batches
from seqmodels.errors import UserError

ROWS = 400


def generate(name, length, rows=ROWS, seed=0):
    return PROBLEMS[name].generate(np.random.default_rng(seed), length, rows)


def test_adding_marks_one_number_in_each_half():
    inputs, targets = generate("adding", 11)
    numbers, marks = inputs[..., 0], inputs[..., 1]
    np.testing.assert_array_equal(marks[:5].sum(axis=0), 1)
    np.testing.assert_array_equal(marks[5:].sum(axis=0), 1)
    assert set(np.argmax(marks, axis=0)) == set(range(5))
    expected = [sum(numbers[t, b] for t in np.flatnonzero(marks[:, b])) for b in range(ROWS)]
    np.testing.assert_allclose(targets[0], expected, rtol=1e-6)
    assert np.mean((targets - 1.0) ** 2) == pytest.approx(PROBLEMS["adding"].baseline(11), rel=0.15)


def test_copy_asks_for_the_symbols_after_the_signal():
    inputs, targets = generate("copy", 7)
    assert inputs.shape == (27, ROWS, 10)
    seen = inputs.argmax(axis=-1)
    np.testing.assert_array_equal(seen[:10], targets[-10:])
    assert set(seen[:10].ravel()) == set(range(8))
    np.testing.assert_array_equal(seen[10:16], 8)
    np.testing.assert_array_equal(seen[16], 9)  # T steps after the last symbol
    np.testing.assert_array_equal(seen[17:], 8)
    np.testing.assert_array_equal(targets[:17], 8)
    uniform = np.where(targets == 8, 0.0, np.log(8)).mean()
    assert PROBLEMS["copy"].baseline(7) == pytest.approx(uniform)


def test_temporal_order_is_that_of_the_two_relevant_symbols():
    inputs, targets = generate("temporal_order", 20)
    seen = inputs.argmax(axis=-1)
    for row, answer in zip(seen.T, targets[0], strict=True):
        (first, second) = np.flatnonzero(row < 2)
        assert 2 <= first < 4
        assert 8 <= second < 10
        assert answer == 2 * row[first] + row[second]
    assert set(targets[0]) == set(range(4))


def test_parity_depends_on_every_bit():
    inputs, targets = generate("parity", 9)
    flipped = inputs.copy()
    flipped[4] = 1 - flipped[4]
    assert np.array_equal(np.bitwise_xor.reduce(inputs[..., 0].astype(int)), targets[0])
    assert np.array_equal(np.bitwise_xor.reduce(flipped[..., 0].astype(int)), 1 - targets[0])


def test_sentences_are_unit_vectors_of_words():
    inputs, targets = generate("sentences", 30, rows=20)
    for row, answer in zip(inputs.argmax(axis=-1).T, targets[0], strict=True):
        assert LANGUAGE_OF_COUNTRY[SENTENCE_WORDS[row[4]]] == LANGUAGES[answer]
    others = [SENTENCE_WORDS[k] in COUNTRIES for k in inputs[5:].argmax(axis=-1).ravel()]
    assert 0 < np.mean(others) < 0.3  # other countries occur too


@pytest.mark.parametrize("name", PROBLEMS)
def test_shapes_agree_with_the_problem(name):
    problem = PROBLEMS[name]
    inputs, targets = generate(name, problem.min_length, rows=3)
    assert inputs.shape[1:] == (3, problem.features)
    assert inputs.dtype == np.float32
    assert targets.shape[1] == 3
    assert len(targets) in (1, len(inputs))
    if problem.classes:
        assert targets.dtype == np.int32
        assert 0 <= targets.min() <= targets.max() < problem.classes


def test_a_batch_depends_only_on_its_number_and_key():
    batches = problem_batches("adding", 8, 4, 5, (0, 1))
    assert batches.steps_per_epoch == 5
    np.testing.assert_array_equal(batches(3).inputs, batches(3).inputs)
    assert not np.array_equal(batches(3).inputs, batches(4).inputs)
    other = problem_batches("adding", 8, 4, 5, (0, 2))
    assert not np.array_equal(batches(3).inputs, other(3).inputs)


def test_short_lengths_and_empty_batches_are_refused():
    with pytest.raises(UserError, match="--length 4: sentences needs 5"):
        problem_batches("sentences", 4, 3, 1, (0,))
    with pytest.raises(UserError, match="--batch-size"):
        problem_batches("adding", 4, 0, 1, (0,))
