"""The commands ``sample`` and ``inspect``."""

import matplotlib.image
import pytest

from experiments.char_generation.commands import InspectArguments, SampleArguments
from seqmodels.errors import UserError

RUN = "runs/char_generation/one"


def test_samples_continue_the_prime(command):
    flags = ["--prime", "def f", "--temperature", "0", "--count", "2", "--length", "40"]
    result = command("sample", RUN, *flags)
    assert result.status == 0
    first, second = result.out.split("\n---\n")
    assert first.startswith("def f")
    assert len(first) == len("def f") + 40
    assert second == first + "\n"


def test_a_sample_depends_only_on_its_seed(trained, command):
    """The sample at the end of training begins with the most frequent character, a space."""
    result = command("sample", RUN, "--prime", " ")
    assert len(result.out) == len(" ") + 500 + len("\n")
    assert result.out in trained.out
    assert command("sample", RUN, "--prime", " ", "--seed", "1").out not in trained.out


def test_inspect_lists_and_draws_units(trained, command):
    folder = trained.folder
    (folder / "inspected.txt").write_text((folder / "text.txt").read_text()[:300])
    result = command("inspect", RUN, "--text", "inspected.txt", "--draw", "80")
    assert result.status == 0
    lines = result.out.splitlines()
    features = ["position in line", "inside quotes", "indentation"]
    assert [line.split("  ")[0] for line in lines[:3]] == features
    assert all("r=" in line for line in lines[:3])
    assert matplotlib.image.imread(folder / RUN / "activations.png").std() > 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["sample", "runs/none"], "runs/none is not a run directory"),
        (["sample", RUN, "--prime", "déf"], "--prime: not in the vocabulary: 'é'"),
        (["sample", RUN, "--prime", ""], "--prime is empty"),
        (["sample", RUN, "--length", "0"], "--length must be 1 or more"),
        (["inspect", RUN, "--text", "missing"], "cannot read missing"),
        (["inspect", RUN, "--text", "accent"], "'é'"),
        (["inspect", RUN, "--length", "1"], "--text: no feature changes"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_errors_take_one_line(trained, command, arguments, message):
    (trained.folder / "accent").write_text("def é")
    result = command(*arguments)
    assert result.status == 2
    assert message in result.err
    assert result.err.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        {"length": 0},
        {"count": 0},
        {"temperature": -1.0},
        {"temperature": float("nan")},
        {"top_k": -1},
        {"top_p": 0.0},
        {"top_p": 1.5},
        {"prime": ""},
    ],
    ids=str,
)
def test_errors_name_the_flag_of_sample(arguments):
    (name,) = arguments
    with pytest.raises(UserError, match=f"--{name.replace('_', '-')}"):
        SampleArguments(**arguments)


@pytest.mark.parametrize("name", ["length", "draw"])
def test_errors_name_the_flag_of_inspect(name):
    with pytest.raises(UserError, match=f"--{name}"):
        InspectArguments(**{name: 0})
