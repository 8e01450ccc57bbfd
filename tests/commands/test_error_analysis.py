"""The ``errors`` command's constraints; the experiments' tests run the whole command."""

import pytest

from seqmodels.commands.error_analysis import read_constraint
from seqmodels.diagnostics.errors.constraints import Constraint
from seqmodels.errors import UserError


@pytest.mark.parametrize(
    ("text", "constraint"),
    [
        ("params<=1e6", Constraint("params", True, 1e6)),
        ("params <= 1e6", Constraint("params", True, 1e6)),
        ("latency_ms<=5", Constraint("latency_ms", True, 5.0)),
        ("params>=1000000", Constraint("params", False, 1e6)),
    ],
)
def test_constraints_are_parsed(text, constraint):
    assert read_constraint(text) == constraint


@pytest.mark.parametrize("text", ["params", "params<1e6", "speed<=3", "params<=many", "params<=-"])
def test_other_text_is_refused(text):
    with pytest.raises(UserError, match="is not understood"):
        read_constraint(text)
