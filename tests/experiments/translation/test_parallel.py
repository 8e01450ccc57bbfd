import gzip
import io
import zipfile

import pytest

from experiments.translation.pairs import labels, learn_sides, make_sides, pair_batches, pair_fields
from experiments.translation.parallel import Pair, read_lines, read_pairs
from seqmodels.data.splits import Splits
from seqmodels.data.text.tokenizers import learn_units, make_units, tokens, untokenised
from seqmodels.errors import UserError

TEXTS = [
    "Le chat n'aime pas l'eau.",
    "Qu'est-ce que c'est ?",
    "Un t-shirt (bleu), s'il vous plaît !",
]


def multi30k(folder, packed, count=4):
    for part in ("train", "val", "test_2016", "test_2017"):
        for language in ("de", "en"):
            text = "".join(f"{part} {language} {n}\n" for n in range(count))
            path = folder / f"{part}.{language}{'.gz' if packed else ''}"
            path.write_bytes(gzip.compress(text.encode()) if packed else text.encode())
    return folder


@pytest.mark.parametrize("packed", [False, True])
def test_line_aligned_files(tmp_path, packed):
    parts = read_pairs(multi30k(tmp_path, packed), ("en", "de"))
    assert parts.train[1] == Pair("train en 1", "train de 1")
    assert parts.dev[0] == Pair("val en 0", "val de 0")
    assert parts.test[3] == Pair("test_2016 en 3", "test_2016 de 3")
    assert read_pairs(tmp_path, ("de", "en"), "test_2017").test[0].source == "test_2017 de 0"


def test_a_table_in_a_zip_is_split_by_its_first_side(tmp_path):
    rows = [f"sentence {n % 60}\tphrase {n}\tCC-BY" for n in range(240)]
    with zipfile.ZipFile(tmp_path / "fra-eng.zip", "w") as packed:
        packed.writestr("__MACOSX/._fra.txt", b"\0")
        packed.writestr("fra-eng/fra.txt", "\n".join([*rows, rows[0], ""]))
    parts = read_pairs(tmp_path, ("en", "fr"))
    assert sum(map(len, parts)) == 240  # a pair that repeats is one
    sides = [{pair.source for pair in part} for part in parts]
    assert not sides[0] & sides[1]
    assert not (sides[0] | sides[1]) & sides[2]
    assert read_pairs(tmp_path / "fra-eng.zip", ("en", "fr")) == parts
    with zipfile.ZipFile(tmp_path / "fra-eng.zip") as packed:
        packed.extract("fra-eng/fra.txt", tmp_path)
    (tmp_path / "fra-eng" / "_about.txt").write_text("where it comes from")
    assert read_pairs(tmp_path / "fra-eng", ("en", "fr")) == parts


def zipped(damaged=False, encrypted=False):
    """A table in a zip with something wrong."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
        # Bytes that name a test must not tell the time.
        file.writestr(zipfile.ZipInfo("a.txt"), "one\tun\n" * 99, zipfile.ZIP_DEFLATED)
    content = bytearray(packed.getvalue())
    for header, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.find(header) + flags] |= encrypted
    content[35] ^= 0xFF * damaged  # the first byte after the header and the name
    return bytes(content)


def test_lines_end_at_newlines_alone(tmp_path):
    (tmp_path / "lines").write_bytes("\ufeffa\u2028b\r\n\nc\x0bd".encode())
    assert read_lines(tmp_path / "lines") == ["a\u2028b", "", "c\x0bd"]


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({}, "no pair train.de, train.en"),
        ({"train.de": b"a\nb\n", "train.en": b"a\n"}, "has 2 lines and .* has 1"),
        ({"train.de.gz": b"a", "train.en.gz": b"a"}, "not packed by gzip"),
        ({"train.de": b"\n", "train.en": b"\n"}, "no sentences"),
        ({"one.tsv": b"a\tb\nonly one\n"}, "one.tsv line 2"),
        ({"one.tsv": b"a\tb\n"}, "too few to split"),
        ({"one.zip": b"no zip"}, "is no zip file"),
        ({"one.zip": zipped(damaged=True)}, "is no zip file, or damaged"),
        ({"one.zip": zipped(encrypted=True)}, "unpack it yourself"),
        ({"train.de": b"\xff\xfe\n", "train.en": b"a\n"}, "not UTF-8"),
    ],
    ids=str,
)
def test_wrong_files_are_named(tmp_path, files, told):
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=told):
        read_pairs(tmp_path, ("de", "en"))


def test_words_come_back_as_they_were():
    assert tokens(TEXTS[0]) == ["le", "chat", "n'", "aime", "pas", "l'", "eau", "."]
    for text in TEXTS:
        assert tokens(untokenised(tokens(text))) == tokens(text)
    assert untokenised(tokens(TEXTS[2])) == TEXTS[2].lower().replace(" !", "!")


@pytest.mark.parametrize("kind", ["words", "characters", "bpe"])
def test_units_take_a_text_apart_and_put_it_together(kind):
    units = make_units(learn_units(kind, TEXTS, size=80))
    assert units.symbols[:4] == ("<pad>", "<unk>", "<s>", "</s>")
    assert len(set(units.symbols)) == len(units.symbols) <= 80
    for text in TEXTS:
        symbols = units.split(text)
        assert set(symbols) <= set(units.symbols)
        assert tokens(units.join(symbols)) == tokens(text)
    if kind == "bpe":
        assert len(units.split("chat")) > 1 or "▁chat" in units.symbols


def test_fields_and_batches_hold_every_pair_once():
    pairs = [Pair(" ".join("ab"[i % 2] for i in range(n)), "c " * n) for n in range(1, 30)]
    sides = make_sides(learn_sides(pairs, "words", 1, 0))
    fields = pair_fields(Splits(pairs, pairs[:2], pairs[:3]), sides, limit=25)
    assert len(fields.train["source"].lengths) == 25
    start, end = (sides.target.symbols.index(name) for name in ("<s>", "</s>"))
    target = fields.train["target"]
    first = target.values[target.offsets[2] : target.offsets[3]]
    assert first.tolist() == [start, *[sides.target.symbols.index("c")] * 3, end]
    assert len(labels(fields.train)) == len(target.values) - 25
    assert start not in labels(fields.train)
    batches = pair_batches(fields.train, 8, buckets=3, tokens=60, seed=0)
    rows = [row for step in range(batches.steps_per_epoch) for row in batches(step).rows]
    assert sorted(row for row in rows if row >= 0) == list(range(25))
    shapes = {batches(step).fields["target"].mask.shape for step in range(batches.steps_per_epoch)}
    assert len(shapes) <= 3
    assert all(length * count <= 60 + length for length, count in shapes)
