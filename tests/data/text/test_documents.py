import pytest

from seqmodels.data.text.documents import Document, read_documents, split_documents
from seqmodels.errors import UserError


def write(folder, **files):
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


def test_byte_order_mark_and_line_breaks_are_normalized(tmp_path):
    write(tmp_path, poem=b"\xef\xbb\xbfone\r\ntw\xc3\xb6\n")
    assert read_documents(tmp_path / "poem") == [Document("poem", "one\ntwö\n")]


def test_text_files_of_a_folder_in_order_of_name(tmp_path):
    (tmp_path / "inner").mkdir()
    (tmp_path / ".git").mkdir()
    write(tmp_path / "inner", c=b"third")
    write(tmp_path / ".git", d=b"hidden")
    write(tmp_path, b=b"second", a=b"first", latin=b"\xe9t\xe9", picture=b"\0\1\2")
    (tmp_path / "z").symlink_to(tmp_path / "nowhere")
    documents = read_documents(str(tmp_path))
    assert documents == [
        Document("a", "first"),
        Document("b", "second"),
        Document("inner/c", "third"),
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"caf\xe9", "not UTF-8 text .byte 0xe9 at position 3.; convert it"),
        (b"\0\0", "is a binary file"),
        (b" \n", "is empty"),
    ],
)
def test_bad_files_are_reported(tmp_path, content, message):
    write(tmp_path, bad=content)
    with pytest.raises(UserError, match=f"bad.*{message}") as error:
        read_documents(tmp_path / "bad")
    assert "\n" not in str(error.value)


def test_missing_files_and_empty_folders_are_reported(tmp_path):
    with pytest.raises(UserError, match=r"cannot read .*nowhere: No such file"):
        read_documents(tmp_path / "nowhere")
    with pytest.raises(UserError, match="contains no UTF-8 text files"):
        read_documents(tmp_path)


def test_documents_keep_their_split_when_others_are_added():
    documents = [Document(f"{i}.py", f"<{i}>") for i in range(60)]
    before = split_documents(documents[:40], (0.6, 0.2, 0.2))
    after = split_documents(documents, (0.6, 0.2, 0.2))
    for old, new in zip(before, after, strict=True):
        assert set(old.split("\n")) <= set(new.split("\n"))
    assert sorted("\n".join(after).split("\n")) == sorted(d.text for d in documents)


def test_one_document_is_split_by_position():
    splits = split_documents([Document("poem", "0123456789")], (0.8, 0.1, 0.1))
    assert splits == ("01234567", "8", "9")
