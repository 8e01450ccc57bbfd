"""Additive synthesis of scores, and WAV files.

A note is a sum of harmonics below the Nyquist frequency with an envelope:

    y(t) = e(t) sum_k a_k exp(-d k t) sin(2 pi k f t)

``a_k`` are the amplitudes and ``d`` the damping of a timbre, which makes high harmonics decay
faster. The envelope e rises linearly, decays to its sustained level, and is released at the end.
"""

import wave
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from seqmodels.data.music.rolls import Note, Score
from seqmodels.errors import UserError

RATE = 22_050  # samples per second
CONCERT_PITCH = 440.0  # MIDI pitch 69
PEAK = 0.9
SECONDS_PER_MINUTE = 60.0


class Timbre(NamedTuple):
    """Harmonics and envelope of an instrument; times are in seconds.

    decay:   time constant of the approach to the sustained level
    damping: decay rate of the fundamental; that of harmonic k is k times higher
    vibrato: depth in semitones, at 5.5 Hz
    program: the General MIDI program that sounds alike
    """

    harmonics: tuple[float, ...]
    attack: float
    decay: float
    sustain: float
    release: float
    damping: float = 0.0
    vibrato: float = 0.0
    program: int = 0


TIMBRES = {
    "piano": Timbre((1, 0.6, 0.35, 0.25, 0.15, 0.12, 0.08, 0.05), 0.005, 0.6, 0.3, 0.12, 0.7),
    "organ": Timbre((1, 0.8, 0.3, 0.6, 0.0, 0.25, 0.0, 0.3), 0.03, 0.1, 0.9, 0.08, program=19),
    "strings": Timbre(
        tuple(1 / k for k in range(1, 13)), 0.12, 0.3, 0.8, 0.2, vibrato=0.12, program=48
    ),
    "flute": Timbre((1, 0.25, 0.12, 0.03), 0.06, 0.2, 0.85, 0.1, vibrato=0.08, program=73),
}
VIBRATO_RATE = 5.5
SILENCE_AFTER_RELEASE = 5.0  # time constants of the release that are computed


def get_timbre(name: str) -> Timbre:
    """Return a timbre by name."""
    if name not in TIMBRES:
        raise UserError(f"the timbre {name} is unknown; choose among {', '.join(TIMBRES)}")
    return TIMBRES[name]


def frequency(pitch: int) -> float:
    """Return the frequency of a MIDI pitch in Hz, in equal temperament.

    >>> frequency(69), frequency(57)
    (440.0, 220.0)
    """
    return CONCERT_PITCH * 2.0 ** ((pitch - 69) / 12)


def envelope(
    timbre: Timbre, times: Float[np.ndarray, "N"], duration: float
) -> Float[np.ndarray, "N"]:
    """Return e(t): a linear attack, exponential decay to the sustained level, and release."""
    attack = np.minimum(times / timbre.attack, 1.0)
    since_attack = np.maximum(times - timbre.attack, 0.0)
    level = timbre.sustain + (1.0 - timbre.sustain) * np.exp(-since_attack / timbre.decay)
    release = np.exp(-np.maximum(times - duration, 0.0) / timbre.release)
    return attack * level * release


def synthesise_note(
    timbre: Timbre, pitch: int, duration: float, rate: int = RATE
) -> Float[np.ndarray, "N"]:
    """Return the samples of a note that is held for a duration in seconds, with its release."""
    length = round((duration + SILENCE_AFTER_RELEASE * timbre.release) * rate)
    times = np.arange(length) / rate
    base = frequency(pitch)
    count = min(len(timbre.harmonics), int(rate / 2 / base))
    order = np.arange(1, count + 1)[:, None]
    wobble = np.sin(2 * np.pi * VIBRATO_RATE * times) / (2 * np.pi * VIBRATO_RATE)
    depth = np.log(2.0) / 12 * timbre.vibrato
    phase = 2 * np.pi * base * (times + depth * wobble)
    amplitudes = np.array(timbre.harmonics[:count])[:, None]
    partials = amplitudes * np.exp(-timbre.damping * order * times) * np.sin(order * phase)
    return partials.sum(axis=0) * envelope(timbre, times, duration)


def synthesise(
    score: Score, timbre: str = "piano", rate: int = RATE
) -> Float[np.ndarray, "samples"]:
    """Return the sound of a score, as float32 samples between -0.9 and 0.9.

    Notes of the same pitch and duration are computed once.
    """
    instrument = get_timbre(timbre)
    quarter = SECONDS_PER_MINUTE / score.tempo
    cache: dict[tuple[int, float], np.ndarray] = {}
    begins = [round(float(note.start) * quarter * rate) for note in score.notes]
    sounds = [_cached_note(cache, instrument, note, quarter, rate) for note in score.notes]
    ends = [begin + len(sound) for begin, sound in zip(begins, sounds, strict=True)]
    samples = np.zeros(max(ends, default=0))
    for begin, end, sound in zip(begins, ends, sounds, strict=True):
        samples[begin:end] += sound
    peak = np.abs(samples).max(initial=0.0)
    return (samples * (PEAK / peak if peak else 1.0)).astype(np.float32)


def _cached_note(
    cache: dict[tuple[int, float], np.ndarray],
    timbre: Timbre,
    note: Note,
    quarter: float,
    rate: int,
) -> np.ndarray:
    key = (note.pitch, float(note.duration) * quarter)
    if key not in cache:
        cache[key] = synthesise_note(timbre, *key, rate)
    return cache[key]


def write_wav(path: Path | str, samples: Float[np.ndarray, "samples"], rate: int = RATE) -> None:
    """Write mono samples between -1 and 1 as a WAV file of 16 bits."""
    integers = np.round(np.clip(samples, -1.0, 1.0) * (2**15 - 1)).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(integers.tobytes())
