"""Repeats, parts, and bars that add up."""

import numpy as np
import pytest

from seqmodels.data.music.abc.bars import check_tune, played_bars, playing_order
from seqmodels.data.music.abc.playback import score_from_tune
from seqmodels.data.music.abc.transposition import transpose_abc
from seqmodels.data.music.abc.tunes import parse_tune

HEADER = "X:1\nM:2/4\nL:1/4\n"


def played(music: str, header: str = "") -> str:
    """Return the letters of the notes in playing order."""
    tune = parse_tune(f"{HEADER}{header}K:C\n{music}\n")
    names = {60: "C", 62: "D", 64: "E", 65: "F", 67: "G", 69: "A", 71: "B", 72: "c"}
    bars = played_bars(tune, tune.voices[0])
    return "".join(names[s.pitches[0]] for bar in bars for s in bar.sounds)


@pytest.mark.parametrize(
    ("music", "order"),
    [
        ("C2|D2|", "CD"),
        ("C2|D2:|E2|", "CDCDE"),
        ("C2|:D2|E2:|F2|", "CDEDEF"),
        ("|:C2:|:D2:|", "CCDD"),
        ("C2::D2:|E2|", "CCDDE"),
        ("C2:|\n|:D2:|", "CCDD"),
        ("|:C2|[1D2:|[2E2||F2:|", "CDCEFF"),
        ("|:C2|1D2:|2E2|]F2|", "CDCEF"),
        ("|:C2|[1,3D2:|[2E2:|F2|", "CDCECDF"),
        ("|:C2|[1-2D2:|[3E2|]", "CDCDCE"),
        ("C2||D2|[1E2:|[2F2||", "CDECDF"),
        ("|:C2|[1D2|E2:|[2F2|G2||A2|", "CDECFGA"),
    ],
)
def test_repeats_are_written_out(music, order):
    assert played(music) == order


@pytest.mark.parametrize(
    ("header", "order"),
    [
        ("P:ABA\n", "CCDCC"),
        ("P:A2B\n", "CCCCD"),
        ("P:(AB)2\n", "CCDCCD"),
        ("Y:BA\n", "DCC"),
        ("P:AX\n", "CCD"),  # a part that does not exist: as written
        ("", "CCD"),
    ],
)
def test_order_of_parts(header, order):
    assert played("P:A\nC2:|\nP:B\nD2|", header) == order


def test_playing_order_ends_for_any_marks():
    """Every sequence of bar lines has a finite order, which begins with the first bar."""
    marks = ["|", ":|", "|:", "::", "||", "|[1", ":|[2", "|]"]
    for a in marks:
        for b in marks:
            for c in marks:
                tune = parse_tune(f"{HEADER}K:C\nC2{a}D2{b}E2{c}F2|\n")
                order = playing_order(tune.voices[0])
                assert order[0] == 0
                assert len(order) <= 9 * len(tune.voices[0])


@pytest.mark.parametrize(
    "music",
    [
        "C2|DE|(3CDE|",
        "C|DE|F:|",  # the upbeat and the last bar complete each other
        "C|DE|F:|:G|AB|c:|",
        "C|DE|[1F:|[2F||C|D2|E|",
        "CD|E2|C|",  # the last bar may be short
        "M:none\nC|D3|E5|",
    ],
)
def test_valid_tunes(music):
    assert check_tune(f"{HEADER}K:C\n{music}\n") == []


@pytest.mark.parametrize(
    ("music", "reason"),
    [
        ("C2|DEF|G2|", "line 5: a bar has the duration 3/4, the meter is 2/4"),
        ("C2|D|G2|", "the duration 1/4"),
        ("C|DE|F2:|G2|", "does not complete it"),
        ("C2|D:|G2|", "does not complete it"),
        ("C2|?|", "is not ABC notation"),
        ("", "there are no notes"),
    ],
)
def test_reasons(music, reason):
    found = check_tune(f"{HEADER}K:C\n{music}\n")
    assert len(found) == 1
    assert reason in found[0]


def test_a_missing_key_is_a_reason():
    assert check_tune(HEADER + "C2|") == [
        "there is no K: line, which gives the key and ends the header"
    ]


def test_large_numbers_are_limited():
    tune = parse_tune(
        f"{HEADER}P:{'(' * 30}A{')9' * 30}\nK:C\nP:A\n[1-{'9' * 12} C2|Z{'9' * 12}|\n"
    )
    assert len(tune.voices[0]) == 100
    assert len(played_bars(tune, tune.voices[0])) <= 64 * 100


def test_any_text_can_be_checked():
    """What a model writes has reasons, and can be played and transposed, without exceptions."""
    random = np.random.default_rng(0)
    symbols = [
        *"ABCDEFGabcdefgz|:[](){}<>-_^=,'/0123456789 \"!+\\%x",
        "\n",
        "\nK:G\n",
        "[M:3/4]",
        "P:A",
    ]
    outcomes = set()
    for length in random.integers(1, 60, size=150):
        text = f"{HEADER}K:C\n{''.join(random.choice(symbols, length))}\n"
        outcomes.add(bool(check_tune(text)))
        notes = score_from_tune(parse_tune(text)).notes
        moved = score_from_tune(parse_tune(transpose_abc(text, 2))).notes
        assert len(notes) == len(moved)
    assert True in outcomes
