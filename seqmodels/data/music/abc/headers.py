"""Meters, lengths and tempos of ABC notation, in quarter notes."""

import re
from fractions import Fraction

from seqmodels.data.music.rolls import TEMPO

WHOLE = 4  # quarter notes
METERS = {"C": (4, 4), "C|": (2, 2)}
Meter = tuple[int, int] | None  # None is free meter


def parse_meter(value: str) -> Meter:
    """Return the meter of an M: field; None if it is free."""
    if value in METERS:
        return METERS[value]
    match = re.fullmatch(r"\(?(\d+(?:\+\d+)*)\)?/(\d+)", value.replace(" ", ""))
    if not match:
        return None
    beats, unit = sum(map(int, match[1].split("+"))), int(match[2])
    return (beats, unit) if beats and unit in (1, 2, 4, 8, 16, 32) else None


def bar_duration(meter: tuple[int, int]) -> Fraction:
    """Return the duration of a full bar in quarter notes."""
    return Fraction(WHOLE * meter[0], meter[1])


def default_unit(meter: Meter) -> Fraction:
    """Return the unit of lengths of a tune without L:, in quarter notes."""
    short = meter is not None and Fraction(*meter) < Fraction(3, 4)
    return Fraction(WHOLE, 16 if short else 8)


def parse_unit(value: str) -> Fraction | None:
    """Return the unit of an L: field such as ``1/8``."""
    match = re.fullmatch(r"1/(\d+)", value.replace(" ", ""))
    return Fraction(WHOLE, int(match[1])) if match and int(match[1]) else None


def parse_tempo(value: str, unit: Fraction) -> float:
    """Return quarter notes per minute of a Q: field such as ``1/4=120``, ``"Andante" 90``."""
    value = re.sub(r'"[^"]*"', "", value).strip()
    match = re.fullmatch(r"(?:(?P<beats>[\d/ ]+)=)?\s*(?P<count>\d+(?:\.\d+)?)", value)
    try:
        beats = match and match["beats"] and sum(map(Fraction, match["beats"].split())) * WHOLE
    except (ValueError, ZeroDivisionError):
        return TEMPO
    return float(match["count"]) * float(beats or unit) or TEMPO if match else TEMPO
