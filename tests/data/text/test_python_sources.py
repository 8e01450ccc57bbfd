import pytest

from seqmodels.data.text.python_sources import python_sources
from seqmodels.errors import UserError


def make_library(folder):
    """Create a small library with modules to read and files to exclude."""
    modules = {"abc.py": "A", "json/decoder.py": "D", "json/__init__.py": "I", "zipfile.py": "Z"}
    excluded = [
        *("json/tests/test_it.py", "test/test_abc.py", "encodings/cp1252.py", "idlelib/run.py"),
        *("site-packages/json/it.py", "_sysconfigdata__linux.py", "sitecustomize.py", "abc.txt"),
    ]
    for name, text in {**modules, **dict.fromkeys(excluded, "no")}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def test_modules_of_the_library_in_order_of_name(tmp_path):
    names = [document.name for document in python_sources(folder=make_library(tmp_path))]
    assert names == ["abc.py", "json/__init__.py", "json/decoder.py", "zipfile.py"]


def test_a_limit_keeps_whole_files(tmp_path):
    documents = python_sources(limit=3, folder=make_library(tmp_path))
    assert "".join(document.text for document in documents) == "AID"


def test_this_machines_library():
    documents = python_sources(limit=300_000)
    assert sum(len(document.text) for document in documents) <= 300_000
    assert any("def " in document.text for document in documents)
    assert documents == python_sources(limit=300_000)


def test_a_python_without_sources_is_reported(tmp_path):
    with pytest.raises(UserError, match=r"not in .*; give a text with --data FILE"):
        python_sources(folder=tmp_path)
