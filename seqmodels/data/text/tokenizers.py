"""What a sentence is made of for a model: words, characters, or pieces of words; and back again."""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from seqmodels.data.text.vocabulary import SPECIALS, UNKNOWN, build_vocabulary
from seqmodels.errors import UserError

# An elided French word is one of its own ("l'", "d'", "qu'"); other apostrophes are inside a word.
TOKEN = re.compile(
    r"(?:[cdjlmnst]|(?:lors|puis|quoi|jus)?qu)['’](?=\w)|\w+(?:['’]\w+)*|['’]\w+|[^\w\s]"
)
CLOSING, OPENING, JOINING = set(".,!?;:)]}%…"), set("([{"), set("-/")


class Units(NamedTuple):
    """How a text is taken apart, put together again, and numbered.

    split:   ``(text) -> symbols``
    join:    ``(symbols) -> text``
    symbols: those of the vocabulary, specials first
    """

    split: Callable[[str], list[str]]
    join: Callable[[Sequence[str]], str]
    symbols: tuple[str, ...]


def tokens(text: str) -> list[str]:
    """The words and marks of a text, in lower case.

    >>> tokens("L'été, j'ai vu un t-shirt qu'il n'aime pas.")[:6]
    ["l'", 'été', ',', "j'", 'ai', 'vu']
    """
    return TOKEN.findall(text.lower())


def untokenised(symbols: Iterable[str]) -> str:
    """Words and marks as they are written; ``tokens`` of it gives them back.

    >>> untokenised(["l'", "été", ",", "un", "t", "-", "shirt", "!"])
    "l'été, un t-shirt!"
    """
    text, glue = "", True
    for symbol in symbols:
        joined = glue or symbol in CLOSING or symbol in JOINING
        text += symbol if joined else f" {symbol}"
        elided = len(symbol) > 1 and symbol[-1] in "'’"
        glue = elided or symbol in OPENING or symbol in JOINING
    return text


def learn_units(
    kind: str, texts: Sequence[str], min_count: int = 1, size: int = 8000
) -> dict[str, Any]:
    """What ``make_units`` needs to know of the training texts, as JSON.

    kind: words, characters, or bpe (byte-pair encoding, Sennrich et al. 2016, arXiv:1508.07909)
        with ``size`` pieces at most.
    """
    if kind == "bpe":
        return {"kind": kind, "tokenizer": _learn_pieces(texts, size)}
    split = tokens if kind == "words" else list
    found = build_vocabulary(
        (symbol for text in texts for symbol in split(text)),
        specials=SPECIALS,
        min_count=min_count,
    )
    return {"kind": kind, "symbols": list(found.symbols)}


def make_units(learnt: dict[str, Any]) -> Units:
    """The units that ``learn_units`` found."""
    if learnt["kind"] == "bpe":
        return _pieces(learnt["tokenizer"])
    symbols = tuple(learnt["symbols"])
    if learnt["kind"] == "words":
        return Units(tokens, untokenised, symbols)
    return Units(list, "".join, symbols)


def _learn_pieces(texts: Sequence[str], size: int) -> str:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE(unk_token=UNKNOWN))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Metaspace(), pre_tokenizers.Punctuation()]
    )
    tokenizer.decoder = decoders.Metaspace()
    special = list(SPECIALS)
    trainer = trainers.BpeTrainer(vocab_size=size, special_tokens=special, show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer.to_str()


def _pieces(saved: str) -> Units:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_str(saved)
    numbers = tokenizer.get_vocab()
    symbols = tuple(sorted(numbers, key=numbers.__getitem__))
    if symbols[: len(SPECIALS)] != SPECIALS:
        raise UserError("the run's tokenizer has no special symbols: the run is damaged")

    def split(text: str) -> list[str]:
        return tokenizer.encode(text, add_special_tokens=False).tokens

    return Units(split, tokenizer.decoder.decode, symbols)
