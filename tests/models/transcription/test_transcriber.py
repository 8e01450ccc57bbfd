"""Transcribers: strides, dropout, and lines alone as in a batch."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seqmodels.data.ragged import Padded
from seqmodels.errors import UserError
from seqmodels.layers.convnet import ConvBlock, convolve_columns, convolved_size
from seqmodels.models.grid_encoder import GridLevel
from seqmodels.models.transcription.config import TranscriberConfig
from seqmodels.models.transcription.recognition import frame_stride
from seqmodels.models.transcription.transcriber import grid_transcriber, recurrent_transcriber

HEIGHT, SYMBOLS = 4, 5
CONFIG = TranscriberConfig(cell="rnn", layers=2, hidden=3, join=(1, 2))
BLOCKS = [ConvBlock(2, (2, 2))]
MODELS = {
    "recurrent": recurrent_transcriber(CONFIG, {"dropout": 0.5}, HEIGHT, SYMBOLS),
    "convolution": recurrent_transcriber(
        CONFIG,
        {"dropout": 0.5},
        convolved_size(HEIGHT, BLOCKS),
        SYMBOLS,
        front=convolve_columns(HEIGHT, BLOCKS),
    ),
    "grid": grid_transcriber([GridLevel((4, 2), 0, 2)], SYMBOLS, drop=0.5),
}
STRIDES = {"recurrent": 2, "convolution": 4, "grid": 2}


@pytest.mark.parametrize("name", MODELS)
def test_a_line_has_the_same_logits_alone_and_in_a_batch(name):
    model, lengths = MODELS[name], np.array([12, 5])
    mask = np.arange(12)[:, None] < lengths
    values = np.random.default_rng(0).normal(size=(12, 2, HEIGHT)).astype(np.float32)
    values[~mask] = 0.0
    params = model.init(jax.random.key(0))
    apply = jax.jit(model.apply)
    found = apply(params, Padded(values, mask))
    stride = STRIDES[name]
    assert frame_stride(model, params, Padded(values, mask)) == stride
    np.testing.assert_array_equal(found.mask.sum(axis=0), -(-lengths // stride))
    frames = -(-5 // stride)
    alone = apply(params, Padded(values[:, 1:], mask[:, 1:]))
    assert found.logits.shape[1:] == (2, SYMBOLS)
    np.testing.assert_allclose(found.logits[:frames, 1], alone.logits[:frames, 0], atol=1e-5)
    keys = (jax.random.key(1), jax.random.key(2))
    noisy = [apply(params, Padded(values, mask), key).logits for key in keys]
    assert jnp.abs(noisy[0] - noisy[1]).max() > 1e-3


def test_wrong_configs_are_refused():
    with pytest.raises(UserError, match="--join has 3 numbers for 2 layers"):
        TranscriberConfig(join=(1, 1, 1)).check()
    with pytest.raises(UserError, match="--join must be 1 or more"):
        TranscriberConfig(join=(0,)).check()
