"""Bars of a tune: the order in which they are played, and whether they add up."""

import re

from seqmodels.data.music.abc.headers import WHOLE, bar_duration
from seqmodels.data.music.abc.tunes import MOST_PASSES, Bar, Tune, parse_tune
from seqmodels.errors import UserError

MOST_PARTS = 64


def playing_order(bars: list[Bar]) -> list[int]:
    """Return the numbers of the bars with repeats and endings written out."""
    order: list[int] = []
    begin, number, turn, in_ending = 0, 0, 1, False
    while number < len(bars):
        bar = bars[number]
        if bar.left.endswith(":") and turn == 1:
            begin = number
        if bar.endings and turn not in bar.endings:
            number = _after_ending(bars, number)
            continue
        order.append(number)
        in_ending |= bool(bar.endings)
        ends_repeat = bar.right.startswith(":")
        if ends_repeat and turn < _passes(bars, begin, number):
            number, turn, in_ending = begin, turn + 1, False
            continue
        number += 1
        if ends_repeat or (turn > 1 and in_ending and _ends_section(bar)):
            begin, turn, in_ending = number, 1, False
    return order


def _passes(bars: list[Bar], begin: int, end: int) -> int:
    """Return how often the section that is repeated at ``end`` is played."""
    numbers = [n for bar in bars[begin : end + 2] for n in bar.endings]
    return min(max([2, *numbers]), MOST_PASSES)


def _ends_section(bar: Bar) -> bool:
    return ":" in bar.right or any(mark in bar.right for mark in ("||", "|]", "[|"))


def _after_ending(bars: list[Bar], number: int) -> int:
    """Return the first bar after an ending that is not played in this pass."""
    while not _ends_section(bars[number]):
        number += 1
        if number == len(bars) or bars[number].endings:
            return number
    return number + 1


def part_order(tune: Tune) -> list[str]:
    """Return the labels of the parts as they are played; empty if the tune does not say.

    The header's P: has the order, as in ``AABB``, ``A2B2`` or ``(AB)2C``; the cleaned Nottingham
    collection uses Y:.
    """
    text = re.sub(r"[^A-Z0-9()]", "", tune.fields.get("P") or tune.fields.get("Y") or "")
    if text.count("(") != text.count(")"):
        return []
    while match := re.search(r"\(([A-Z0-9]*)\)(\d?)", text):
        repeated = match[1] * int(match[2] or 1)
        text = text[: match.start()] + repeated[:MOST_PARTS] + text[match.end() :]
    labels = re.sub(r"([A-Z])(\d)", lambda match: match[1] * int(match[2]), text)
    return list(re.sub(r"[^A-Z]", "", labels))[:MOST_PARTS]


def played_bars(tune: Tune, bars: list[Bar]) -> list[Bar]:
    """Return the bars of one voice in playing order, with the tune's order of parts."""
    labels = list(dict.fromkeys(bar.part for bar in bars))
    order = part_order(tune)
    if not set(order) <= set(labels) or not order:
        return [bars[number] for number in playing_order(bars)]
    parts = {label: [bar for bar in bars if bar.part == label] for label in labels}
    played = [part for part in (parts[label] for label in order) if part]
    return [part[number] for part in played for number in playing_order(part)]


def check_tune(text: str) -> list[str]:
    """Return the reasons why a tune is not valid; empty if it is.

    A bar must have the duration of the meter. At the beginning and end of a section it may be
    shorter, if the bar played before or after it completes it.
    """
    try:
        tune = parse_tune(text)
    except UserError as error:
        return [str(error)]
    if not tune.voices:
        return ["there are no notes"]
    reasons = list(tune.problems)
    for bars in tune.voices:
        reasons += _check_written(bars)
        if not reasons:
            reasons += _check_played(tune, bars)
    return reasons


def _describe(bar: Bar, meter: tuple[int, int]) -> str:
    duration = bar.duration / WHOLE
    return f"line {bar.line}: a bar has the duration {duration}, the meter is {meter[0]}/{meter[1]}"


def _check_written(bars: list[Bar]) -> list[str]:
    """Return a reason for each bar that is too long, or too short within a section."""
    reasons = []
    for number, bar in enumerate(bars):
        if bar.meter is None or bar.duration == bar_duration(bar.meter):
            continue
        begins = number == 0 or _divides(bars[number - 1], bar)
        ends = number == len(bars) - 1 or _divides(bar, bars[number + 1])
        if bar.duration > bar_duration(bar.meter) or not (begins or ends):
            reasons.append(_describe(bar, bar.meter))
    return reasons


def _divides(before: Bar, after: Bar) -> bool:
    """Return whether a section ends between two bars."""
    begins = after.endings or ":" in after.left or "||" in after.left
    return bool(begins) or _ends_section(before) or before.part != after.part


def _check_played(tune: Tune, bars: list[Bar]) -> list[str]:
    """Return a reason for each short bar that its neighbor in playing order does not complete.

    The first and the last bar that are played may be short.
    """
    played = played_bars(tune, bars)
    short = [b.meter is not None and b.duration < bar_duration(b.meter) for b in played]
    reasons, number = [], 1
    while number < len(played) - 1:
        if short[number]:
            bar, after = played[number], played[number + 1]
            assert bar.meter is not None
            if bar.duration + after.duration != bar_duration(bar.meter):
                reasons.append(_describe(bar, bar.meter) + ", and the next does not complete it")
            else:
                number += 1
        number += 1
    return list(dict.fromkeys(reasons))
