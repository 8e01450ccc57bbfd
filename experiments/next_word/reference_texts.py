"""English text that comes with Python: language reference, license and docstrings."""

import ast
import sysconfig
from collections.abc import Iterator
from pathlib import Path

from seqmodels.data.text.documents import Document, read_text
from seqmodels.data.text.python_sources import python_sources

DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def reference_texts(limit: int = 2_500_000) -> list[Document]:
    """Read the texts, one paragraph per line.

    Docstrings are taken from the first ``limit`` characters of the library's sources. Some
    distributors omit the language reference or the license.
    """
    documents = [*_language_reference(), *_license(), *_docstrings(limit)]
    return [Document(name, join_paragraphs(text)) for name, text in documents]


def join_paragraphs(text: str) -> str:
    """Put each paragraph on one line.

    >>> join_paragraphs("one\\n  two\\n\\nthree")
    'one two\\nthree'
    """
    return "\n".join(" ".join(part.split()) for part in text.split("\n\n") if part.strip())


def _language_reference() -> Iterator[Document]:
    try:
        from pydoc_data.topics import topics
    except ImportError:
        return
    for name, text in topics.items():
        yield Document(f"topics/{name}", text)


def _license() -> Iterator[Document]:
    file = Path(sysconfig.get_path("stdlib")) / "LICENSE.txt"
    if file.is_file():
        yield Document(file.name, read_text(file))


def _docstrings(limit: int) -> Iterator[Document]:
    for name, text in python_sources(limit):
        nodes = [node for node in ast.walk(ast.parse(text)) if isinstance(node, DOCUMENTED)]
        if docstrings := "\n\n".join(filter(None, map(ast.get_docstring, nodes))):
            yield Document(name, docstrings)
