import json
from math import isnan, nan

import pytest

from experiments.long_memory.experiment import Config
from experiments.long_memory.outcomes import Outcome, best_outcomes, outcome, verdict
from seqmodels.train.config import with_values
from seqmodels.train.runs.run_directory import RunDirectory


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ({"cell": "irnn"}, "identity"),
        ({"cell": "rnn", "clip_norm": 1e9}, "tanh, not clipped"),
        ({"cell": "gru", "chrono": True}, "gru, chrono"),
    ],
)
def test_networks_are_named_as_in_the_lecture(values, name, tmp_path):
    assert outcome(RunDirectory(tmp_path), with_values(Config(), values)).name == name


def test_the_error_is_relative_to_the_baseline(tmp_path):
    directory, config = RunDirectory(tmp_path), Config(length=20)
    assert isnan(outcome(directory, config).error)
    records = [{"split": "dev", "error": error} for error in (0.2, 1 / 60, 0.1)]
    directory.metrics_file.write_text("\n".join(map(json.dumps, records)))
    assert outcome(directory, config) == ("gru", 20, pytest.approx(0.1))
    assert verdict(0.1) == "solved"
    assert verdict(0.11) == "not solved"


def test_the_best_outcome_of_each_name_and_length_counts():
    found = [("b", 20, 0.3), ("a", 20, nan), ("b", 20, 0.1), ("b", 10, 0.2)]
    best = best_outcomes(Outcome(*each) for each in found)
    assert list(best.items()) == [(("b", 10), 0.2), (("b", 20), 0.1)]
