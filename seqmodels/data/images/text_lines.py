"""Images of lines of text with their transcripts.

=====================================  ====================================================
train.tsv dev.tsv test.tsv             ``file<TAB>text`` per line (captchas, ORAND-CAR)
FOLDER/*.tsv, or a single table        the same; train, dev and test are chosen by a hash
ascii/lines.txt, lines/**/*.png        the IAM database of English handwriting
=====================================  ====================================================

Files are relative to the folder of their table.

Diem et al. (2014), "ICFHR 2014 competition on handwritten digit string recognition"; Marti and
Bunke (2002), "The IAM-database".
"""

from collections.abc import Iterator
from os.path import isfile
from pathlib import Path

from seqmodels.data.handwriting import FRACTIONS, Sample, split_by_writer
from seqmodels.data.images.line_image import read_line_image
from seqmodels.data.splits import Fractions, Splits, hash_split
from seqmodels.errors import UserError

IAM_LINES = Path("ascii", "lines.txt")
IAM_COLUMNS = 9  # words before the transcript
ENDINGS = (".tsv", ".txt")


def read_text_lines(path: str | Path) -> Splits:
    """Read train, dev and test lines of a folder or a table.

    A missing dev split is 10 % of train, chosen by a hash of the file's name; of a single table, it
    is 10 %, as is test.
    """
    path = Path(path).expanduser()
    if path.is_file():
        return _split_by_name(read_table(path))
    if (path / IAM_LINES).is_file():
        return split_by_writer(list(_read_iam_lines(path)))
    tables = {split: path / f"{split}.tsv" for split in Splits._fields}
    found = {split: read_table(file) for split, file in tables.items() if file.is_file()}
    if "train" in found and "test" in found:
        if "dev" not in found:
            rest = _split_by_name(found["train"], (0.9, 0.1, 0.0))
            found |= {"train": rest.train, "dev": rest.dev}
        return Splits(**found)
    others = sorted(path.glob("*.tsv"))
    if len(others) != 1:
        raise UserError(
            f"--data {path}: give a folder with train.tsv and test.tsv, with one table (.tsv) of "
            f"lines 'file<TAB>text', or with {IAM_LINES}"
        )
    return _split_by_name(read_table(others[0]))


def read_table(path: Path) -> list[Sample]:
    """Read the lines ``file<TAB>text`` of a table and their pictures."""
    rows = []
    for number, line in _lines(path):
        file, tab, text = line.partition("\t")
        if not tab or not file or not text.strip():
            raise UserError(f"--data {path}, line {number}: expected 'file<TAB>text'")
        rows.append((file, text.strip()))
    missing = [file for file, _ in rows if not isfile(path.parent / file)]
    if missing:
        raise UserError(
            f"--data {path}: {len(missing)} of {len(rows)} files are missing, such as "
            f"{path.parent / missing[0]}; files are relative to the folder of the table"
        )
    return [
        Sample(text, "", None, read_line_image(path.parent / file), file) for file, text in rows
    ]


def _lines(path: Path) -> list[tuple[int, str]]:
    """Return the lines that are not blank, with their numbers."""
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"--data {path} cannot be read: {error}") from None
    lines = [(n, line.rstrip("\r")) for n, line in enumerate(text.split("\n"), 1) if line.strip()]
    if not lines:
        raise UserError(f"--data {path} is empty; it needs lines 'file<TAB>text'")
    return lines


def _split_by_name(samples: list[Sample], fractions: Fractions = FRACTIONS) -> Splits:
    rows = hash_split((sample.name for sample in samples), fractions)
    return Splits(*([samples[row] for row in part] for part in rows))


def _read_iam_lines(folder: Path) -> Iterator[Sample]:
    """Read IAM's lines; the writer is that of ``ascii/forms.txt``, or the form."""
    forms = folder / "ascii" / "forms.txt"
    rows = [line.split() for _, line in _lines(forms)] if forms.is_file() else []
    writers = {row[0]: row[1] for row in rows if not row[0].startswith("#") and len(row) > 1}
    pictures = {file.stem: file for file in (folder / "lines").rglob("*.png")}
    for number, line in _lines(folder / IAM_LINES):
        if line.startswith("#"):
            continue
        words = line.split(" ", IAM_COLUMNS - 1)
        name = words[0]
        if len(words) < IAM_COLUMNS:
            raise UserError(f"--data {folder / IAM_LINES}, line {number}: expected 9 columns")
        if name not in pictures:
            raise UserError(f"--data {folder}: there is no lines/**/{name}.png")
        form = name.rsplit("-", 1)[0]
        text = words[-1].replace("|", " ")
        yield Sample(text, writers.get(form, form), None, read_line_image(pictures[name]), name)
