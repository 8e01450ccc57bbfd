"""Tokens of ABC notation.

https://abcnotation.com/wiki/abc:standard:v2.1
"""

import re
from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise
from typing import NamedTuple

LENGTH = r"(?P<{0}times>\d*)(?P<{0}slashes>/*)(?P<{0}divisor>\d*)"
PATTERNS = {
    "quoted": r'"[^"\n]*"',
    "decoration": r"![^!\n]+!|\+[^+\n]+\+|[.~HLMOPSTuv](?=[\^_=A-Ga-gz\[\"(.~])",
    "grace": r"\{[^}\n]*\}",
    "inline": r"\[[A-Za-z]:[^\]\n]*\]",
    "bar": r":*(?:\[\|\]?|\|\]|\|+):*|::+",
    "ending": r"\[[ ]?\d+(?:[,-]\d+)*|(?<=[|:\]])\d+(?:[,-]\d+)*",
    "tuplet": r"\((?P<count>\d)(?::(?P<time>\d?))?(?::(?P<reach>\d*))?",
    "note": r"(?P<accidental>\^\^?|__?|=)?(?P<letter>[A-Ga-g])(?P<octave>[,']*)"
    + LENGTH.format(""),
    "rest": r"[zx]" + LENGTH.format("rest_"),
    "bars_rest": r"[ZX](?P<bars>\d*)",
    "chord_end": r"\]" + LENGTH.format("chord_"),
    "chord": r"\[",
    "broken": r">+|<+",
    "tie": r"-",
    "slur": r"[()]",
    "space": r"[ \t\r`y*\\]+",
    "unknown": r".",
}
TOKEN = re.compile("|".join(f"(?P<{name}>{pattern})" for name, pattern in PATTERNS.items()))
FIELD = re.compile(r"[A-Za-z+]:(?![|:])")
TUNE = re.compile(r"^X:", re.MULTILINE)


class Token(NamedTuple):
    """A piece of the text; ``begin`` is its first character, ``groups`` are its parts.

    A field, on its line or inline, has the kind "field" and the groups "name" and "value".
    """

    kind: str
    text: str
    begin: int
    line: int
    groups: dict[str, str]


def split_tunes(text: str) -> list[str]:
    """Return the tunes of a file, each from its X: line to an empty line or the next X: line."""
    begins = [match.start() for match in TUNE.finditer(text)]
    parts = [text[a:b] for a, b in pairwise([*begins, len(text)])]
    return [re.split(r"\n[ \t\r]*\n", part)[0].rstrip() + "\n" for part in parts]


def scan(text: str) -> Iterator[Token]:
    """Yield the tokens of a tune; comments and what is not music are skipped."""
    begin, in_body = 0, False
    for number, line in enumerate(text.splitlines(keepends=True), 1):
        content = re.split(r"(?<!\\)%", line)[0].rstrip()
        if FIELD.match(content):
            name, value = content[0], content[2:].strip()
            groups = {"name": name, "value": value}
            yield Token("field", content, begin, number, groups)
            in_body |= name == "K"
        elif in_body:
            yield from _scan_music(content, begin, number)
        begin += len(line)


def _scan_music(content: str, begin: int, line: int) -> Iterator[Token]:
    for match in TOKEN.finditer(content):
        kind = next(name for name in PATTERNS if match[name] is not None)
        groups = {name: value for name, value in match.groupdict().items() if value is not None}
        if kind == "inline":
            groups = {"name": match[0][1], "value": match[0][3:-1].strip()}
            kind = "field"
        if kind != "space":
            yield Token(kind, match[0], begin + match.start(), line, groups)


def length(token: Token, prefix: str = "") -> Fraction:
    """Return the length of a note, rest or chord in units.

    >>> tokens = list(scan("K:C" + chr(10) + "c3/2d//e2f/3"))[1:]
    >>> [str(length(token)) for token in tokens]
    ['3/2', '1/4', '2', '1/3']
    """
    times, slashes, divisor = (
        token.groups.get(prefix + name, "") for name in ("times", "slashes", "divisor")
    )
    denominator = int(divisor) if divisor else 2 ** len(slashes)
    return Fraction(int(times or 1), max(denominator, 1))
