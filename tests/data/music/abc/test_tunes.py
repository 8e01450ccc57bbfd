"""Notes, durations and headers of ABC notation."""

from fractions import Fraction

import pytest

from seqmodels.data.music.abc.tunes import parse_tune
from seqmodels.errors import UserError

HEADER = "X:1\nT:Test\nM:4/4\nL:1/4\n"


def sounds(music: str, key: str = "C", header: str = HEADER):
    tune = parse_tune(f"{header}K:{key}\n{music}\n")
    assert not tune.problems
    return [(s.pitches, s.duration) for bars in tune.voices for b in bars for s in b.sounds]


def pitches(music: str, key: str = "C"):
    return [p[0] if len(p) == 1 else p for p, _ in sounds(music, key)]


def durations(music: str, header: str = HEADER):
    return [d for _, d in sounds(music, header=header)]


def test_octaves_and_accidentals():
    assert pitches("C,, C, C c c' c''") == [36, 48, 60, 72, 84, 96]
    assert pitches("^C _D =E ^^F __G") == [61, 61, 64, 67, 65]
    assert pitches("^C C c|C") == [61, 61, 73, 60]  # in all octaves, to the end of the bar
    assert pitches("^F-|F F") == [66, 66, 65]  # a tie carries the accidental over the bar line
    assert pitches("[^FA-]|FA") == [(66, 69), 65, 69]


@pytest.mark.parametrize(
    ("key", "scale"),
    [
        ("C", [60, 62, 64, 65, 67, 69, 71]),
        ("D", [61, 62, 64, 66, 67, 69, 71]),
        ("Am", [60, 62, 64, 65, 67, 69, 71]),
        ("F#m", [61, 62, 64, 66, 68, 69, 71]),
        ("Bb", [60, 62, 63, 65, 67, 69, 70]),
        ("Ebmin", [59, 61, 63, 65, 66, 68, 70]),
        ("A mix", [61, 62, 64, 66, 67, 69, 71]),
        ("Ddorian", [60, 62, 64, 65, 67, 69, 71]),
        ("D exp ^g _b", [61, 62, 64, 66, 68, 69, 70]),
        ("HP", [61, 62, 64, 66, 67, 69, 71]),
        ("none", [60, 62, 64, 65, 67, 69, 71]),
        ("G clef=treble", [60, 62, 64, 66, 67, 69, 71]),
    ],
)
def test_key_signatures(key, scale):
    assert pitches("CDEFGAB", key) == scale


def test_lengths():
    assert durations("c c2 c/ c/2 c3/2 c// c3/") == [1, 2, 0.5, 0.5, 1.5, 0.25, 1.5]
    assert durations("c>d e<f g>>a") == [1.5, 0.5, 0.5, 1.5, 1.75, 0.25]
    third = Fraction(2, 3)
    assert durations("(3ccc c (3:2:2cc2 c") == [third] * 3 + [1, third, 2 * third, 1]
    assert durations("(5ccccc", HEADER.replace("4/4", "6/8")) == [Fraction(3, 5)] * 5
    assert durations("(5ccccc") == [Fraction(2, 5)] * 5
    assert durations("[ceg]2 [c2e2] z x/") == [2, 2, 1, 0.5]
    assert durations("Z2|c") == [4, 4, 1]


@pytest.mark.parametrize(
    ("fields", "unit"),
    [("M:4/4", 0.5), ("M:2/4", 0.25), ("M:6/8", 0.5), ("M:C|\nL:1/16", 0.25), ("M:none", 0.5)],
)
def test_default_lengths(fields, unit):
    assert durations("c", f"X:1\n{fields}\n") == [unit]


def test_what_is_not_a_note_is_skipped():
    music = '"Am"!trill!c {ed}~d .e (f g) u"^text"a \\\n% comment c\nT:another field\nP:B\n`b'
    assert pitches(music) == [72, 74, 76, 77, 79, 81, 83]


def test_fields_within_the_tune():
    tune = parse_tune(HEADER + "K:C\nM:3/4\nF G [K:D]F|[M:4/4][L:1/8]C8|\nK:Bb\nL:1/4\nB4|\n")
    assert [s.pitches[0] for bar in tune.voices[0] for s in bar.sounds] == [65, 67, 66, 61, 70]
    assert [bar.duration for bar in tune.voices[0]] == [3, 4, 4]
    assert [bar.meter for bar in tune.voices[0]] == [(3, 4), (4, 4), (4, 4)]
    assert tune.meter == (3, 4)


def test_voices_are_separate():
    tune = parse_tune(HEADER + "K:C\nV:1\nc4|\nV:2\n^C,2 C,2|\nV:1\nd4|\n")
    assert [[s.pitches[0] for b in bars for s in b.sounds] for bars in tune.voices] == [
        [72, 74],
        [49, 49],
    ]


@pytest.mark.parametrize(
    ("music", "problem"),
    [
        ("c ? d|", "'?' is not ABC notation"),
        ("[ceg|", "a chord is not closed by ]"),
        ("c]|", "] without the notes"),
        ("-c|", "a tie without a note"),
        (">c|", "> without a note"),
        ("c0|", "c0 has no duration"),
        ("(1c|", "(1 is not a tuplet"),
        ("K:Q\nc|", "the key K:Q is unknown"),
    ],
)
def test_problems_are_collected(music, problem):
    found = parse_tune(f"{HEADER}K:C\n{music}\n").problems
    assert len(found) == 1
    assert problem in found[0]
    assert found[0].startswith("line ")


def test_a_tune_without_a_key_is_one_clear_error():
    with pytest.raises(UserError, match="there is no K: line, which gives the key"):
        parse_tune(HEADER + "c4|")
