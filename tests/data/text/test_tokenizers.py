import pytest

from seqmodels.data.text.tokenizers import (
    detokenize_words,
    load_tokenizer,
    tokenize_words,
    train_tokenizer,
)
from seqmodels.errors import UserError

TEXTS = [
    "Le chat n'aime pas l'eau.",
    "Qu'est-ce que c'est ?",
    "Un t-shirt (bleu), s'il vous plaît !",
]


def test_words_are_split_and_joined():
    assert tokenize_words(TEXTS[0]) == ["le", "chat", "n'", "aime", "pas", "l'", "eau", "."]
    for text in TEXTS:
        assert tokenize_words(detokenize_words(tokenize_words(text))) == tokenize_words(text)
    assert detokenize_words(tokenize_words(TEXTS[2])) == TEXTS[2].lower().replace(" !", "!")


@pytest.mark.parametrize("kind", ["words", "characters", "bpe"])
def test_every_tokenizer_inverts_its_split(kind):
    tokenizer = load_tokenizer(train_tokenizer(kind, TEXTS, size=80))
    assert tokenizer.symbols[:4] == ("<pad>", "<unk>", "<s>", "</s>")
    assert len(set(tokenizer.symbols)) == len(tokenizer.symbols) <= 80
    for text in TEXTS:
        tokens = tokenizer.split(text)
        assert set(tokens) <= set(tokenizer.symbols)
        assert tokenize_words(tokenizer.join(tokens)) == tokenize_words(text)
    if kind == "bpe":
        assert len(tokenizer.split("chat")) > 1 or "▁chat" in tokenizer.symbols


def test_a_damaged_bpe_tokenizer_is_refused():
    saved = train_tokenizer("bpe", TEXTS, size=80)
    damaged = saved | {"tokenizer": saved["tokenizer"].replace("<pad>", "<pod>")}
    with pytest.raises(UserError, match="no special tokens"):
        load_tokenizer(damaged)
