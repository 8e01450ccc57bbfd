"""The Python standard library's own sources, as they lie on this machine: a text to learn from."""

import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

from seqmodels.data.text.documents import Document, read_text
from seqmodels.errors import UserError

# Tables that a program wrote, what others wrote, and what some distributors package apart: without
# them the text depends on nothing but the version of Python.
LEFT_OUT = {"distutils", "encodings", "ensurepip", "idlelib", "lib2to3", "pydoc_data", "tkinter"}
LEFT_OUT |= {"turtle", "turtledemo", "venv"}
TESTS = {"test", "tests"}


def python_sources(limit: int = 8_000_000, folder: Path | None = None) -> list[Document]:
    """The library's modules in order of name, up to ``limit`` characters together.

    Tests, generated tables, and packages that are not part of the library are left out.
    """
    folder = folder or Path(sysconfig.get_path("stdlib"))
    documents: list[Document] = []
    room = limit
    for file in _files(folder):
        text = read_text(file)
        if len(text) > room:
            break
        documents.append(Document(file.relative_to(folder).as_posix(), text))
        room -= len(text)
    if not documents:
        raise UserError(
            f"the Python library's sources are not in {folder}: give a text with --data FILE"
        )
    return documents


def _files(folder: Path) -> Iterator[Path]:
    """The files of the library's own modules, in order of name."""
    for module in sorted(sys.stdlib_module_names - LEFT_OUT):
        files = [folder / f"{module}.py", *sorted((folder / module).rglob("*.py"))]
        for file in files:
            if file.is_file() and TESTS.isdisjoint(file.relative_to(folder).parts):
                yield file
