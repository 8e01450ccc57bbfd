"""The commands ``harmonise`` and ``tunes``; ``compose`` is tested with a run."""

import jax
import numpy as np
import pytest
from matplotlib.image import imread

from experiments.music.commands import (
    ComposeArguments,
    HarmoniseArguments,
    TuneArguments,
    compose,
    harmonise,
    tunes,
)
from experiments.music.experiment import EXPERIMENT, Config
from seqmodels.data.music.midi import read_midi, write_midi
from seqmodels.data.music.rolls import make_note, make_score, piece_from_score
from seqmodels.errors import UserError
from seqmodels.train.config import with_values
from seqmodels.train.runs import Run
from seqmodels.train.runs.run_directory import RunDirectory

SMALL = {"hidden": 4, "item_hidden": 3, "pieces": 4}
MELODY = [72, 74, 76, 74, 72]


def untrained(folder, form, **metadata):
    """Return a run with the initial parameters."""
    config = with_values(Config(), {**SMALL, "form": form})
    params = EXPERIMENT.model(config, metadata, {}).init(jax.random.key(0))
    return Run(EXPERIMENT, RunDirectory(folder), config, metadata, params, {}, 0)


def write_melody(path, *, is_chordal=False):
    notes = [make_note(pitch, time, 1) for time, pitch in enumerate(MELODY)]
    chord = [make_note(67, 2, 1)] if is_chordal else []
    write_midi(make_score([*notes, *chord]), path)
    return str(path)


def test_harmonise_keeps_the_melody_and_draws(tmp_path, capsys):
    run = untrained(tmp_path, "harmony", steps=1, tempo=100.0)
    path = write_melody(tmp_path / "melody.mid")
    harmonise(run, HarmoniseArguments(path, count=2))
    assert "parallel fifths" in capsys.readouterr().out
    voices = read_midi(tmp_path / "harmonised.mid")
    sounding = piece_from_score(voices, 1).frames
    assert all(sounding[time, pitch - 21] for time, pitch in enumerate(MELODY))
    assert {note.voice for note in voices.notes} > {0}
    assert imread(tmp_path / "harmonised.png").std() > 0
    chordal = write_melody(tmp_path / "chords.mid", is_chordal=True)
    with pytest.raises(UserError, match=r"chords\.mid has chords \(the first at quarter note 2\)"):
        harmonise(run, HarmoniseArguments(chordal))
    for command, arguments in ((compose, ComposeArguments()), (tunes, TuneArguments())):
        with pytest.raises(UserError, match="the run has --form harmony"):
            command(run, arguments)


def test_tunes_are_written_and_counted(tmp_path, capsys):
    run = untrained(tmp_path, "abc", vocabulary={"symbols": ["\n", "X", ":", "1"]})
    tunes(run, TuneArguments(count=3, length=20))
    assert "0 of 3 tunes have bars that add up" in capsys.readouterr().out
    written = (tmp_path / "tunes.abc").read_text()
    assert written.count("X:") >= 3
    with pytest.raises(UserError, match="the run has --form abc"):
        harmonise(run, HarmoniseArguments())


@pytest.mark.parametrize(
    ("kind", "values", "message"),
    [
        (HarmoniseArguments, {"count": 0}, "--count must be 1 or more"),
        (HarmoniseArguments, {"temperature": -1.0}, "--temperature must not be negative"),
        (TuneArguments, {"length": 0}, "--length must be 1 or more"),
        (TuneArguments, {"temperature": np.nan}, "--temperature must not be negative"),
    ],
)
def test_bad_arguments_are_one_line(kind, values, message):
    with pytest.raises(UserError, match=message):
        kind(**values)
