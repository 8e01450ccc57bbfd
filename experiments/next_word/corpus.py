"""Texts as lists of words with ``<eos>`` after each line, split for a language model.

==========================  ========================================================="""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from experiments.next_word.reference_texts import reference_texts
from seqmodels.data.splits import Fractions, Splits, contiguous_split
from seqmodels.data.text.documents import read_documents, read_text, split_documents
from seqmodels.data.text.words import split_words
from seqmodels.errors import UserError

EOS = "<eos>"
SPLIT_NAMES = Splits({"train"}, {"valid", "val", "dev"}, {"test"})

Tokens = Literal["auto", "spaces", "words"]
Tokenizer = Callable[[str], list[str]]


def split_at_spaces(text: str) -> list[str]:
    """Split at spaces; a line break becomes ``<eos>``, unless the text contains ``<eos>`` already.

    >>> split_at_spaces("the <unk> sat\\nit purred\\n")
    ['the', '<unk>', 'sat', '<eos>', 'it', 'purred', '<eos>']
    """
    return text.split() if EOS in text else text.replace("\n", f" {EOS} ").split()


def split_plain_text(text: str) -> list[str]:
    """Split plain text into words and punctuation, with ``<eos>`` after each non-empty line.

    >>> split_plain_text("The cat sat.\\n\\nIt purred.")
    ['the', 'cat', 'sat', '.', '<eos>', 'it', 'purred', '.', '<eos>']
    """
    lines = filter(None, map(split_words, text.splitlines()))
    return [word for line in lines for word in (*line, EOS)]


TOKENIZERS: dict[str, Tokenizer] = {"spaces": split_at_spaces, "words": split_plain_text}


def read_corpus(path: str | None, fractions: Fractions, tokens: Tokens = "auto") -> Splits:
    """Read the words of train, dev and test; by default those of ``reference_texts``.

    ``fractions`` apply if there are no files for the splits. A single text is split by position.
    """
    tokenize = TOKENIZERS[tokenizer_name(path, tokens)]
    if path and (files := find_split_files(Path(path).expanduser())):
        return Splits(*(read_words(file, tokenize) if file else [] for file in files))
    documents = read_documents(path) if path else reference_texts()
    if len(documents) == 1:
        return contiguous_split(tokenize(documents[0].text), fractions)
    return Splits(*map(tokenize, split_documents(documents, fractions)))


def read_words(file: Path, tokenize: Tokenizer) -> list[str]:
    """Read the words of one file."""
    tokens = tokenize(read_text(file))
    if len(tokens) < 2:
        raise UserError(f"{file} has {len(tokens)} words and prediction needs 2; give more text")
    return tokens


def tokenizer_name(path: str | None, tokens: Tokens) -> str:
    """Return the name of the tokenizer; ``auto`` depends on whether there is a train file."""
    if tokens != "auto":
        return tokens
    return "spaces" if path and find_split_files(Path(path).expanduser()) else "words"


def find_split_files(folder: Path) -> Splits | None:
    """Return the files of the splits, or None if no file is named after the training split."""
    if not folder.is_dir():
        return None
    files = sorted(file for file in folder.iterdir() if file.is_file() and file.name[0] != ".")
    # Of ptb.train.txt and ptb.char.train.txt, the one with the shorter name contains words.
    files.sort(key=lambda file: len(file.name))
    found = Splits(
        *(next((f for f in files if names & name_parts(f)), None) for names in SPLIT_NAMES)
    )
    if found.train is None:
        return None
    if found.dev is None:
        raise UserError(f"{folder} has {found.train.name} but no file for valid; add one")
    return found


def name_parts(file: Path) -> set[str]:
    """Return the parts of a file's name, such as ``wiki``, ``train`` and ``tokens``."""
    return set(re.split(r"[._-]", file.name.lower()))
