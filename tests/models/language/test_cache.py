"""The continuous cache, compared with loops over all preceding words."""

import jax
import jax.numpy as jnp
import numpy as np

from seqmodels.cells.registry import CELLS
from seqmodels.data.streams import evaluation_windows
from seqmodels.models.language.cache import cache_task
from seqmodels.models.language.language_model import (
    language_model_task,
    recurrent_language_model,
)

V, H, N = 6, 5, 4
TEXT = np.random.default_rng(0).integers(0, V, 24).astype(np.int32)
MODEL = recurrent_language_model(CELLS["rnn"](H, H), H, V)
TASK = language_model_task(lambda rates: MODEL)
WEIGHT, FOCUS = 0.3, 0.7


@jax.jit
def hidden_and_logits(params, tokens):
    """Return the hidden states and logits of one stream."""
    start = MODEL.start(params, (1,))
    hidden, _ = MODEL.encode(params, tokens, start)
    return hidden.after_dropout, MODEL.unroll(params, tokens, start)[0]


def expected_nats(params, text):
    """Return the total cross-entropy of a text with a cache of N words."""
    h, logits = (
        np.float64(a[:, 0]) for a in hidden_and_logits(params, jnp.asarray(text[:-1, None]))
    )
    p = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    nats = 0.0
    for t, target in enumerate(text[1:]):
        probability = p[t, target]
        if t > 0:
            cache = range(max(0, t - N), t)
            scores = np.array([np.exp(FOCUS * h[t] @ h[i]) for i in cache])
            same = np.array([text[i + 1] == target for i in cache])
            cached = scores[same].sum() / scores.sum()
            probability = (1 - WEIGHT) * probability + WEIGHT * cached
        nats -= np.log(probability)
    return nats


def test_the_cache_equals_a_loop_over_preceding_words():
    params = jax.jit(MODEL.init)(jax.random.key(0))
    windows = evaluation_windows(TEXT, 2, 5)  # the last one is padded
    rates = {"cache_weight": jnp.float32(WEIGHT), "cache_focus": jnp.float32(FOCUS)}
    task = cache_task(TASK, MODEL, N)
    memory, measure = jax.jit(task.memory)(params, windows(0)), jax.jit(task.measure)
    nats = words = 0.0
    for step in range(windows.steps_per_epoch):
        memory, metrics = measure(params, rates, memory, windows(step))
        nats, words = nats + metrics["nats"].sum, words + metrics["nats"].weight
    assert words == len(TEXT) - 1
    expected = expected_nats(params, TEXT[:13]) + expected_nats(params, TEXT[12:])
    np.testing.assert_allclose(nats, expected, rtol=1e-5)
