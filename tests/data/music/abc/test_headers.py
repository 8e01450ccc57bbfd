"""Meters and tempos of ABC notation."""

from fractions import Fraction

from seqmodels.data.music.abc.headers import parse_meter, parse_tempo, parse_unit


def test_meters():
    assert parse_meter("C|") == (2, 2)
    assert parse_meter("(2+3)/8") == (5, 8)
    assert parse_meter("none") == parse_meter("4/0") == parse_meter("x") is None
    assert parse_unit("1/16") == Fraction(1, 4)
    assert parse_unit("1/0") == parse_unit("short") is None


def test_tempo():
    half = Fraction(1, 2)
    assert parse_tempo("1/4=120", half) == 120.0
    assert parse_tempo('"Lively" 3/8=100', half) == 150.0
    assert parse_tempo("90", half) == 45.0
    assert parse_tempo("1/0=90", half) == 100.0
