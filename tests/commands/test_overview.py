"""Wrapping of an experiment's description at the width of the terminal."""

import pytest

from seqmodels.commands.overview import columns, paragraphs, wrap

TEXT = """Title: a line.

    python -m experiments.NAME                  a comment
    python -m experiments.NAME predict RUN "one two three four five"
    python -m experiments.NAME --first a b
        --second c d

A paragraph that is a little
longer than forty columns.
"""


@pytest.fixture(autouse=True)
def _narrow(monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")


def test_long_commands_continue_after_a_backslash_outside_of_quotes():
    assert wrap(TEXT).splitlines() == [
        "Title: a line.",
        "",
        "    python -m experiments.NAME",
        "        a comment",
        "    python -m experiments.NAME predict \\",
        '        RUN "one two three four five"',
        "    python -m experiments.NAME --first \\",
        "        a b --second c d",
        "",
        "A paragraph that is a little longer than",
        "forty columns.",
    ]


def test_commands_that_fit_are_not_changed(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert wrap(TEXT).splitlines()[2:6] == TEXT.splitlines()[2:6]


def test_columns_and_paragraphs_are_wrapped_with_an_indent():
    text = columns({"a": "short", "long": "a text that needs more than one line"})
    assert text.splitlines() == [
        "    a     short",
        "    long  a text that needs more than",
        "          one line",
    ]
    found = paragraphs("The first paragraph is longer than a line.\n\nThe second is not.")
    expected = [" The first paragraph is longer than a", " line.", " The second is not."]
    assert found.splitlines() == expected
