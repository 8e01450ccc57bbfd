"""Plain text from a file or a folder of files."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from seqmodels.data.splits import Fractions, Splits, contiguous_split, hash_split
from seqmodels.errors import UserError


class Document(NamedTuple):
    """A text and its name, a path relative to the folder; the name decides its split."""

    name: str
    text: str


def read_text(path: Path) -> str:
    """Read a UTF-8 file; line breaks become ``\\n``."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(
            f"{path} is not UTF-8 text (byte 0x{error.object[error.start]:02x} at position "
            f"{error.start}); convert it, for example with iconv -f latin1 -t utf-8"
        ) from None
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}; check the path") from None
    if "\0" in text:
        raise UserError(f"{path} is a binary file; give plain text in UTF-8")
    return text


def read_documents(path: str | Path) -> list[Document]:
    """Read a text file, or the text files of a folder in the order of their names.

    Hidden files and files that are not UTF-8 text are skipped in a folder.
    """
    path = Path(path).expanduser()
    documents = list(_walk(path)) if path.is_dir() else [Document(path.name, read_text(path))]
    if not any(document.text.strip() for document in documents):
        problem = "contains no UTF-8 text files" if path.is_dir() else "is empty"
        raise UserError(f"{path} {problem}; give a text file, or a folder of text files")
    return documents


def split_documents(documents: list[Document], fractions: Fractions) -> Splits:
    """Join the documents into one text per split, assigning whole documents by hash of their name.

    If there are too few documents for all splits, they are joined and split by position.
    """
    parts = hash_split([document.name for document in documents], fractions)
    if any(fraction and not len(part) for fraction, part in zip(fractions, parts, strict=True)):
        return contiguous_split("\n".join(document.text for document in documents), fractions)
    return Splits(*("\n".join(documents[index].text for index in part) for part in parts))


def _walk(folder: Path) -> Iterable[Document]:
    for file in sorted(folder.rglob("*")):
        name = file.relative_to(folder)
        if not file.is_file() or any(part.startswith(".") for part in name.parts):
            continue
        try:
            yield Document(name.as_posix(), read_text(file))
        except UserError:
            continue
