"""Sources of the Python standard library of this machine, a text that needs no download."""

import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

from seqmodels.data.text.documents import Document, read_text
from seqmodels.errors import UserError

# Generated tables, third-party code, and modules that some distributors package separately.
# Without them, the text depends only on the version of Python.
EXCLUDED = {"distutils", "encodings", "ensurepip", "idlelib", "lib2to3", "pydoc_data", "tkinter"}
EXCLUDED |= {"turtle", "turtledemo", "venv"}
TESTS = {"test", "tests"}


def python_sources(limit: int = 8_000_000, folder: Path | None = None) -> list[Document]:
    """Read the modules of the library in the order of their names, up to ``limit`` characters.

    Tests, generated tables and packages outside the library are excluded.
    """
    folder = folder or Path(sysconfig.get_path("stdlib"))
    documents: list[Document] = []
    remaining = limit
    for file in _files(folder):
        text = read_text(file)
        if len(text) > remaining:
            break
        documents.append(Document(file.relative_to(folder).as_posix(), text))
        remaining -= len(text)
    if not documents:
        raise UserError(
            f"the sources of the Python library are not in {folder}; give a text with --data FILE"
        )
    return documents


def _files(folder: Path) -> Iterator[Path]:
    """Return the files of the library's modules in the order of their names."""
    for module in sorted(sys.stdlib_module_names - EXCLUDED):
        files = [folder / f"{module}.py", *sorted((folder / module).rglob("*.py"))]
        for file in files:
            if file.is_file() and TESTS.isdisjoint(file.relative_to(folder).parts):
                yield file
