import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqmodels.data.text.vocabulary import PAD, SPECIALS, UNKNOWN, Vocabulary, build_vocabulary
from seqmodels.errors import UserError


@given(st.text(min_size=1))
def test_decoding_inverts_encoding(text):
    vocabulary = build_vocabulary(text)
    assert "".join(vocabulary.decode(vocabulary.encode(text))) == text
    assert sorted(vocabulary.symbols) == sorted(set(text))


@given(st.lists(st.text(max_size=3)), st.randoms())
def test_indices_do_not_depend_on_the_order_of_the_text(words, random):
    shuffled = random.sample(words, len(words))
    assert build_vocabulary(words) == build_vocabulary(shuffled)


@given(st.text(), st.text())
def test_unknown_symbols_are_listed_once_in_order(text, other):
    vocabulary = build_vocabulary(text)
    unknown = vocabulary.unknown(other)
    assert set(unknown) == set(other) - set(text)
    assert unknown == sorted(unknown, key=other.index)


@given(st.lists(st.text()))
def test_json_round_trip(words):
    vocabulary = build_vocabulary(words, specials=SPECIALS)
    assert Vocabulary.from_dict(json.loads(json.dumps(vocabulary.to_dict()))) == vocabulary


def test_order_is_specials_then_frequency_then_code_point():
    words = [*"bacc", UNKNOWN, *"ddd"]
    assert build_vocabulary(words, specials=(PAD, UNKNOWN)).symbols == (
        *(PAD, UNKNOWN),
        *("d", "c", "a", "b"),
    )


def test_min_count_and_max_size():
    words = "aaabbccd"
    assert build_vocabulary(words, min_count=2).symbols == ("a", "b", "c")
    assert build_vocabulary(words, specials=(UNKNOWN,), max_size=3).symbols == (UNKNOWN, "a", "b")


def test_unknown_symbols_are_replaced_or_are_an_error():
    tolerant = build_vocabulary("abc", specials=(UNKNOWN,))
    np.testing.assert_array_equal(tolerant.encode("axb"), [1, 0, 2])
    with pytest.raises(UserError, match="'é', 'λ'"):
        build_vocabulary("abc").encode("aéλé")
    with pytest.raises(UserError, match="and 16 more"):
        build_vocabulary("").encode("abcdefghijklmnopqrstuvwxyz")
    assert build_vocabulary("abc").encode([]).dtype == np.int32


def test_repeated_symbols_are_an_error():
    with pytest.raises(UserError, match="'a'"):
        Vocabulary(("a", "b", "a"))
