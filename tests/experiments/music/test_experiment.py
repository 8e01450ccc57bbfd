"""Music from the command line: one smoke run on generated chorales."""

import json

import numpy as np
import pytest
from matplotlib.image import imread

from experiments.music.experiment import EXPERIMENT
from seqmodels.cli import status
from seqmodels.data.music.midi import read_midi
from seqmodels.data.music.rolls import piece_from_score

SMOKE = [
    "--smoke",
    "--outputs",
    "intervals",
    "--steps",
    "4",
    "--evaluate-every",
    "4",
    "--dispatch",
    "4",
]


@pytest.fixture(scope="module", autouse=True)
def folder(tmp_path_factory):
    """Work in an empty folder; jax is already configured."""
    folder = tmp_path_factory.mktemp("music")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr("seqmodels.cli.prepare", lambda machine: None)
        yield folder


@pytest.fixture(scope="module")
def run(folder):
    """A run on pieces that are transposed."""
    assert status(EXPERIMENT, [*SMOKE, "--transpose"]) == 0
    return folder / "runs" / "music" / "001"


def test_the_entropy_and_all_baselines_are_printed(run, capsys):
    assert status(EXPERIMENT, ["evaluate", str(run)]) == 0
    out = capsys.readouterr().out
    assert "entropy 1.9271 nats per frame" in out
    assert "counted intervals" in out
    record = json.loads((run / "evaluation.json").read_text())
    assert 1.9271 < record["test"]["nats"] < 60


def test_compose_continues_a_primer(run, folder, capsys):
    chords = [[60, 64, 67, 72], [], [59, 62]]
    (folder / "prime.json").write_text(json.dumps(chords))
    flags = ["--prime", "prime.json", "--length", "12", "--to", "out.mid"]
    assert status(EXPERIMENT, ["compose", str(run), *flags]) == 0
    out = capsys.readouterr().out
    assert "3 given, 9 composed" in out
    assert "longest run shared with a training piece" in out
    assert imread(run / "composed.png").std() > 0
    frames = piece_from_score(read_midi(folder / "out.mid"), 1).frames
    assert [np.flatnonzero(frame).tolist() for frame in frames[:3]] == [
        [pitch - 21 for pitch in chord] for chord in chords
    ]


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--prime", "long.json", "--length", "2"], "has 3 frames, more than --length 2"),
        (["--prime", "none.json"], "none.json is not a list of frames"),
        (["--prime", "prime.txt"], "prime.txt: give a file that ends in .mid"),
        (["--to", "out.mp3", "--length", "2"], "--to out.mp3: give a .mid"),
        (["--temperature", "-1"], "--temperature must not be negative"),
        (["--length", "0"], "--length must be 1 or more"),
    ],
)
def test_bad_inputs_are_one_line(run, folder, capsys, flags, message):
    (folder / "long.json").write_text("[[60], [62], [64]]")
    assert status(EXPERIMENT, ["compose", str(run), *flags]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("none.json", "--data none.json does not exist"),
        ("data.txt", "--data data.txt: give a .json or .mat file"),
        ("empty.json", "--data empty.json has no dev pieces"),
    ],
)
def test_bad_data_is_one_line(folder, capsys, name, message):
    (folder / "data.txt").write_text("")
    (folder / "empty.json").write_text('{"train": [[[60]]], "valid": [], "test": []}')
    assert status(EXPERIMENT, ["--data", name]) == 2
    assert message in capsys.readouterr().err
