"""Transposition of the text of a tune."""

import pytest

from seqmodels.data.music.abc.playback import score_from_tune
from seqmodels.data.music.abc.transposition import transpose_abc
from seqmodels.data.music.abc.tunes import parse_tune

HEADER = "X:1\nT:A Big Case\nM:4/4\nL:1/8\n"
TUNES = {
    "major": 'K:D\n"D/f+"A,2 ^c=c cf^g2|"A7"[c2e2-]e>f (3gfe !trill!d2|',
    "minor, modulation": "K:F#m\nc2 ^e2 f=f f_f|[K:Bb]B2 =e2 e4-|e2 B,2 z4|",
    "ties over accidentals": "K:Eb\n^f8-|f8|[_A4=B4-]B4|(__B4 B4)|",
    "without a key": "K:none\nC ^C _D E F ^F _B c'|",
    "modes": "K:A mix % comment with a b c\nG2 ^G2 A2 B2|\nK:Em exp ^c\nc2 d4|",
}


@pytest.mark.parametrize("name", TUNES)
def test_all_sounding_pitches_move(name):
    text = HEADER + TUNES[name] + "\n"
    before = score_from_tune(parse_tune(text)).notes
    for semitones in range(-13, 14):
        moved = transpose_abc(text, semitones)
        tune = parse_tune(moved)
        assert not tune.problems
        expected = [n._replace(pitch=n.pitch + semitones) for n in before if n.voice == 0]
        assert [n for n in score_from_tune(tune).notes if n.voice == 0] == expected
        assert moved.startswith(HEADER)


def test_spelling():
    text = f"{HEADER}{TUNES['major']}\n"
    up = transpose_abc(text, 2).split("L:1/8\n")[1]
    assert up == 'K:E\n"E/g#"B,2 ^d=d dg^a2|"B7"[d2f2-]f>g (3agf !trill!e2|\n'
    assert transpose_abc(transpose_abc(text, 2), -2) == text.replace("f+", "f#")
    down = transpose_abc(text, -1).split("L:1/8\n")[1]
    assert down == 'K:Db\n"Db/f"A,2 =c_c cf=g2|"Ab7"[c2e2-]e>f (3gfe !trill!d2|\n'
