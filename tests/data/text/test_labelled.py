import gzip

import numpy as np
import pytest

from seqmodels.data.text.labelled import Columns, Example, read_labelled
from seqmodels.data.text.vectors import read_vectors, vector_size
from seqmodels.data.text.words import words
from seqmodels.errors import UserError


def write(folder, files, encoding="utf-8"):
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(text.encode(encoding))
    return folder


def test_sst2_has_three_files_and_the_last_line_needs_no_end(tmp_path):
    files = {"train.tsv": "so good\t1\nso\u2028bad\t0", "dev.tsv": "fine\t1\n", "test.tsv": "no\t0"}
    found = read_labelled(write(tmp_path, files))
    assert found.train == [Example("so good", "1"), Example("so\u2028bad", "0")]
    assert (found.dev, found.test) == ([Example("fine", "1")], [Example("no", "0")])


def test_glue_has_a_header_and_keeps_its_test_labels_back(tmp_path):
    rows = "".join(f"text {n}\t{n % 2}\n" for n in range(200))
    files = {"train.tsv": "sentence\tlabel\n" + rows, "dev.tsv": "sentence\tlabel\nfine\t1\n"}
    found = read_labelled(write(tmp_path, files | {"test.tsv": "index\tsentence\n0\twhat?\n"}))
    assert found.dev == [Example("fine", "1")]
    assert 5 < len(found.test) < 40
    assert len(found.train) + len(found.test) == 200
    assert not set(found.train) & set(found.test)


def test_imdb_has_a_text_a_file_in_a_folder_a_class(tmp_path):
    files = {
        f"{part}/{label}/{n}_7.txt": f"{part} {label} {n}<br /><br />end"
        for part in ("train", "test")
        for label in ("pos", "neg")
        for n in range(30)
    }
    found = read_labelled(write(tmp_path, files | {"train/unsup/0_0.txt": "unknown"}))
    assert len(found.train) + len(found.dev) == 60
    assert len(found.dev) > 0
    assert len(found.test) == 60
    assert Example("test neg 3  end", "neg") in found.test


def test_mr_has_two_files_in_latin_1(tmp_path):
    lines = "".join(f"café {n}\n" for n in range(99))
    files = {"rt-polarity.pos": lines, "rt-polarity.neg": lines.replace("café", "bête")}
    found = read_labelled(write(tmp_path, files, "latin-1"))
    assert sum(map(len, found)) == 198
    assert {e.label for e in found.train if "café" in e.text} == {"pos"}


@pytest.mark.parametrize(
    "names", [("train.txt", "test.txt"), ("train_5500.label", "TREC_10.label")]
)
def test_trec_has_coarse_and_fine_classes(names, tmp_path):
    lines = "".join(f"HUM:ind Who was Nº {n} ?\n" for n in range(99))
    files = dict(zip(names, (lines, "LOC:city Where ?\n"), strict=True))
    found = read_labelled(write(tmp_path, files, "latin-1"))
    assert found.train[0].label == "HUM:ind"
    assert found.train[0].text.startswith("Who was Nº ")
    assert found.test == [Example("Where ?", "LOC:city")]


def test_names_are_labelled_by_their_file(tmp_path):
    files = {"Czech.txt": "Černý\nDvořák", "Greek.txt": "\n".join(f"Adamou{n}" for n in range(80))}
    found = read_labelled(write(tmp_path, files))
    everything = {e for part in found for e in part}
    assert {Example("Dvořák", "Czech"), Example("Adamou7", "Greek")} <= everything
    assert len(everything) == 82


def test_the_share_that_is_held_out_is_asked_for(tmp_path):
    names = write(tmp_path, {"Dutch.txt": "".join(f"name {n}\n" for n in range(1000))})
    counts = [len(part) for part in read_labelled(names, held=0.3)]
    assert sum(counts) == 1000
    np.testing.assert_allclose(counts, [400, 300, 300], atol=60)  # four deviations


def test_a_table_has_named_columns(tmp_path):
    header = "price,title,body,group,kind\n"
    rows = "".join(f'{n},"Old, big {n}","two\nlines\u2028",home,chair\n' for n in range(60))
    columns = Columns(("title", "body"), ("group", "kind"), ("price",))
    found = read_labelled(write(tmp_path, {"ads.csv": header + rows}) / "ads.csv", columns)
    assert Example("Old, big 7 . two\nlines\u2028", "home:chair", ("7",)) in [
        *found.train,
        *found.dev,
    ]
    with pytest.raises(UserError, match=r"no column .label., only price, title"):
        read_labelled(tmp_path / "ads.csv")


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({"notes.md": "x"}, "there is no train.tsv"),
        ({"train.tsv": "text one\ttwo\tthree"}, "line 1 is not 'text<TAB>label'"),
        ({"train.txt": "no label here"}, "line 1 is not 'COARSE:fine text'"),
        ({"train.csv": "text,label\na,b,c\n"}, "row 2 has 3 columns, the header 2"),
        ({"train.csv": "text,label\n"}, "of 0 examples none is left for train"),
    ],
)
def test_a_wrong_file_gets_one_line(files, told, tmp_path):
    with pytest.raises(UserError, match=told):
        read_labelled(write(tmp_path, files))


def test_words_of_any_alphabet():
    assert words("Wo n't — isn’t 3.5 ДА, ça!") == [
        "wo", "n't", "—", "isn’t", "3", ".", "5", "да", ",", "ça", "!",
    ]  # fmt: skip


INDEX = {"good": 2, "bad": 1, "and": 0}


@pytest.mark.parametrize("header", ["", "3 2\n"])
@pytest.mark.parametrize("name", ["glove.txt", "vectors.txt.gz"])
def test_vectors_of_known_words(header, name, tmp_path):
    text = (header + "good 1 2.5\nother 3 3\nbad -1 0\ngood 9 9\n").encode()
    (tmp_path / name).write_bytes(gzip.compress(text) if name.endswith("gz") else text)
    found = read_vectors(tmp_path / name, INDEX)
    np.testing.assert_array_equal(found.rows, [2, 1])
    np.testing.assert_array_equal(found.values, [[1, 2.5], [-1, 0]])
    assert vector_size(tmp_path / name) == 2


@pytest.mark.parametrize(
    ("text", "told"),
    [("good 1 2\nbad 1\n", "line 2 is not a word and 2 numbers"), ("no 1 2\n", "knows no word")],
)
def test_wrong_vectors_get_one_line(text, told, tmp_path):
    (tmp_path / "v.txt").write_text(text)
    with pytest.raises(UserError, match=told):
        read_vectors(tmp_path / "v.txt", INDEX)
