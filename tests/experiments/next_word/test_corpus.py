import pytest

from experiments.next_word.corpus import read_corpus, tokenizer_name
from seqmodels.errors import UserError

FRACTIONS = (0.5, 0.25, 0.25)


def write(folder, **files):
    for name, text in files.items():
        (folder / f"{name.replace('_', '.')}").write_text(text)


def test_files_of_ptb_are_split_at_spaces(tmp_path):
    write(
        tmp_path,
        ptb_train_txt=" the <unk> sat N times \n it's Here \n",
        ptb_valid_txt=" a cat \n",
        ptb_test_txt=" a dog \n a cat \n",
        ptb_char_train_txt="t h e\n",
        README="about training",
    )
    train, dev, test = read_corpus(str(tmp_path), FRACTIONS)
    assert train == ["the", "<unk>", "sat", "N", "times", "<eos>", "it's", "Here", "<eos>"]
    assert dev == ["a", "cat", "<eos>"]
    assert test == ["a", "dog", "<eos>", "a", "cat", "<eos>"]
    assert tokenizer_name(str(tmp_path), "auto") == "spaces"


def test_eos_is_added_to_each_line_unless_the_text_contains_it(tmp_path):
    write(tmp_path, wiki_train_tokens=" \n = Title = \n", wiki_valid_tokens="one <eos> two <eos>\n")
    train, dev, test = read_corpus(str(tmp_path), FRACTIONS)
    assert train == ["<eos>", "=", "Title", "=", "<eos>"]
    assert dev == ["one", "<eos>", "two", "<eos>"]
    assert test == []


def test_plain_text_is_split_into_words_and_by_fractions(tmp_path):
    file = tmp_path / "play.txt"
    file.write_text("Speak, speak!\n\nAre you here?\nNay.\nAye.\n")
    splits = read_corpus(str(file), FRACTIONS)
    expected = "speak , speak ! <eos> are you here ? <eos> nay . <eos> aye . <eos>"
    assert " ".join(word for split in splits for word in split) == expected
    (tmp_path / "train.txt").write_text("Speak, now\n")
    (tmp_path / "val.txt").write_text("No!\n")
    assert read_corpus(str(tmp_path), FRACTIONS, "words").dev == ["no", "!", "<eos>"]


def test_a_missing_dev_file_is_reported(tmp_path):
    write(tmp_path, train_txt="a\n", test_txt="b\n")
    with pytest.raises(UserError, match=r"train\.txt but no file for valid"):
        read_corpus(str(tmp_path), FRACTIONS)


@pytest.mark.parametrize("part", ["train", "valid", "test"])
def test_a_file_without_words_is_reported(tmp_path, part):
    texts = {"train_txt": "a\n", "valid_txt": "b\n", "test_txt": "c\n"} | {f"{part}_txt": ""}
    write(tmp_path, **texts)
    with pytest.raises(UserError, match=rf"{part}\.txt has 0 words"):
        read_corpus(str(tmp_path), FRACTIONS)
