"""English that every Python brings along: the language reference, the licence, the docstrings."""

import ast
import sysconfig
from collections.abc import Iterator
from pathlib import Path

from seqmodels.data.text.documents import Document, read_text
from seqmodels.data.text.python_sources import python_sources

DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def reference_texts(sources: int = 2_500_000) -> list[Document]:
    """The texts, a paragraph a line; docstrings from so many characters of the library's sources.

    Some distributors leave the language reference or the licence out.
    """
    documents = [*_topics(), *_licence(), *_docstrings(sources)]
    return [Document(name, paragraphs(text)) for name, text in documents]


def paragraphs(text: str) -> str:
    """Lines joined up to the next empty one.

    >>> paragraphs("one\\n  two\\n\\nthree")
    'one two\\nthree'
    """
    return "\n".join(" ".join(part.split()) for part in text.split("\n\n") if part.strip())


def _topics() -> Iterator[Document]:
    try:
        from pydoc_data.topics import topics
    except ImportError:
        return
    for name, text in topics.items():
        yield Document(f"topics/{name}", text)


def _licence() -> Iterator[Document]:
    file = Path(sysconfig.get_path("stdlib")) / "LICENSE.txt"
    if file.is_file():
        yield Document(file.name, read_text(file))


def _docstrings(sources: int) -> Iterator[Document]:
    for name, text in python_sources(sources):
        nodes = [node for node in ast.walk(ast.parse(text)) if isinstance(node, DOCUMENTED)]
        if found := "\n\n".join(filter(None, map(ast.get_docstring, nodes))):
            yield Document(name, found)
