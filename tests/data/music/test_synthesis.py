"""Synthesised notes: their pitch, envelope and file."""

import numpy as np
import pytest
from scipy.io import wavfile

from seqmodels.data.music.rolls import make_note, make_score
from seqmodels.data.music.synthesis import (
    RATE,
    TIMBRES,
    Timbre,
    envelope,
    frequency,
    synthesise,
    synthesise_note,
    write_wav,
)
from seqmodels.errors import UserError


@pytest.mark.parametrize("name", TIMBRES)
@pytest.mark.parametrize("pitch", [33, 69, 105])
def test_the_spectrum_has_only_harmonics(name, pitch):
    timbre = TIMBRES[name]._replace(vibrato=0.0)
    sound = synthesise_note(timbre, pitch, 1.0)[: RATE // 2]
    power = np.abs(np.fft.rfft(sound * np.hanning(len(sound)), 4 * RATE)) ** 2
    hertz = np.arange(len(power)) / 4
    ratio = hertz / frequency(pitch)
    harmonic = np.abs(ratio - np.round(ratio)) * frequency(pitch) < 8.0
    assert power[harmonic & (ratio > 0.5)].sum() > 0.999 * power.sum()
    first = np.argmax(np.where(ratio < 1.5, power, 0))
    assert hertz[first] == pytest.approx(frequency(pitch), abs=1.0)


def test_envelope():
    timbre = Timbre((1.0,), attack=0.1, decay=0.2, sustain=0.5, release=0.05)
    values = envelope(timbre, np.array([0.0, 0.05, 0.1, 0.3, 5.0, 5.05]), 5.0)
    expected = [0.0, 0.5, 1.0, 0.5 + 0.5 / np.e, 0.5, 0.5 / np.e]
    np.testing.assert_allclose(values, expected, rtol=1e-6)


def test_a_score_is_the_sum_of_its_notes():
    """Starts follow the tempo, and the result is scaled to the peak."""
    score = make_score([make_note(60, 0, 1), make_note(64, 1.5, 1), make_note(60, 2, 1)], tempo=120)
    sound = synthesise(score, "organ")
    timbre, expected = TIMBRES["organ"], np.zeros(len(sound))
    for pitch, start in [(60, 0.0), (64, 0.75), (60, 1.0)]:
        note = synthesise_note(timbre, pitch, 0.5)
        begin = round(start * RATE)
        expected[begin : begin + len(note)] += note
    np.testing.assert_allclose(sound, 0.9 * expected / np.abs(expected).max(), atol=1e-6)
    assert sound.dtype == np.float32


def test_wav_file(tmp_path):
    samples = synthesise(make_score([make_note(60, 0, 0.5)]), "flute")
    write_wav(tmp_path / "x.wav", samples)
    rate, read = wavfile.read(tmp_path / "x.wav")
    assert rate == RATE
    assert read.dtype == np.int16
    np.testing.assert_allclose(read / (2**15 - 1), samples, atol=2e-5)
    assert len(synthesise(make_score([]))) == 0
    with pytest.raises(UserError, match="the timbre kazoo is unknown; choose among piano"):
        synthesise(make_score([]), "kazoo")
