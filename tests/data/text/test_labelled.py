import re

import numpy as np
import pytest

from seqmodels.data.text.labelled import Columns, Example, read_labelled
from seqmodels.errors import UserError


def write(folder, files, encoding="utf-8"):
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(text.encode(encoding))
    return folder


def test_sst2_has_three_files_and_the_last_newline_is_optional(tmp_path):
    files = {"train.tsv": "so good\t1\nso\u2028bad\t0", "dev.tsv": "fine\t1\n", "test.tsv": "no\t0"}
    found = read_labelled(write(tmp_path, files))
    assert found.train == [Example("so good", "1"), Example("so\u2028bad", "0")]
    assert (found.dev, found.test) == ([Example("fine", "1")], [Example("no", "0")])


def test_glue_has_a_header_and_no_test_labels(tmp_path):
    rows = "".join(f"text {n}\t{n % 2}\n" for n in range(200))
    files = {"train.tsv": "sentence\tlabel\n" + rows, "dev.tsv": "sentence\tlabel\nfine\t1\n"}
    found = read_labelled(write(tmp_path, files | {"test.tsv": "index\tsentence\n0\twhat?\n"}))
    assert found.dev == [Example("fine", "1")]
    assert 5 < len(found.test) < 40
    assert len(found.train) + len(found.test) == 200
    assert not set(found.train) & set(found.test)


def test_imdb_has_one_folder_per_class_and_one_file_per_text(tmp_path):
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
    examples = {e for split in found for e in split}
    assert {Example("Dvořák", "Czech"), Example("Adamou7", "Greek")} <= examples
    assert len(examples) == 82


def test_held_out_fraction_applies_to_dev_and_test(tmp_path):
    names = write(tmp_path, {"Dutch.txt": "".join(f"name {n}\n" for n in range(1000))})
    counts = [len(split) for split in read_labelled(names, held_out=0.3)]
    assert sum(counts) == 1000
    np.testing.assert_allclose(counts, [400, 300, 300], atol=60)  # four standard deviations


def test_columns_of_a_table_are_chosen_by_name(tmp_path):
    header = "price,title,body,group,kind\n"
    rows = "".join(f'{n},"Old, big {n}","two\nlines\u2028",home,chair\n' for n in range(60))
    columns = Columns(("title", "body"), ("group", "kind"), ("price",))
    path = write(tmp_path, {"ads.csv": header + rows}) / "ads.csv"
    found = read_labelled(path, columns)
    assert Example("Old, big 7 . two\nlines\u2028", "home:chair", ("7",)) in [
        *found.train,
        *found.dev,
    ]
    for wrong, column, flag in [
        (Columns(), "label", "--label-columns"),
        (Columns(("words",), ("group",)), "words", "--text-columns"),
        (Columns(("title",), ("group",), ("city",)), "city", "--attribute-columns"),
    ]:
        message = (
            f'no column "{column}" (found: price, title, body, group, kind); name it with {flag}'
        )
        with pytest.raises(UserError, match=re.escape(message)):
            read_labelled(path, wrong)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"notes.md": "x"}, "there is no train.tsv"),
        ({"train.tsv": "text one\ttwo\tthree"}, "line 1: expected 'text<TAB>label'"),
        ({"train.txt": "no label here"}, "line 1: expected 'COARSE:fine text'"),
        ({"train.csv": "text,label\na,b,c\n"}, "row 2: 3 columns, but the header has 2"),
        ({"train.csv": "text,label\n"}, "0 examples are too few, train is empty"),
    ],
)
def test_invalid_file_is_an_error(files, message, tmp_path):
    with pytest.raises(UserError, match=message):
        read_labelled(write(tmp_path, files))
