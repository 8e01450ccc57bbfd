"""Rules of voice leading on textbook examples."""

import numpy as np
import pytest

from experiments.music.voice_leading import Faults, count_faults

# Soprano, alto, tenor, bass.
EXAMPLES = {
    "tenor and bass C-G to D-A in fifths": ([[72, 64, 55, 48], [69, 65, 57, 50]], (1, 0, 0, 0)),
    "soprano and bass C-D in octaves": ([[72, 64, 55, 48], [74, 65, 53, 50]], (0, 1, 0, 0)),
    "a fifth that is repeated": ([[72, 64, 55, 48], [76, 67, 55, 48]], (0, 0, 0, 0)),
    "direct fifths are not parallel": ([[72, 64, 57, 48], [74, 67, 59, 55]], (0, 0, 0, 0)),
    "two fifths and an octave": ([[67, 64, 60, 48], [69, 65, 62, 50]], (2, 1, 0, 0)),
    "contrary fifths are allowed": ([[72, 64, 55, 48], [72, 65, 50, 55]], (0, 0, 1, 0)),
    "a fifth to a diminished fifth": ([[72, 69, 65, 50], [71, 65, 62, 50]], (0, 0, 0, 0)),
    "alto above soprano": ([[64, 67, 55, 48]], (0, 0, 1, 0)),
    "soprano too high, bass too low": ([[83, 72, 64, 35]], (0, 0, 0, 2)),
    "an alto that is silent": ([[72, -1, 55, 48], [74, -1, 57, 50]], (1, 1, 0, 0)),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_textbook_examples(name):
    pitches, counts = EXAMPLES[name]
    faults = count_faults([np.array(pitches)])
    assert faults == pytest.approx(Faults(*(100.0 * n / len(pitches) for n in counts)))


def test_faults_are_pooled_over_frames():
    pieces = [np.array(EXAMPLES[name][0]) for name in EXAMPLES]
    counts = np.sum([EXAMPLES[name][1] for name in EXAMPLES], axis=0)
    frames = sum(len(piece) for piece in pieces)
    np.testing.assert_allclose(count_faults(pieces), 100 * counts / frames)
