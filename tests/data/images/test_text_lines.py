"""Folders of pictures with transcripts."""

import numpy as np
import pytest
from PIL import Image

from seqmodels.data.images.text_lines import read_text_lines
from seqmodels.errors import UserError


def picture(path, columns):
    """Write a picture whose ink has this many columns."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.full((12, columns + 6), 255, np.uint8)
    pixels[3:9, 3 : 3 + columns] = 0
    Image.fromarray(pixels).save(path)


def table(folder, name, numbers):
    """Write a table of pictures, each with its number of columns as the text."""
    rows = []
    for number in numbers:
        picture(folder / name / f"{number}.png", number)
        rows.append(f"{name}/{number}.png\t{number}")
    (folder / f"{name}.tsv").write_text("\n".join(rows))


def columns(samples):
    """Return the number of columns of ink of each sample, and the same by its text."""
    return [s.image.shape[1] - 2 for s in samples], [int(s.text) for s in samples]


def test_train_and_test_tables_with_dev_from_train(tmp_path):
    table(tmp_path, "train", range(10, 60))
    table(tmp_path, "test", [3, 4])
    parts = read_text_lines(tmp_path)
    for samples in parts:
        found, expected = columns(samples)
        assert found == expected
    assert columns(parts.test)[0] == [3, 4]
    assert sorted(columns(parts.train + parts.dev)[0]) == [*range(10, 60)]
    assert 0 < len(parts.dev) < 15
    table(tmp_path, "dev", [7])
    parts = read_text_lines(tmp_path)
    assert [len(samples) for samples in parts] == [50, 1, 2]


def test_a_single_table_is_split(tmp_path):
    table(tmp_path, "captchas", range(1, 61))
    parts = read_text_lines(tmp_path)
    assert sum(map(len, parts)) == 60
    assert all(parts)
    by_file = read_text_lines(tmp_path / "captchas.tsv")
    assert [s.name for s in by_file.test] == [s.name for s in parts.test]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", r"test\.tsv is empty"),
        ("test/3.png 3", "line 1: expected 'file<TAB>text'"),
        ("test/3.png\t3\ntest/4.png\t", "line 2: expected 'file<TAB>text'"),
        ("test/3.png\t3\nx.png\t1\ny.png\t2", "2 of 3 files are missing, such as .*x.png"),
        ("x" * 300 + "\t1", "1 of 1 files are missing"),
    ],
)
def test_faulty_tables_are_refused(content, message, tmp_path):
    table(tmp_path, "train", [5])
    table(tmp_path, "test", [3, 4])
    (tmp_path / "test.tsv").write_text(content)
    with pytest.raises(UserError, match=message):
        read_text_lines(tmp_path)


def test_folders_without_a_table_are_refused(tmp_path):
    with pytest.raises(UserError, match=r"give a folder with train\.tsv and test\.tsv"):
        read_text_lines(tmp_path)


IAM = """#--- lines.txt ---
# comment
a01-000u-00 ok 154 19 408 746 1661 89 A|MOVE|to|stop|Mr.
a01-000u-01 err 156 19 395 932 1850 105 life|peers
"""


def test_iam_lines_have_the_writer_of_their_form(tmp_path):
    (tmp_path / "ascii").mkdir()
    (tmp_path / "ascii" / "lines.txt").write_text(IAM)
    for number in (0, 1):
        picture(tmp_path / "lines" / "a01" / "a01-000u" / f"a01-000u-0{number}.png", 5 + number)
    samples = [sample for part in read_text_lines(tmp_path) for sample in part]
    assert [s.text for s in samples] == ["A MOVE to stop Mr.", "life peers"]
    assert [s.image.shape[1] - 2 for s in samples] == [5, 6]
    assert {s.writer for s in samples} == {"a01-000u"}
    (tmp_path / "ascii" / "forms.txt").write_text("# forms\na01-000u 007 2 prt 7 5 52 36\n")
    samples = [sample for part in read_text_lines(tmp_path) for sample in part]
    assert {s.writer for s in samples} == {"007"}
    (tmp_path / "ascii" / "lines.txt").write_text(IAM + "a01-000u-02 ok 1 1 1 1 1 1 x\n")
    with pytest.raises(UserError, match=r"there is no lines/\*\*/a01-000u-02\.png"):
        read_text_lines(tmp_path)
    (tmp_path / "ascii" / "lines.txt").write_text("a01-000u-00 ok 154")
    with pytest.raises(UserError, match=r"lines\.txt, line 1: expected 9 columns"):
        read_text_lines(tmp_path)
