"""The generated tables of results."""

import pytest

from experiments.results import BEGIN, END, documents, filled
from seqmodels.errors import UserError


def test_documents_are_up_to_date():
    stale = [path for path, text in documents().items() if path.read_text("utf-8") != text]
    assert not stale, "run python -m experiments results"


def test_a_readme_keeps_the_text_around_its_table():
    readme = f"before\n{BEGIN}\nold\n{END}\nafter\n"
    assert filled(readme, "new\n") == f"before\n{BEGIN}\nnew\n{END}\nafter\n"
    with pytest.raises(UserError, match="results"):
        filled("no markers", "new")
