"""Reader and writer of MIDI files.

Times are in quarter notes, so that a tempo does not change the grid. Channel 10, which has drums,
is left out.
"""

import io
from collections import defaultdict
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import mido

from seqmodels.data.music.rolls import Note, Score, make_score
from seqmodels.errors import UserError

DRUMS = 9
CHANNELS = 16
TICKS = 480  # per quarter note, in files that are written
VELOCITY = 80
SLOWEST = 4.0  # quarter notes per minute; MIDI stores the duration of one in 24 bits
DEFAULT_TEMPO = 500_000  # microseconds per quarter note, if a file has none
UNTITLED = "untitled"


class _Event(NamedTuple):
    """A message with its time in ticks from the beginning and the number of its track."""

    tick: int
    track: int
    message: Any


def read_midi(path: Path) -> Score:
    """Read the notes of a MIDI file of format 0 or 1, with its first meter and tempo.

    Each pair of a track and a channel is one voice. Messages say what was left out.
    """
    file = _parse(path)
    if file.ticks_per_beat <= 0:
        raise UserError(f"{path} counts time in film frames (SMPTE); give a file with a beat")
    events = list(_events(file))
    notes = _pair_notes(events, file.ticks_per_beat)
    drums = sum(_starts_note(e.message) and e.message.channel == DRUMS for e in events)
    if not notes:
        raise UserError(
            f"{path} has drums only; give a file with pitched notes"
            if drums
            else f"{path} has no notes"
        )
    meters = [(e.message.numerator, e.message.denominator) for e in _of(events, "time_signature")]
    tempos = [e.message.tempo for e in _of(events, "set_tempo")]
    changes = {
        "the drums were left out": drums,
        "the meter changes; bars are drawn by the first one": len(set(meters)) > 1,
        "the tempo changes; the first one was kept": len(set(tempos)) > 1,
    }
    return make_score(
        notes,
        name=path.stem,
        meter=meters[0] if meters else (4, 4),
        tempo=mido.tempo2bpm(tempos[0] if tempos else DEFAULT_TEMPO),
        messages=tuple(f"{path.name}: {text}" for text, happened in changes.items() if happened),
    )


def _parse(path: Path) -> mido.MidiFile:
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from None
    if raw[:4] != b"MThd":
        raise UserError(f"{path} is not a MIDI file")
    if raw[8:10] == b"\x00\x02":
        raise UserError(f"{path} has MIDI format 2 (independent patterns); convert it to format 1")
    try:
        return mido.MidiFile(file=io.BytesIO(raw), clip=True)
    except EOFError:
        raise UserError(f"{path} is truncated: the file ends within a track") from None
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise UserError(f"{path} is a damaged MIDI file: {error}") from None


def _events(file: mido.MidiFile) -> Iterator[_Event]:
    """Yield all messages in order of time; those of one time are in order of their tracks."""
    events = []
    for number, track in enumerate(file.tracks):
        tick = 0
        for message in track:
            tick += message.time
            events.append(_Event(tick, number, message))
    yield from sorted(events, key=lambda event: (event.tick, event.track))


def _of(events: list[_Event], kind: str) -> list[_Event]:
    return [event for event in events if event.message.type == kind]


def _starts_note(message: Any) -> bool:
    return message.type == "note_on" and message.velocity > 0


def _pair_notes(events: list[_Event], ticks: int) -> list[Note]:
    """Match the first start of a pitch with its first end; notes without an end last to the end."""
    last = events[-1].tick if events else 0
    open_notes: dict[tuple[int, int, int], list[int]] = defaultdict(list)
    spans = []
    for tick, track, message in events:
        if message.type not in ("note_on", "note_off") or message.channel == DRUMS:
            continue
        key = (track, message.channel, message.note)
        if _starts_note(message):
            open_notes[key].append(tick)
        elif open_notes[key]:
            spans.append((key, open_notes[key].pop(0), tick))
    spans += [(key, begin, last) for key, begins in open_notes.items() for begin in begins]
    parts = sorted({key[:2] for key, _, _ in spans})
    voices = {part: voice for voice, part in enumerate(parts)}
    return [
        Note(key[2], Fraction(begin, ticks), Fraction(max(end - begin, 1), ticks), voices[key[:2]])
        for key, begin, end in spans
    ]


def write_midi(score: Score, path: Path | str, program: int = 0) -> None:
    """Write a file of format 1 with one track per voice, all with this General MIDI program."""
    file = mido.MidiFile(type=1, ticks_per_beat=TICKS)
    file.tracks.append(_conductor(score))
    for voice in sorted({note.voice for note in score.notes}):
        channel = voice % (CHANNELS - 1)
        channel += channel >= DRUMS
        start = mido.Message("program_change", program=program, channel=channel)
        notes = [note for note in score.notes if note.voice == voice]
        file.tracks.append(mido.MidiTrack([start, *_note_messages(notes, channel)]))
    file.save(path)


def _conductor(score: Score) -> mido.MidiTrack:
    numerator, denominator = score.meter
    tempo = mido.bpm2tempo(max(score.tempo, SLOWEST))
    name = score.name.encode("latin-1", "replace").decode("latin-1") or UNTITLED
    return mido.MidiTrack(
        [
            mido.MetaMessage("track_name", name=name),
            mido.MetaMessage("time_signature", numerator=numerator, denominator=denominator),
            mido.MetaMessage("set_tempo", tempo=tempo),
        ]
    )


def _note_messages(notes: list[Note], channel: int) -> list[mido.Message]:
    """Return the messages of one track; at each time, notes end before others start."""
    events = []
    for note in notes:
        begin = round(note.start * TICKS)
        end = max(begin + 1, round((note.start + note.duration) * TICKS))
        events += [(end, "note_off", note.pitch), (begin, "note_on", note.pitch)]
    messages, before = [], 0
    for tick, kind, pitch in sorted(events):
        message = mido.Message(
            kind, note=pitch, velocity=VELOCITY, channel=channel, time=tick - before
        )
        messages.append(message)
        before = tick
    return messages
