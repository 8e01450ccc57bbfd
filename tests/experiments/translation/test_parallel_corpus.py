import gzip
import io
import zipfile

import pytest

from experiments.translation.parallel_corpus import Pair, read_lines, read_pairs
from seqmodels.errors import UserError


def multi30k(folder, compress, count=4):
    for split in ("train", "val", "test_2016", "test_2017"):
        for language in ("de", "en"):
            text = "".join(f"{split} {language} {n}\n" for n in range(count))
            path = folder / f"{split}.{language}{'.gz' if compress else ''}"
            path.write_bytes(gzip.compress(text.encode()) if compress else text.encode())
    return folder


@pytest.mark.parametrize("compress", [False, True])
def test_line_aligned_files(tmp_path, compress):
    splits = read_pairs(multi30k(tmp_path, compress), ("en", "de"))
    assert splits.train[1] == Pair("train en 1", "train de 1")
    assert splits.dev[0] == Pair("val en 0", "val de 0")
    assert splits.test[3] == Pair("test_2016 en 3", "test_2016 de 3")
    assert read_pairs(tmp_path, ("de", "en"), "test_2017").test[0].source == "test_2017 de 0"


def test_a_table_in_a_zip_is_split_by_its_first_column(tmp_path):
    rows = [f"sentence {n % 60}\tphrase {n}\tCC-BY" for n in range(240)]
    with zipfile.ZipFile(tmp_path / "fra-eng.zip", "w") as archive:
        archive.writestr("__MACOSX/._fra.txt", b"\0")
        archive.writestr("fra-eng/fra.txt", "\n".join([*rows, rows[0], ""]))
    splits = read_pairs(tmp_path, ("en", "fr"))
    assert sum(map(len, splits)) == 240  # the repeated pair counts once
    sources = [{pair.source for pair in pairs} for pairs in splits]
    assert not sources[0] & sources[1]
    assert not (sources[0] | sources[1]) & sources[2]
    assert read_pairs(tmp_path / "fra-eng.zip", ("en", "fr")) == splits
    with zipfile.ZipFile(tmp_path / "fra-eng.zip") as archive:
        archive.extract("fra-eng/fra.txt", tmp_path)
    (tmp_path / "fra-eng" / "_about.txt").write_text("where it comes from")
    assert read_pairs(tmp_path / "fra-eng", ("en", "fr")) == splits


def zip_of_a_table(damaged=False, encrypted=False):
    """Return a zip file with a table, damaged or marked as encrypted."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        # A fixed time: the bytes are part of the name of a test.
        file.writestr(zipfile.ZipInfo("a.txt"), "one\tun\n" * 99, zipfile.ZIP_DEFLATED)
    content = bytearray(archive.getvalue())
    for header, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.find(header) + flags] |= encrypted
    content[35] ^= 0xFF * damaged  # the first byte after the header and the name
    return bytes(content)


def test_lines_end_only_at_newlines(tmp_path):
    (tmp_path / "lines").write_bytes("\ufeffa\u2028b\r\n\nc\x0bd".encode())
    assert read_lines(tmp_path / "lines") == ["a\u2028b", "", "c\x0bd"]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "no pair of files train.de and train.en"),
        ({"train.de": b"a\nb\n", "train.en": b"a\n"}, "has 2 lines and .* has 1"),
        ({"train.de.gz": b"a", "train.en.gz": b"a"}, "not a gzip file"),
        ({"train.de": b"\n", "train.en": b"\n"}, "no line that is filled"),
        ({"one.tsv": b"a\tb\nonly one\n"}, "one.tsv line 2"),
        ({"one.tsv": b"a\tb\n"}, "too few to split"),
        ({"one.zip": b"no zip"}, "is not a zip file"),
        ({"one.zip": zip_of_a_table(damaged=True)}, "is not a zip file, or is damaged"),
        ({"one.zip": zip_of_a_table(encrypted=True)}, "extract it yourself"),
        ({"train.de": b"\xff\xfe\n", "train.en": b"a\n"}, "not UTF-8"),
    ],
    ids=str,
)
def test_errors_name_the_file(tmp_path, files, message):
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=message):
        read_pairs(tmp_path, ("de", "en"))
