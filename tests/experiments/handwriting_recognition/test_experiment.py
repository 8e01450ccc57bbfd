"""Handwriting recognition from the command line, on a few generated words."""

import json

import numpy as np
import pytest
from matplotlib.image import imread
from PIL import Image

from experiments.handwriting_recognition.digit_strings import digit_strings
from experiments.handwriting_recognition.experiment import EXPERIMENT
from experiments.handwriting_recognition.font_words import font_words
from seqmodels.cli import status
from seqmodels.data.strokes.strokes import split_strokes

SMALL = ["--cell", "rnn", "--layers", "1", "--join", "2", "--hidden", "8", "--batch-size", "8"]


@pytest.fixture(scope="module", autouse=True)
def folder(tmp_path_factory):
    """Work in an empty folder; jax is already configured."""
    folder = tmp_path_factory.mktemp("handwriting")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr("seqmodels.cli.prepare", lambda machine: None)
        yield folder


@pytest.fixture(scope="module")
def run(folder):
    """A network after a few steps on words as ink."""
    assert status(EXPERIMENT, ["--smoke", *SMALL]) == 0
    return folder / "runs" / "handwriting_recognition" / "001"


@pytest.fixture(scope="module")
def words(folder):
    """A file of strokes."""
    path = folder / "words.jsonl"
    lines = [
        {"text": word.text, "strokes": [s.tolist() for s in split_strokes(word.ink)]}
        for word in font_words(8).test
    ]
    path.write_text("\n".join(map(json.dumps, lines)))
    return str(path)


def test_a_search_with_all_models_writes_only_words_of_the_lexicon(run, words, folder, capsys):
    (folder / "lexicon.txt").write_text("the\nof\nlöwe\n")
    flags = ["--beam", "4", "--ngram", "2", "--lexicon", "lexicon.txt", "--phrases", "the"]
    assert status(EXPERIMENT, ["recognise", str(run), words, *flags]) == 0
    out = capsys.readouterr().out
    assert "--lexicon: left out 1 of 3 words" in out
    found = [line.split("  ")[1].strip() for line in out.splitlines() if "words.jsonl" in line]
    assert found
    assert set(found) <= {"the", "of", ""}


def test_evaluate_writes_the_error_rates_of_greedy_decoding_and_of_a_search(run, capsys):
    assert status(EXPERIMENT, ["evaluate", str(run)]) == 0
    greedy = json.loads((run / "evaluation.json").read_text())["test"]
    assert {"cer", "exact", "nats", "misfits", "blanks"} <= greedy.keys()
    flags = ["--beam", "3", "--tune", "--ngram", "2"]
    assert status(EXPERIMENT, ["evaluate", str(run), *flags]) == 0
    found = json.loads((run / "search.json").read_text())
    assert found["search"]["beam"] == 3
    assert found["test"].keys() == {"cer", "wer", "lines"}
    assert "weights" in capsys.readouterr().out


def test_errors_prints_the_rates_of_evaluate_with_intervals(run, capsys):
    assert status(EXPERIMENT, ["errors", str(run), "--worst", "2"]) == 0
    out = capsys.readouterr().out
    expected = json.loads((run / "evaluation.json").read_text())["dev"]["cer"]
    assert f"cer {expected:.4f} (" in out
    assert "most frequent errors on dev" in out
    assert "the 2 lines of dev" in out or "the 1 lines of dev" in out


def test_align_draws_the_spans_of_a_text(run, words, capsys):
    assert status(EXPERIMENT, ["align", str(run), words, "--text", "the"]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()[1:4]]
    assert [row[0] for row in rows] == list("the")
    starts, ends = ([int(row[column]) for row in rows] for column in (1, 3))
    assert all(a < b for a, b in zip(ends, starts[1:], strict=False))
    assert imread(run / "alignment.png").std() > 0.05
    assert status(EXPERIMENT, ["align", str(run), words, "--text", "?"]) == 2
    assert "the model cannot write '?'" in capsys.readouterr().err


@pytest.mark.exhaustive
def test_images_of_other_heights_are_scaled_with_a_message(folder, capsys):
    flags = ["--bundled", "digits", "--lines", "16", "--name", "images", *SMALL]
    assert status(EXPERIMENT, ["--smoke", *flags]) == 0
    path = folder / "digits.png"
    line = digit_strings(8).test[0].image
    Image.fromarray(np.uint8(255 * (1 - line))).resize((300, 77)).save(path)
    run = folder / "runs" / "handwriting_recognition" / "images"
    assert status(EXPERIMENT, ["recognise", str(run), str(path)]) == 0
    assert "to 32" in capsys.readouterr().out
    (folder / "empty.png").write_bytes(b"")
    assert status(EXPERIMENT, ["recognise", str(run), "empty.png"]) == 2
    assert "it is empty" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--data", "missing"], "there is no such file"),
        (["--bundled", "digits", "--input", "strokes"], "the data are images"),
        (["--model", "mdlstm", "--input", "strokes"], "this model reads pixels"),
        (["--join", "0"], "--join must be 1 or more"),
        (["--step", "0"], "--step must be above 0"),
    ],
)
def test_wrong_flags_are_refused_in_one_line(flags, message, capsys):
    assert status(EXPERIMENT, [*flags, "--lines", "16"]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_a_model_needs_a_beam(run, capsys):
    assert status(EXPERIMENT, ["evaluate", str(run), "--ngram", "3"]) == 2
    assert "--ngram needs a beam search" in capsys.readouterr().err
