import pytest

from experiments.next_word.corpus import read_corpus, tokeniser
from experiments.next_word.reference_texts import reference_texts
from seqmodels.errors import UserError

SHARES = (0.5, 0.25, 0.25)


def write(folder, **files):
    for name, text in files.items():
        (folder / f"{name.replace('_', '.')}").write_text(text)


def test_files_of_ptb_are_taken_as_they_are(tmp_path):
    write(
        tmp_path,
        ptb_train_txt=" the <unk> sat N times \n it's Here \n",
        ptb_valid_txt=" a cat \n",
        ptb_test_txt=" a dog \n a cat \n",
        ptb_char_train_txt="t h e\n",
        README="about training",
    )
    train, dev, test = read_corpus(str(tmp_path), SHARES)
    assert train == ["the", "<unk>", "sat", "N", "times", "<eos>", "it's", "Here", "<eos>"]
    assert dev == ["a", "cat", "<eos>"]
    assert test == ["a", "dog", "<eos>", "a", "cat", "<eos>"]
    assert tokeniser(str(tmp_path), "auto") == "spaces"


def test_every_line_of_wikitext_ends_and_an_end_that_is_there_is_not_doubled(tmp_path):
    write(tmp_path, wiki_train_tokens=" \n = Title = \n", wiki_valid_tokens="one <eos> two <eos>\n")
    train, dev, test = read_corpus(str(tmp_path), SHARES)
    assert train == ["<eos>", "=", "Title", "=", "<eos>"]
    assert dev == ["one", "<eos>", "two", "<eos>"]
    assert test == []


def test_plain_text_becomes_words_and_is_split(tmp_path):
    file = tmp_path / "play.txt"
    file.write_text("Speak, speak!\n\nAre you here?\nNay.\nAye.\n")
    parts = read_corpus(str(file), SHARES)
    expected = "speak , speak ! <eos> are you here ? <eos> nay . <eos> aye . <eos>"
    assert " ".join(word for part in parts for word in part) == expected
    (tmp_path / "train.txt").write_text("Speak, now\n")
    (tmp_path / "val.txt").write_text("No!\n")
    assert read_corpus(str(tmp_path), SHARES, "words").dev == ["no", "!", "<eos>"]


def test_a_missing_part_is_told(tmp_path):
    write(tmp_path, train_txt="a\n", test_txt="b\n")
    with pytest.raises(UserError, match=r"train\.txt but no file for valid"):
        read_corpus(str(tmp_path), SHARES)


@pytest.mark.parametrize("part", ["train", "valid", "test"])
def test_a_part_without_words_is_told(tmp_path, part):
    texts = {"train_txt": "a\n", "valid_txt": "b\n", "test_txt": "c\n"} | {f"{part}_txt": ""}
    write(tmp_path, **texts)
    with pytest.raises(UserError, match=rf"{part}\.txt has 0 words"):
        read_corpus(str(tmp_path), SHARES)


def test_python_brings_english_along():
    texts = reference_texts(sources=60_000)
    assert len({name for name, _ in texts}) == len(texts)
    text = "\n".join(text for _, text in texts)
    assert len(text) > 10_000
    assert "Abstract Base Classes" in text  # a docstring of abc
    assert "  " not in text
