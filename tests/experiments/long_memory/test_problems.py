import numpy as np
import pytest

from experiments.long_memory.problems import (
    COUNTRIES,
    LANGUAGES,
    PROBLEMS,
    SPOKEN,
    WORDS,
    problem_batches,
    sentence,
)
from seqmodels.errors import UserError

ROWS = 400


def draw(name, length, rows=ROWS, seed=0):
    return PROBLEMS[name].draw(np.random.default_rng(seed), length, rows)


def test_adding_marks_one_number_in_each_half():
    inputs, targets = draw("adding", 11)
    numbers, marks = inputs[..., 0], inputs[..., 1]
    np.testing.assert_array_equal(marks[:5].sum(axis=0), 1)
    np.testing.assert_array_equal(marks[5:].sum(axis=0), 1)
    assert set(np.argmax(marks, axis=0)) == set(range(5))
    expected = [sum(numbers[t, b] for t in np.flatnonzero(marks[:, b])) for b in range(ROWS)]
    np.testing.assert_allclose(targets[0], expected, rtol=1e-6)
    assert np.mean((targets - 1.0) ** 2) == pytest.approx(PROBLEMS["adding"].baseline(11), rel=0.15)


def test_copy_asks_for_the_symbols_after_the_sign():
    inputs, targets = draw("copy", 7)
    assert inputs.shape == (27, ROWS, 10)
    seen = inputs.argmax(axis=-1)
    np.testing.assert_array_equal(seen[:10], targets[-10:])
    assert set(seen[:10].ravel()) == set(range(8))
    np.testing.assert_array_equal(seen[10:16], 8)
    np.testing.assert_array_equal(seen[16], 9)  # T steps after the last symbol
    np.testing.assert_array_equal(seen[17:], 8)
    np.testing.assert_array_equal(targets[:17], 8)
    nothing = np.where(targets == 8, 0.0, np.log(8)).mean()
    assert PROBLEMS["copy"].baseline(7) == pytest.approx(nothing)


def test_temporal_order_is_told_by_the_two_rare_symbols():
    inputs, targets = draw("temporal_order", 20)
    seen = inputs.argmax(axis=-1)
    for row, answer in zip(seen.T, targets[0], strict=True):
        (first, second) = np.flatnonzero(row < 2)
        assert 2 <= first < 4
        assert 8 <= second < 10
        assert answer == 2 * row[first] + row[second]
    assert set(targets[0]) == set(range(4))


def test_parity_counts_every_bit():
    inputs, targets = draw("parity", 9)
    flipped = inputs.copy()
    flipped[4] = 1 - flipped[4]
    assert np.array_equal(np.bitwise_xor.reduce(inputs[..., 0].astype(int)), targets[0])
    assert np.array_equal(np.bitwise_xor.reduce(flipped[..., 0].astype(int)), 1 - targets[0])


@pytest.mark.parametrize("length", [5, 6, 23])
def test_country_and_language_are_that_many_words_apart(length):
    random = np.random.default_rng(1)
    for _ in range(50):
        words, language = sentence(random, length)
        assert " ".join(words[:4]) == "i grew up in"
        assert " ".join(words[-4:]) == "so i speak fluent"
        assert SPOKEN[words[4]] == language
        assert len(words) - words.index(words[4]) == length
        assert set(words) <= set(WORDS)


def test_sentences_are_words_as_unit_vectors():
    inputs, targets = draw("sentences", 30, rows=20)
    for row, answer in zip(inputs.argmax(axis=-1).T, targets[0], strict=True):
        assert SPOKEN[WORDS[row[4]]] == LANGUAGES[answer]
    others = [WORDS[k] in COUNTRIES for k in inputs[5:].argmax(axis=-1).ravel()]
    assert 0 < np.mean(others) < 0.3  # home is not the only country named


@pytest.mark.parametrize("name", PROBLEMS)
def test_shapes_are_those_that_the_problem_tells(name):
    problem = PROBLEMS[name]
    inputs, targets = draw(name, problem.shortest, rows=3)
    assert inputs.shape[1:] == (3, problem.features)
    assert inputs.dtype == np.float32
    assert targets.shape[1] == 3
    assert len(targets) in (1, len(inputs))
    if problem.classes:
        assert targets.dtype == np.int32
        assert 0 <= targets.min() <= targets.max() < problem.classes


def test_a_batch_depends_on_its_number_alone():
    batches = problem_batches("adding", 8, 4, 5, (0, 1))
    assert batches.steps_per_epoch == 5
    np.testing.assert_array_equal(batches(3).inputs, batches(3).inputs)
    assert not np.array_equal(batches(3).inputs, batches(4).inputs)
    other = problem_batches("adding", 8, 4, 5, (0, 2))
    assert not np.array_equal(batches(3).inputs, other(3).inputs)


def test_what_is_too_short_is_refused():
    with pytest.raises(UserError, match="--length 4: sentences needs 5"):
        problem_batches("sentences", 4, 3, 1, (0,))
    with pytest.raises(UserError, match="--batch-size"):
        problem_batches("adding", 4, 0, 1, (0,))
