import json
import math
import re
from pathlib import Path

import jax
import matplotlib.image
import numpy as np
import pytest

from experiments.next_word.experiment import EXPERIMENT, Config
from seqmodels.cli import status
from seqmodels.train.runs.run_directory import RunDirectory

pytestmark = pytest.mark.xdist_group("next_word")  # a fixture of theirs takes long

SMOKE = ["--smoke", "--batch-size", "2", "--length", "4", "--dispatch", "2"]
SMOKE += ["--steps", "4", "--evaluate-every", "4"]
RUN = "runs/next_word/one"


def lines(seed, count):
    random = np.random.default_rng(seed)
    words = ["the", "a", "<unk>", "cat", "dog", "sat", "ran", "on", "mat"]
    return "".join(" ".join(random.choice(words, 6)) + " \n" for _ in range(count))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a corpus in PTB's format and a finished run on it."""
    folder = tmp_path_factory.mktemp("next_word")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        before = jax.config.jax_compilation_cache_dir
        Path("ptb").mkdir()
        for seed, (part, count) in enumerate((("train", 60), ("valid", 5), ("test", 4))):
            Path("ptb", f"ptb.{part}.txt").write_text(lines(seed, count))
        assert status(EXPERIMENT, [*SMOKE, "--data", "ptb", "--tied", "--name", "one"]) == 0
        yield folder
        jax.config.update("jax_compilation_cache_dir", before)


@pytest.fixture
def run(folder, monkeypatch, capsys):
    """Calls the command line in that folder: ``run(*arguments) -> (status, output, errors)``."""
    monkeypatch.chdir(folder)

    def call(*arguments):
        capsys.readouterr()
        code = status(EXPERIMENT, [str(argument) for argument in arguments])
        return code, *capsys.readouterr()

    return call


def test_every_word_but_the_first_counts_once(run, folder):
    code, _, _ = run("evaluate", RUN)
    assert code == 0
    results = json.loads((folder / RUN / "evaluation.json").read_text())
    assert results["dev"]["perplexity"] == pytest.approx(math.exp(results["dev"]["nats"]))
    assert 5 < results["test"]["perplexity"] < 30
    extras = RunDirectory(folder / RUN).extras()
    assert set(extras["vocabulary"]["symbols"]) == {
        *["the", "a", "<unk>", "cat", "dog", "sat", "ran", "on", "mat", "<eos>"]
    }


def test_a_line_is_completed(run):
    code, output, _ = run("complete", RUN, "the cat meowed on", "--likeliest", "10")
    assert code == 0
    unseen, *listed = output.splitlines()
    assert unseen == "never seen in training: meowed"
    shares = [float(line.split("%")[0]) for line in listed]
    assert shares == sorted(shares, reverse=True)
    assert sum(shares) == pytest.approx(100, abs=0.6)
    code, output, _ = run("complete", RUN, "the cat", "--words", "40")
    assert code == 0
    assert output.startswith("the cat ")
    assert len(output.replace("\n", " \n ").split(" ")) >= 42
    assert "<eos>" not in output


def test_adapting_is_told_for_both_texts(run):
    flags = ["--cache", "5", "--cache-weight", "0.1", "0.2", "--cache-focus", "0.3"]
    flags += ["--dynamic-rate", "1e-4", "--dynamic-decay", "0", "--squares", "2"]
    code, output, _ = run("adapt", RUN, *flags)
    assert code == 0
    head, *rows = output.splitlines()
    assert head.split() == ["perplexity", "dev", "test"]
    names = ["as it is", "cache", "dynamic", "both"]
    assert [next(n for n in names if row.startswith(n)) for row in rows] == names
    numbers = [[float(x) for x in re.findall(r"\d+\.\d\d", row)[:2]] for row in rows]
    assert all(2 < number < 30 for pair in numbers for number in pair)
    assert "cache_focus 0.3" in rows[1]


def test_the_embedding_is_shown(run, folder):
    code, output, _ = run("embedding", RUN, "--near", "cat", "--export", "vectors.txt")
    assert code == 0
    assert output.startswith("cat ")
    assert (folder / "vectors.txt").read_text().startswith("10 16\n")
    assert matplotlib.image.imread(folder / RUN / "embedding.png").std() > 0


def test_a_recipe_is_what_flags_begin_from(run, folder):
    flags = ["--recipe", "zaremba-small", "--hidden", "8", "--embedding", "0", "--epochs", "1"]
    code, output, _ = run(*flags, "--data", "ptb", "--model", "bag", "--batch-size", "7",
                          "--samples", "5", "--dispatch", "3", "--name", "zaremba")  # fmt: skip
    assert code == 0
    assert re.search(r"train 420, dev 35, test 28 words", output)
    config = RunDirectory(folder / "runs/next_word/zaremba").config(Config)
    steps = 419 // (7 * 20)
    assert (config.steps, config.hold_steps, config.decay_steps) == (steps, 4 * steps, steps)
    assert (config.optimizer, config.learning_rate, config.hidden) == ("sgd", 20.0, 8)
    code, _, error = run("embedding", "runs/next_word/zaremba")
    assert code == 2
    assert "has no embedding" in error


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--data", "missing"], "cannot read missing"),
        (["--data", "ptb", "--cell", "brain"], "--cell brain is unknown: choose from rnn"),
        (["--data", "ptb", "--batch-size", "2000"], "lower the batch size or length"),
        (["--data", "ptb", "--dropout", "1"], "--dropout must be 0 or more and below 1"),
        (["--data", "ptb", "--vocabulary", "1"], "--vocabulary must be 2 or more"),
        (["--data", "ptb", "--min-count", "-1"], "--min-count 1 or more"),
        (["--data", "ptb", "--epochs", "-1"], "--epochs must be 1 or more"),
        (["sweep", "--data", "ptb", "--epochs", "2"], "--epochs: "),
        (["embedding", RUN, "--near", "whale"], "--near: the model never saw 'whale'"),
        (["adapt", RUN, "--cache-weight", "1.5"], "--cache-weight must lie between 0 and 1"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_mistake_is_told_in_one_line(run, arguments, told):
    smoke = SMOKE if arguments[0].startswith("--") else []
    code, _, error = run(*smoke, *arguments)
    assert code == 2
    assert told in error
    assert error.count("\n") == 1
