"""Tokenizers: words, characters, BPE."""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from seqmodels.data.text.vocabulary import SPECIALS, UNKNOWN, build_vocabulary
from seqmodels.errors import UserError

# An elided French word is a token ("l'", "d'", "qu'"); other apostrophes stay inside a word.
TOKEN = re.compile(
    r"(?:[cdjlmnst]|(?:lors|puis|quoi|jus)?qu)['’](?=\w)|\w+(?:['’]\w+)*|['’]\w+|[^\w\s]"
)
CLOSING_MARKS, OPENING_MARKS, JOINING_MARKS = set(".,!?;:)]}%…"), set("([{"), set("-/")


class Tokenizer(NamedTuple):
    """Conversion between a text and its tokens.

    split:   ``(text) -> tokens``
    join:    ``(tokens) -> text``
    symbols: the vocabulary, special tokens first
    """

    split: Callable[[str], list[str]]
    join: Callable[[Sequence[str]], str]
    symbols: tuple[str, ...]


def tokenize_words(text: str) -> list[str]:
    """Split a text into words and punctuation, in lower case.

    Unlike ``words.split_words``, an elided French word is a token.

    >>> tokenize_words("L'été, j'ai vu un t-shirt qu'il n'aime pas.")[:6]
    ["l'", 'été', ',', "j'", 'ai', 'vu']
    """
    return TOKEN.findall(text.lower())


def detokenize_words(tokens: Iterable[str]) -> str:
    """Join words and punctuation with the usual spacing, the inverse of ``tokenize_words``.

    >>> detokenize_words(["l'", "été", ",", "un", "t", "-", "shirt", "!"])
    "l'été, un t-shirt!"
    """
    text, no_space = "", True
    for token in tokens:
        attached = no_space or token in CLOSING_MARKS or token in JOINING_MARKS
        text += token if attached else f" {token}"
        elided = len(token) > 1 and token[-1] in "'’"
        no_space = elided or token in OPENING_MARKS or token in JOINING_MARKS
    return text


def train_tokenizer(
    kind: str, texts: Sequence[str], min_count: int = 1, size: int = 8000
) -> dict[str, Any]:
    """Train a tokenizer and return it in a form that JSON can hold, for ``load_tokenizer``.

    kind:      words, characters, or bpe (Sennrich et al., 2016, arXiv:1508.07909)
    min_count: words and characters that are rarer become ``<unk>``
    size:      maximum vocabulary size of bpe
    """
    if kind == "bpe":
        return {"kind": kind, "tokenizer": _train_bpe(texts, size)}
    split = tokenize_words if kind == "words" else list
    vocabulary = build_vocabulary(
        (token for text in texts for token in split(text)),
        specials=SPECIALS,
        min_count=min_count,
    )
    return {"kind": kind, "symbols": list(vocabulary.symbols)}


def load_tokenizer(saved: dict[str, Any]) -> Tokenizer:
    """Return the tokenizer that ``train_tokenizer`` saved."""
    if saved["kind"] == "bpe":
        return _load_bpe(saved["tokenizer"])
    symbols = tuple(saved["symbols"])
    if saved["kind"] == "words":
        return Tokenizer(tokenize_words, detokenize_words, symbols)
    return Tokenizer(list, "".join, symbols)


def _train_bpe(texts: Sequence[str], size: int) -> str:
    import tokenizers
    from tokenizers import decoders, models, pre_tokenizers, trainers

    bpe = tokenizers.Tokenizer(models.BPE(unk_token=UNKNOWN))
    bpe.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Metaspace(), pre_tokenizers.Punctuation()]
    )
    bpe.decoder = decoders.Metaspace()
    special = list(SPECIALS)
    trainer = trainers.BpeTrainer(vocab_size=size, special_tokens=special, show_progress=False)
    bpe.train_from_iterator(texts, trainer)
    return bpe.to_str()


def _load_bpe(saved: str) -> Tokenizer:
    import tokenizers

    bpe = tokenizers.Tokenizer.from_str(saved)
    numbers = bpe.get_vocab()
    symbols = tuple(sorted(numbers, key=numbers.__getitem__))
    if symbols[: len(SPECIALS)] != SPECIALS:
        raise UserError("the tokenizer in metadata.json has no special tokens; the run is damaged")

    def split(text: str) -> list[str]:
        return bpe.encode(text, add_special_tokens=False).tokens

    return Tokenizer(split, bpe.decoder.decode, symbols)
