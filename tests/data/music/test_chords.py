"""Names of chords."""

from seqmodels.data.music.chords import NAMES, QUALITIES, chord_name, chord_pitches


def test_chord_symbols():
    assert chord_pitches("Bb") == (58, 62, 65)
    assert chord_pitches("F#m7") == (54, 57, 61, 64)
    assert chord_pitches("(C/e)") == (40, 48, 52, 55)
    assert chord_pitches("Ad") == (57, 60, 63)
    assert chord_pitches("H") == chord_pitches("slowly") == ()


def test_names_and_pitches_agree():
    """The name of the pitches of a symbol means the same pitch classes."""
    for root in NAMES:
        for quality in QUALITIES:
            pitches = chord_pitches(root + quality)
            named = chord_pitches(chord_name(pitches))
            assert {p % 12 for p in named} == {p % 12 for p in pitches}
            assert min(named) % 12 == min(pitches) % 12
    assert chord_name([57, 60, 64]) == "Am"
    assert chord_name([57, 60, 64, 67]) == "Am7"
    assert chord_name([60, 64, 67, 69]) == "C6"
