"""Composition with a model of frames."""

import jax
import numpy as np

from experiments.music.composer import compose_frames
from experiments.music.draws import Draws
from experiments.music.frame_model import frame_model
from seqmodels.data.music.rolls import KEYS
from seqmodels.models.config import RecurrentConfig

METER = 3
NETWORK = RecurrentConfig(cell="gru", hidden=6)


def test_a_piece_is_continued_as_if_it_had_been_composed_at_once():
    model = frame_model(NETWORK, METER, "intervals", 5, 4, {})
    params = jax.tree.map(lambda a: 4.0 * a, model.init(jax.random.key(0)))
    greedy = Draws(temperature=0.0)
    nothing = np.zeros((0, KEYS), bool)
    piece = compose_frames(model, params, nothing, 9, METER, greedy)
    assert piece.shape == (9, KEYS)
    assert piece.any()
    again = compose_frames(model, params, piece[:5], 9, METER, greedy)
    np.testing.assert_array_equal(again, piece)
    drawn = compose_frames(model, params, piece[:5], 9, METER, Draws(seed=1))
    np.testing.assert_array_equal(drawn[:5], piece[:5])
    assert (drawn != piece).any()
