"""Translation from the command line: train, evaluate, translate, draw attention, and errors."""

import io
import json
import sys
from pathlib import Path

import jax
import numpy as np
import pytest
from matplotlib.image import imread
from sacrebleu import corpus_bleu

from experiments.translation.dev_bleu import greedy_translations
from experiments.translation.experiment import EXPERIMENT
from experiments.translation.pictures import draw_scores_by_length
from experiments.translation.tokenized_pairs import load_tokenizers
from seqmodels.cli import load_run, status
from seqmodels.data.ragged import pad, ragged
from seqmodels.data.text.vocabulary import END, Vocabulary
from seqmodels.train.config import with_values
from seqmodels.train.evaluator import Evaluator

NUMBERS = {"one": "un", "two": "deux", "three": "trois", "four": "quatre"}


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    return tmp_path_factory.mktemp("translation")


@pytest.fixture(autouse=True)
def _here(here, monkeypatch):
    monkeypatch.chdir(here)
    monkeypatch.setattr("seqmodels.cli.prepare", lambda machine: None)  # jax is configured already


@pytest.fixture(scope="module")
def trained(here):
    """A run that translates three numbers, trained on all 64 combinations."""
    triples = [(a, b, c) for a in NUMBERS for b in NUMBERS for c in NUMBERS]
    for split in ("train", "val", "test"):
        for language, words in (("en", dict(zip(NUMBERS, NUMBERS, strict=True))), ("fr", NUMBERS)):
            lines = (" ".join(words[word] for word in triple) + " ." for triple in triples)
            (here / f"{split}.{language}").write_text("\n".join(lines) + "\n")
    flags = ["--data", str(here), "--steps", "120", "--evaluate-every", "120", "--dispatch", "120"]
    small = ["--hidden", "16", "--embedding", "16", "--score", "16", "--buckets", "1"]
    small += ["--no-bidirectional", "--max-length", "6", "--dev-bleu"]
    rest = ["--learning-rate", "0.03", "--dropout", "0", "--runs", str(here / "runs")]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("seqmodels.cli.prepare", lambda machine: None)
        assert status(EXPERIMENT, [*flags, *small, *rest]) == 0
    return str(here / "runs/translation/001")


def test_evaluates_and_draws(trained, capsys, monkeypatch):
    other = {"words": 4.0, "bleu": 1.0, "chrf": 1.0, "accuracy": 1.0, "exact": 1.0}
    Path("other/001").mkdir(parents=True)
    Path("other/001/by_length.json").write_text(json.dumps([other]))
    names = []
    draw = lambda runs, path: names.extend(runs) or draw_scores_by_length(runs, path)  # noqa: E731
    monkeypatch.setattr("experiments.translation.pictures.draw_scores_by_length", draw)
    flags = ["--beam", "1", "--compare", "other/001"]
    assert status(EXPERIMENT, ["evaluate", trained, *flags]) == 0
    assert names == ["runs/translation/001", "other/001"]
    out = capsys.readouterr().out
    assert float(out.split("test ")[1].split("perplexity")[1].split()[0]) < 1.3
    assert "BLEU, words      100.00  nrefs:1|case:mixed|eff:no|tok:none|smooth:exp" in out
    assert "BLEU, 13a        100.00  nrefs:1|case:lc|eff:no|tok:13a|smooth:exp" in out
    assert "chrF             100.00" in out
    assert "token accuracy   100.00  %" in out
    assert "exact match      100.00  % of 64 sentences" in out
    (group,) = json.loads(Path(trained, "by_length.json").read_text())
    scores = {name: pytest.approx(100) for name in ("bleu", "chrf", "accuracy", "exact")}
    assert group == {"words": 4.0, "count": 64} | scores
    assert json.loads(Path(trained, "scores.json").read_text())["exact"] == 100
    assert Path(trained, "translations.txt").read_text().splitlines()[1] == "un un deux."
    assert imread(Path(trained, "by_length.png")).std() > 0


@pytest.mark.exhaustive
def test_bleu_on_dev_equals_sacrebleu_on_one_large_batch(trained, tmp_path):
    """Sentences of lengths that the model was not trained on, so that it makes mistakes."""
    random = np.random.default_rng(0)
    english = list(NUMBERS)
    sentences = [random.choice(english, length).tolist() for length in (1, 2, 3, 4, 5) * 9]
    for split in ("train", "val", "test"):
        for language, words in (("en", dict(zip(NUMBERS, NUMBERS, strict=True))), ("fr", NUMBERS)):
            lines = (" ".join(words[word] for word in sentence) + " ." for sentence in sentences)
            (tmp_path / f"{split}.{language}").write_text("\n".join(lines) + "\n")
    run = load_run(trained, EXPERIMENT)
    assert run.directory.records()[-1]["bleu"] > 90  # on the dev split of the training
    config = with_values(run.config, {"data": str(tmp_path), "buckets": 3})
    task, dev = EXPERIMENT.task(config, run.metadata), EXPERIMENT.data(config, run.metadata).dev
    assert dev.steps_per_epoch > 1
    record = Evaluator(task)(run.params, {}, dev)

    tokenizers = load_tokenizers(run.metadata)
    words, target = (Vocabulary(tokenizer.symbols) for tokenizer in tokenizers)
    tokens = ragged([words.encode([*sentence, "."]) for sentence in sentences])
    source = pad(tokens, np.arange(len(sentences)), 6)
    numbers = jax.jit(greedy_translations, static_argnums=(0, 3))(
        run.model, run.params, source, target
    )
    assert (np.asarray(numbers)[:, -1] == target.index[END]).all()
    found = [" ".join(target.decode(row)).split(f" {END}")[0] for row in np.asarray(numbers)]
    expected = [" ".join(NUMBERS[word] for word in sentence) + " ." for sentence in sentences]
    bleu = corpus_bleu(found, [expected], tokenize="none", force=True).score
    assert record["bleu"] == pytest.approx(bleu)
    assert 5 < bleu < 95

    flags = ["evaluate", trained, "--data", str(tmp_path), "--beam", "1"]
    assert status(EXPERIMENT, flags) == 0
    scores = json.loads(Path(trained, "scores.json").read_text())
    evaluation = json.loads(Path(trained, "evaluation.json").read_text())
    assert scores["bleu"] == pytest.approx(bleu)  # by the search of the command
    assert evaluation["test"]["bleu"] == pytest.approx(bleu)  # dev and test are the same here


def test_every_line_is_translated(trained, capsys, monkeypatch):
    lines = ["two one three.", "", "   ", "four four four .", "zebra one.", "one " * 8]
    lines += ["One two one."] * 40
    Path("in").write_text("\n".join(lines) + "\n")
    fast = ["--beam", "1"]
    assert (
        status(EXPERIMENT, ["translate", trained, "--input", "in", "--output", "out", *fast]) == 0
    )
    assert "line 6 has 8 words; only the first 6" in capsys.readouterr().err
    found = Path("out").read_text().split("\n")
    assert found[:4] == ["deux un trois.", "", "", "quatre quatre quatre."]
    assert found[6:] == ["un deux un."] * 40 + [""]
    typed = io.BytesIO(b"\nthree two one.\n\n")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(typed))
    assert status(EXPERIMENT, ["translate", trained, *fast]) == 0
    assert capsys.readouterr().out == "\ntrois deux un.\n\n"
    assert status(EXPERIMENT, ["translate", trained, "one " * 120, *fast]) == 0
    out, error = capsys.readouterr()
    assert "line 1 has 120 words; only the first 6" in error
    assert out.count("\n") == 1


def test_the_best_translations_have_scores(trained, capsys):
    flags = ["--best", "2", "--beam", "2", "--coverage-penalty", "0.2", "--block", "2"]
    assert status(EXPERIMENT, ["translate", trained, "two one three.", *flags]) == 0
    (first, text), (second, _) = (line.split("\t") for line in capsys.readouterr().out.splitlines())
    assert text == "deux un trois."
    assert float(first) > float(second)


def test_draws_the_attention(trained, capsys):
    assert status(EXPERIMENT, ["attend", trained, "two one three.", "--beam", "1"]) == 0
    assert capsys.readouterr().out.startswith("deux un trois.\n")
    assert imread(Path(trained, "alignment.png")).std() > 0


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--data", "missing"], "--data missing"),
        (["--data", ".", "--languages", "en", "xx"], "name the two languages with --languages"),
        (["--dropout", "1"], "--dropout"),
        (["--data", ".", "--attention", "dot"], "use --attention general or --no-bidirectional"),
        (["--smoothing", "1"], "--smoothing"),
        (["--pairs", "0"], "--pairs must be 1 or more"),
        (["--data", ".", "--max-length", "1"], "--max-length 1: every pair"),
        (["--test", "test_2017"], "--test test_2017 names files of a folder"),
        (["--reverse"], "add --no-bidirectional"),
        (["--attention", "none", "--feeding"], "--feeding and --coverage need attention"),
        (["--context"], "--context is for --attention none"),
        (["translate", "RUN", "--input", "missing"], "cannot read missing"),
        (["translate", "RUN", "one", "--beam", "0"], "--beam must be 1 or more"),
        (["translate", "RUN", "one", "--best", "9"], "--best"),
        (["attend", "RUN", ""], "the text is empty"),
        (["evaluate", "RUN", "--compare", "nothing", "--test", "val"], "--compare nothing"),
    ],
    ids=str,
)
def test_an_error_takes_one_line_and_leaves_nothing(trained, flags, message, capsys):
    before = set(Path("runs").rglob("*"))
    assert status(EXPERIMENT, [trained if flag == "RUN" else flag for flag in flags]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert set(Path("runs").rglob("*")) == before
