"""Running text as words with ``<eos>`` after every line, in the parts of a language model's data.

=====================  =====================================================================
a folder with a train  PTB and WikiText: words between blanks, ``<unk>`` and ``<eos>`` as they are
file                   (``ptb.train.txt``, ``wiki.valid.tokens``, ``test.txt``, ...)
any file or folder     plain text, of which ``words`` makes words in lower case
=====================  =====================================================================
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from experiments.next_word.reference_texts import reference_texts
from seqmodels.data.splits import Fractions, Splits, contiguous_split
from seqmodels.data.text.documents import read_documents, read_text, split_documents
from seqmodels.data.text.words import words
from seqmodels.errors import UserError

EOS = "<eos>"
PARTS = Splits({"train"}, {"valid", "val", "dev"}, {"test"})

Tokens = Literal["auto", "spaces", "words"]


def spaced_words(text: str) -> list[str]:
    """What stands between blanks; a line break is an ``<eos>``, unless the text has its own.

    >>> spaced_words("the <unk> sat\\nit purred\\n")
    ['the', '<unk>', 'sat', '<eos>', 'it', 'purred', '<eos>']
    """
    return text.split() if EOS in text else text.replace("\n", f" {EOS} ").split()


def plain_words(text: str) -> list[str]:
    """The words and marks of plain text, and an ``<eos>`` after every line that has any.

    >>> plain_words("The cat sat.\\n\\nIt purred.")
    ['the', 'cat', 'sat', '.', '<eos>', 'it', 'purred', '.', '<eos>']
    """
    lines = filter(None, map(words, text.splitlines()))
    return [word for line in lines for word in (*line, EOS)]


TOKENISERS: dict[str, Callable[[str], list[str]]] = {"spaces": spaced_words, "words": plain_words}


def read_corpus(path: str | None, fractions: Fractions, tokens: Tokens = "auto") -> Splits:
    """The words of the train, dev and test part; none: Python's own reference texts."""
    make = TOKENISERS[tokeniser(path, tokens)]
    if path and (files := split_files(Path(path).expanduser())):
        return Splits(*(read_part(file, make) if file else [] for file in files))
    documents = read_documents(path) if path else reference_texts()
    if len(documents) == 1:
        return contiguous_split(make(documents[0].text), fractions)
    return Splits(*map(make, split_documents(documents, fractions)))


def read_part(file: Path, make: Callable[[str], list[str]]) -> list[str]:
    """The words of one file."""
    found = make(read_text(file))
    if len(found) < 2:
        raise UserError(
            f"{file} has {len(found)} words, of which the next cannot be told: add some"
        )
    return found


def tokeniser(path: str | None, tokens: Tokens) -> str:
    """``auto`` by the table above."""
    if tokens != "auto":
        return tokens
    return "spaces" if path and split_files(Path(path).expanduser()) else "words"


def split_files(folder: Path) -> Splits | None:
    """The files that hold the three parts; ``None`` where no file is called after training."""
    if not folder.is_dir():
        return None
    files = sorted(file for file in folder.iterdir() if file.is_file() and file.name[0] != ".")
    # Of ptb.train.txt and ptb.char.train.txt the words are in the one with the shorter name.
    files.sort(key=lambda file: len(file.name))
    found = Splits(*(next((f for f in files if parts & names(f)), None) for parts in PARTS))
    if found.train is None:
        return None
    if found.dev is None:
        raise UserError(f"{folder} has {found.train.name} but no file for valid: add one")
    return found


def names(file: Path) -> set[str]:
    """The parts of a file's name: ``wiki``, ``train``, ``tokens``."""
    return set(re.split(r"[._-]", file.name.lower()))
