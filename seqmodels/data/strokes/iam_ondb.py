"""Lines of the IAM database of handwriting on a whiteboard (IAM-OnDB).

    lineStrokes/a01/a01-000/a01-000u-01.xml    strokes of line 1 of text a01-000u
    ascii/a01/a01-000/a01-000u.txt             its lines, after ``CSR:``
    original/a01/a01-000/strokesu.xml          its writer (optional)

Without the writers, all texts of one folder ``a01-000`` are kept in one split.

Liwicki and Bunke (2005), "IAM-OnDB: an on-line English sentence database acquired from handwritten
text on a whiteboard".
"""

import re
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from seqmodels.data.handwriting import Sample, split_by_writer
from seqmodels.data.splits import Splits
from seqmodels.data.strokes.strokes import Ink, clean, ink_of_strokes
from seqmodels.errors import UserError

STROKES = "lineStrokes"
SECTION = "CSR:"  # the lines as they were written; "OCR:" has the lines of the source
LINE_NAME = re.compile(r"(?P<form>.+-\d+)(?P<session>[a-z]*)-(?P<line>\d+)")


def read_iam_ondb(path: str | Path) -> Splits:
    """Read all lines, and split 80 / 10 / 10 % by writer."""
    return split_by_writer(list(read_iam_ondb_samples(path)))


def read_iam_ondb_samples(path: str | Path) -> Iterator[Sample]:
    """Read each line of the folder that contains ``lineStrokes`` and ``ascii``."""
    root = Path(path).expanduser()
    files = sorted((root / STROKES).rglob("*.xml"))
    if not files:
        raise UserError(f"--data {root}: there is no {STROKES}/*/*/*.xml; give IAM-OnDB's folder")
    texts: dict[Path, list[str]] = {}
    writers: dict[Path, str] = {}
    for file in files:
        found = LINE_NAME.fullmatch(file.stem)
        if not found:
            raise UserError(f"--data {file}: expected a name such as a01-000u-01.xml")
        form, session, line = found["form"], found["session"], int(found["line"])
        folder = file.parent.relative_to(root / STROKES)
        transcript = root / "ascii" / folder / f"{form}{session}.txt"
        if transcript not in texts:
            original = root / "original" / folder / f"strokes{session}.xml"
            texts[transcript] = _read_transcript(transcript)
            writers[transcript] = _read_writer(original) if original.is_file() else form
        if not 1 <= line <= len(texts[transcript]):
            raise UserError(f"--data {file}: {transcript} has {len(texts[transcript])} lines")
        text = texts[transcript][line - 1]
        yield Sample(text, writers[transcript], read_line(file), None, file.stem)


def read_line(file: Path) -> Ink:
    """Return the ink of one XML file; y points upward."""
    strokes = [
        [[float(point.attrib["x"]), -float(point.attrib["y"])] for point in stroke.iter("Point")]
        for stroke in _parse(file).iter("Stroke")
    ]
    ink = clean(ink_of_strokes([np.array(stroke, np.float32) for stroke in strokes]))
    if len(ink.lifts) == 0:
        raise UserError(f"--data {file} has no points; remove it")
    return ink


def _read_transcript(file: Path) -> list[str]:
    try:
        lines = file.read_text("utf-8", "replace").splitlines()
    except OSError as error:
        raise UserError(f"--data {file} cannot be read: {error}") from None
    stripped = [line.strip() for line in lines]
    if SECTION not in stripped:
        raise UserError(f"--data {file}: there is no line {SECTION}")
    return [line for line in stripped[stripped.index(SECTION) + 1 :] if line]


def _read_writer(file: Path) -> str:
    form = _parse(file).find(".//Form")
    if form is None or "writerID" not in form.attrib:
        raise UserError(f"--data {file}: there is no <Form writerID=...>")
    return form.attrib["writerID"]


def _parse(file: Path) -> ElementTree.Element:
    try:
        return ElementTree.parse(file).getroot()
    except (OSError, ElementTree.ParseError) as error:
        raise UserError(f"--data {file} cannot be read: {error}") from None
