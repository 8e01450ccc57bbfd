"""Parser of tunes in ABC notation: headers, bars, and the notes in them."""

from dataclasses import dataclass, field
from fractions import Fraction
from typing import NamedTuple

from seqmodels.data.music.abc.headers import (
    Meter,
    bar_duration,
    default_unit,
    parse_meter,
    parse_tempo,
    parse_unit,
)
from seqmodels.data.music.abc.scanner import Token, length, scan
from seqmodels.data.music.abc.spelling import (
    KeySignature,
    Speller,
    Written,
    parse_key,
)
from seqmodels.errors import UserError

TUPLET_TIMES = {2: 3, 3: 2, 4: 3, 6: 2, 8: 3}  # others: 3 in compound meters, else 2
COMPOUND = (6, 9, 12)
MOST_PASSES = 9  # of a repeated section
MOST_BARS = 99  # of a rest
ANNOTATION = ("^", "_", "<", ">", "@")


class Sound(NamedTuple):
    """Notes that begin together, or a rest; the duration is in quarter notes.

    The pitches in ``tied`` continue in the next sound. ``chord`` is the chord symbol above it.
    """

    pitches: tuple[int, ...]
    duration: Fraction
    tied: tuple[int, ...] = ()
    chord: str = ""


class Bar(NamedTuple):
    """What is between two bar lines, which are ``left`` and ``right``."""

    sounds: list[Sound]
    left: str
    right: str
    endings: tuple[int, ...]  # the passes in which it is played; empty for all
    part: str
    meter: Meter
    line: int

    @property
    def duration(self) -> Fraction:
        """Sum of the durations in quarter notes."""
        return sum((sound.duration for sound in self.sounds), Fraction(0))


class Tune(NamedTuple):
    """A tune: header fields by letter, the bars of each voice, and what could not be read."""

    fields: dict[str, str]
    voices: list[list[Bar]]
    meter: Meter
    tempo: float
    problems: list[str]

    @property
    def title(self) -> str:
        """The title, or else the number."""
        return self.fields.get("T") or self.fields.get("X", "")


@dataclass
class _Voice:
    """What is known at one point of one voice."""

    speller: Speller
    bars: list[Bar] = field(default_factory=list)
    sounds: list[Sound] = field(default_factory=list)
    chord: list[Sound] | None = None  # the notes of an open bracket
    written: list[Written] = field(default_factory=list)
    symbol: str = ""
    left: str = ""
    endings: tuple[int, ...] = ()
    broken: Fraction | None = None  # factor of the next sound
    tuplet: tuple[Fraction, int] = (Fraction(1), 0)  # factor, sounds left


class _Parser:
    """The state of the parser; ``tune`` is the result."""

    def __init__(self, tokens: list[Token]):
        header_end = next((i for i, t in enumerate(tokens) if t.groups.get("name") == "K"), None)
        if header_end is None:
            raise UserError("there is no K: line, which gives the key and ends the header")
        self.fields: dict[str, str] = {}
        for token in tokens[:header_end]:
            self.fields.setdefault(token.groups["name"], token.groups["value"])
        self.problems: list[str] = []
        self.part = ""
        self.meter = self.first_meter = parse_meter(self.fields.get("M", "none"))
        self.unit = parse_unit(self.fields.get("L", "")) or default_unit(self.meter)
        self.tempo = parse_tempo(self.fields.get("Q", ""), self.unit)
        self.key = self._parse_key(tokens[header_end])
        self.voices: dict[str, _Voice] = {}
        self.voice: _Voice = self._voice("1")
        for token in tokens[header_end + 1 :]:
            getattr(self, f"_read_{token.kind}")(token)
        for voice in self.voices.values():
            self._end_bar(voice, "", tokens[-1].line)

    def _problem(self, token: Token, text: str) -> None:
        self.problems.append(f"line {token.line}: {text}")

    def _voice(self, name: str) -> _Voice:
        return self.voices.setdefault(name, _Voice(Speller(self.key)))

    def _parse_key(self, token: Token) -> KeySignature:
        key = parse_key(token.groups["value"])
        if key is None:
            self._problem(token, f"the key {token.text} is unknown; it is read as C")
        return key or KeySignature("C", "", dict.fromkeys("CDEFGAB", 0))

    def _read_field(self, token: Token) -> None:
        name, value = token.groups["name"], token.groups["value"]
        if name == "K":
            self.key = self._parse_key(token)
            self.voice.speller.set_key(self.key)
        elif name == "M":
            self.meter = parse_meter(value)
            if not any(voice.bars or voice.sounds for voice in self.voices.values()):
                self.first_meter = self.meter
        elif name == "L":
            self.unit = parse_unit(value) or self.unit
        elif name == "P":
            self._end_bar(self.voice, "", token.line)
            self.part = value
        elif name == "Q":
            self.tempo = self.tempo if self.fields.get("Q") else parse_tempo(value, self.unit)
        elif name == "V":
            self.voice = self._voice(value.split(" ")[0])

    def _read_quoted(self, token: Token) -> None:
        text = token.text[1:-1]
        if not text.startswith(ANNOTATION):
            self.voice.symbol = text

    def _read_note(self, token: Token) -> None:
        written = self.voice.speller.read(token)
        duration = length(token) * self.unit
        if self.voice.chord is None:
            self._add(token, (written.pitch,), duration, [written])
        else:
            self.voice.chord.append(Sound((written.pitch,), duration))
            self.voice.written.append(written)

    def _read_rest(self, token: Token) -> None:
        self._add(token, (), length(token, "rest_") * self.unit, [])

    def _read_bars_rest(self, token: Token) -> None:
        if self.meter:
            bars = min(int(token.groups["bars"] or 1), MOST_BARS)
            for number in range(bars):
                self._add(token, (), bar_duration(self.meter), [])
                if number < bars - 1:
                    self._end_bar(self.voice, "|", token.line)

    def _read_chord(self, token: Token) -> None:
        self.voice.chord, self.voice.written = [], []

    def _read_chord_end(self, token: Token) -> None:
        voice, sounds = self.voice, self.voice.chord
        voice.chord = None
        if not sounds:
            self._problem(token, "] without the notes of a chord before it")
            return
        pitches = tuple(sorted({pitch for sound in sounds for pitch in sound.pitches}))
        written, tied = voice.written, [pitch for sound in sounds for pitch in sound.tied]
        self._add(token, pitches, sounds[0].duration * length(token, "chord_"), written)
        self._tie(voice.sounds, tuple(tied))

    def _add(
        self, token: Token, pitches: tuple[int, ...], duration: Fraction, written: list[Written]
    ) -> None:
        """Add a sound, with the factors of a tuplet and of a dotted rhythm."""
        voice = self.voice
        factor, left = voice.tuplet
        if left:
            duration *= factor
            voice.tuplet = (factor, left - 1)
        if voice.broken is not None:
            duration *= voice.broken
            voice.broken = None
        if not duration:
            self._problem(token, f"{token.text} has no duration")
            return
        voice.sounds.append(Sound(pitches, duration, chord=voice.symbol))
        voice.symbol, voice.written = "", written
        voice.speller.tie([])

    def _read_tie(self, token: Token) -> None:
        voice = self.voice
        sounds = voice.sounds if voice.chord is None else voice.chord
        if not sounds and voice.chord is None and voice.bars:
            sounds = voice.bars[-1].sounds
        if not sounds or not sounds[-1].pitches:
            self._problem(token, "a tie without a note before it")
        else:
            self._tie(sounds, sounds[-1].pitches)

    def _tie(self, sounds: list[Sound], pitches: tuple[int, ...]) -> None:
        if pitches and sounds:
            sounds[-1] = sounds[-1]._replace(tied=pitches)
            self.voice.speller.tie([w for w in self.voice.written if w.pitch in pitches])

    def _read_broken(self, token: Token) -> None:
        sounds = self.voice.sounds
        if not sounds:
            self._problem(token, f"{token.text} without a note before it")
            return
        short = Fraction(1, 2 ** len(token.text))
        before, after = (2 - short, short) if token.text[0] == ">" else (short, 2 - short)
        sounds[-1] = sounds[-1]._replace(duration=sounds[-1].duration * before)
        self.voice.broken = after

    def _read_tuplet(self, token: Token) -> None:
        count = int(token.groups["count"])
        is_compound = self.meter is not None and self.meter[0] in COMPOUND
        default = TUPLET_TIMES.get(count, 3 if is_compound else 2)
        times = int(token.groups.get("time") or default)
        if count < 2:
            self._problem(token, f"{token.text} is not a tuplet")
        else:
            self.voice.tuplet = Fraction(times, count), int(token.groups.get("reach") or count)

    def _read_bar(self, token: Token) -> None:
        self._end_bar(self.voice, token.text, token.line)

    def _end_bar(self, voice: _Voice, line_text: str, line: int) -> None:
        """Close a bar; bar lines without notes between them are joined."""
        if voice.chord is not None:
            self.problems.append(f"line {line}: a chord is not closed by ]")
            voice.chord = None
        voice.speller.end_bar()
        if not voice.sounds:
            voice.left += line_text
            return
        ends = voice.left, line_text, voice.endings, self.part, self.meter, line
        voice.bars.append(Bar(voice.sounds, *ends))
        voice.sounds, voice.left, voice.endings = [], line_text, ()

    def _read_ending(self, token: Token) -> None:
        if self.voice.sounds:
            self._end_bar(self.voice, "|", token.line)
        passes: list[int] = []
        for part in token.text.strip("[ ").split(","):
            first, _, last = part.partition("-")
            passes += range(int(first), min(int(last or first), MOST_PASSES) + 1)
        self.voice.endings = tuple(passes)

    def _read_unknown(self, token: Token) -> None:
        self._problem(token, f"{token.text!r} is not ABC notation")

    def _skip(self, token: Token) -> None:
        """Read what changes neither pitch nor time."""

    _read_decoration = _read_grace = _read_slur = _skip


def parse_tune(text: str) -> Tune:
    """Parse one tune; raise an error only if the header has no key."""
    parser = _Parser(list(scan(text)))
    voices = [voice.bars for voice in parser.voices.values() if voice.bars]
    return Tune(parser.fields, voices, parser.first_meter, parser.tempo, parser.problems)
