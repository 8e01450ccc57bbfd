"""Tunes as text in ABC notation, for a language model of characters."""

from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from experiments.music.chorale_grammar import generate_chorales
from experiments.music.frames import DOWN, UP
from seqmodels.cells.registry import cell_named
from seqmodels.data.music.abc.bars import check_tune
from seqmodels.data.music.abc.playback import read_abc
from seqmodels.data.music.abc.transposition import transpose_abc
from seqmodels.data.music.abc.writer import abc_from_score
from seqmodels.data.music.rolls import Chorale, score_from_chorale
from seqmodels.data.splits import Splits, hash_split
from seqmodels.data.streams import evaluation_windows, training_windows
from seqmodels.data.text.vocabulary import Vocabulary, build_vocabulary
from seqmodels.errors import UserError
from seqmodels.models.config import RecurrentConfig
from seqmodels.models.language.counting import ngram_baselines
from seqmodels.models.language.generation import generate
from seqmodels.models.language.language_model import LanguageModel, recurrent_language_model
from seqmodels.noise import dropout
from seqmodels.train.config import FitConfig
from seqmodels.train.experiment import Data
from seqmodels.types import Params
from seqmodels.wrap import stack

FRACTIONS = (0.8, 0.1, 0.1)
LENGTH = 128  # characters in a window
EVALUATION_STREAMS = 8
EMBEDDING = 32
BETWEEN = "\n\n"  # a blank line ends a tune
BEGIN = "X:"


def read_tunes(path: str | None, count: int) -> Splits:
    """Read the tunes of a file or folder, or write generated melodies; divide them by a hash."""
    tunes = _generate_tunes(count) if path is None else _read_tunes(Path(path).expanduser())
    rows = hash_split(tunes, FRACTIONS)
    parts = Splits(*([tunes[row] for row in part] for part in rows))
    if not all(parts):
        raise UserError(f"--data {path}: {len(tunes)} tunes are too few for three splits")
    return parts


def _read_tunes(path: Path) -> list[str]:
    files = sorted(path.rglob("*.abc")) if path.is_dir() else [path]
    if not files:
        raise UserError(f"--data {path} has no .abc files")
    tunes = (_clean(tune) for file in files for tune in read_abc(file))
    return list(dict.fromkeys(tunes))


def _clean(tune: str) -> str:
    """Number all tunes alike, and leave out comments, blank lines and spaces at line ends."""
    lines = [line.rstrip() for line in tune.splitlines() if line.strip()]
    return "\n".join(["X:1", *(x for x in lines if not x.startswith(("X:", "%")))])


def _generate_tunes(count: int) -> list[str]:
    chorales = [_melody(chorale) for chorale in generate_chorales(count)]
    return list(dict.fromkeys(abc_from_score(score_from_chorale(one)).strip() for one in chorales))


def _melody(chorale: Chorale) -> Chorale:
    return chorale._replace(pitches=chorale.pitches[:, :1], name="")


def tune_data(
    parts: Splits, name: str, training: FitConfig, transpose: bool, metadata: dict | None
) -> Data:
    """Return windows of the tunes, one after the other; training has them in all keys."""
    keys = range(DOWN, UP + 1) if transpose else (0,)
    train = [transpose_abc(tune, key) if key else tune for key in keys for tune in parts.train]
    texts = Splits(*(BETWEEN.join([*part, ""]) for part in (train, parts.dev, parts.test)))
    if metadata is None:
        metadata = {"vocabulary": build_vocabulary("".join(texts)).to_dict()}
    vocabulary = Vocabulary.from_dict(metadata["vocabulary"])
    tokens = Splits(*map(vocabulary.encode, texts))
    windows = training_windows(
        tokens.train, training.batch_size, LENGTH, seed=training.seed, name="the training tunes"
    )
    held_out = partial(evaluation_windows, batch_size=EVALUATION_STREAMS, length=LENGTH)
    return Data(
        train=windows,
        dev=held_out(tokens.dev, name="the dev tunes"),
        test=held_out(tokens.test, name="the test tunes"),
        name=name,
        sizes={name: len(part) for name, part in tokens._asdict().items()},
        unit="characters",
        metadata=metadata,
        baselines=ngram_baselines(tokens, len(vocabulary)),
    )


def tune_model(network: RecurrentConfig, metadata: dict, rates: dict) -> LanguageModel:
    """Return a recurrent language model of characters."""
    sizes = [EMBEDDING] + [network.hidden] * network.layers
    make, rate = cell_named(network.cell), rates.get("dropout", 0.0)
    cell = stack(*(dropout(make(*size), outputs=rate) for size in pairwise(sizes)))
    return recurrent_language_model(cell, EMBEDDING, len(metadata["vocabulary"]["symbols"]))


def compose_tunes(
    model: LanguageModel, params: Params, vocabulary: Vocabulary, length: int, **options: Any
) -> list[str]:
    """Return tunes of at most ``length`` characters; a tune ends with a blank line.

    options: ``count``, ``seed`` and ``temperature``
    """
    pieces = list(generate(model, params, vocabulary.encode(BEGIN), length, **options))
    texts = ("".join(vocabulary.decode(row)) for row in np.concatenate(pieces).T)
    return [(BEGIN + text).split(BETWEEN)[0] for text in texts]


def valid_tunes(tunes: Sequence[str]) -> list[str]:
    """Return the tunes whose header and bars are valid."""
    return [tune for tune in tunes if not check_tune(tune)]
