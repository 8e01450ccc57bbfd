"""MIDI files: written by us and by hand, and damaged."""

import struct
from fractions import Fraction

import mido
import numpy as np
import pytest

from seqmodels.data.music.midi import read_midi, write_midi
from seqmodels.data.music.rolls import make_note, make_score
from seqmodels.errors import UserError

SCORE = make_score(
    [
        make_note(60, 0, 1.5),
        make_note(60, 1.5, 0.5),  # starts as the same key ends
        make_note(64, Fraction(1, 3), Fraction(2, 3)),
        make_note(36, 0, 4, voice=1),
        make_note(72, 3, 1, voice=9),
    ],
    name="tune",
    meter=(7, 8),
    tempo=75.0,
)


def track(*events: bytes) -> bytes:
    body = b"".join(events) + b"\x00\xff\x2f\x00"
    return b"MTrk" + struct.pack(">I", len(body)) + body


def header(kind: int, tracks: int, division: int) -> bytes:
    return b"MThd" + struct.pack(">IHHh", 6, kind, tracks, division)


def test_round_trip(tmp_path):
    write_midi(SCORE, tmp_path / "tune.mid")
    score = read_midi(tmp_path / "tune.mid")
    assert score.meter == (7, 8)
    assert score.tempo == pytest.approx(75.0)
    assert score.name == "tune"
    assert score.messages == ()
    voices = {0: 0, 1: 1, 9: 2}
    assert score.notes == [note._replace(voice=voices[note.voice]) for note in SCORE.notes]
    channels = {
        m.channel for t in mido.MidiFile(tmp_path / "tune.mid").tracks for m in t if not m.is_meta
    }
    assert channels == {0, 1, 10}


def test_bytes_by_hand(tmp_path):
    """Running status, a start of velocity 0, two channels in one track, a note without an end."""
    path = tmp_path / "hand.mid"
    meta = b"\x00\xff\x51\x03\x09\x27\xc0" + b"\x00\xff\x58\x04\x03\x02\x18\x08"
    notes = b"\x00\x90\x3c\x40" + b"\x60\x3c\x00" + b"\x30\x91\x40\x40" + b"\x30\x90\x43\x40"
    path.write_bytes(header(0, 1, 96) + track(meta, notes, b"\x60\x81\x40\x00"))
    score = read_midi(path)
    half = Fraction(1, 2)
    assert [tuple(note) for note in score.notes] == [
        (60, 0, 1, 0),
        (64, 3 * half, 3 * half, 1),
        (67, 2, 1, 0),
    ]
    assert (score.meter, score.tempo) == ((3, 4), 100.0)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"RIFF....RMID", "x.mid is not a MIDI file"),
        (b"", "x.mid is not a MIDI file"),
        (header(2, 1, 96) + track(b"\x00\x90\x3c\x40"), "format 2"),
        (header(1, 1, 96) + track(), "x.mid has no notes"),
        (header(1, 0, 96), "x.mid has no notes"),
        (header(1, 1, 96) + track(b"\x00\x99\x24\x40\x60\x89\x24\x40"), "drums only"),
        (header(1, 2, 96) + track(b"\x00\x90\x3c\x40"), "truncated"),
        (header(1, 1, -6360) + track(b"\x00\x90\x3c\x40"), "film frames"),
        (header(1, 1, 96) + b"MXXX", "truncated"),
        (header(1, 1, 96) + b"MXXXabcd", "damaged"),
    ],
)
def test_files_without_usable_notes(tmp_path, raw, message):
    (tmp_path / "x.mid").write_bytes(raw)
    with pytest.raises(UserError, match=message) as error:
        read_midi(tmp_path / "x.mid")
    assert "\n" not in str(error.value)


def test_damaged_files_raise_nothing_else(tmp_path):
    """All truncations are noticed; flipped bytes give notes or a UserError."""
    path = tmp_path / "tune.mid"
    write_midi(SCORE, path)
    raw = path.read_bytes()
    for length in range(0, len(raw), 3):
        path.write_bytes(raw[:length])
        with pytest.raises(UserError):
            read_midi(path)
    random = np.random.default_rng(0)
    outcomes = set()
    for _ in range(150):
        damaged = bytearray(raw)
        damaged[random.integers(8, len(raw))] = random.integers(256)
        path.write_bytes(bytes(damaged))
        try:
            outcomes.add(len(read_midi(path).notes) > 0)
        except UserError:
            outcomes.add("error")
    assert outcomes == {True, "error"}


def test_changes_are_reported(tmp_path):
    path = tmp_path / "x.mid"
    meters = b"\x00\xff\x58\x04\x03\x02\x18\x08" + b"\x60\xff\x58\x04\x04\x02\x18\x08"
    tempos = b"\x00\xff\x51\x03\x09\x27\xc0" + b"\x00\xff\x51\x03\x07\xa1\x20"
    notes = b"\x00\x99\x24\x40" + b"\x00\x90\x3c\x40" + b"\x60\x80\x3c\x40"
    path.write_bytes(header(1, 1, 96) + track(meters, tempos, notes))
    score = read_midi(path)
    assert [text.split(": ")[1][:14] for text in score.messages] == [
        "the drums were",
        "the meter chan",
        "the tempo chan",
    ]
    assert score.meter == (3, 4)
    with pytest.raises(UserError, match=r"cannot read .*: No such file"):
        read_midi(tmp_path / "other.mid")
