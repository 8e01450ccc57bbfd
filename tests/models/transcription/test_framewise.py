"""Framewise task and the alignments that it learns from."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import log_softmax

from seqmodels.data.batching import example_batches
from seqmodels.data.ragged import ragged
from seqmodels.models.transcription.framewise import framewise_task
from seqmodels.models.transcription.recognition import frame_symbols
from seqmodels.models.transcription.transcriber import FrameLogits, Transcriber

ALPHABET = ["<blank>", "a", "b"]
GIVEN = Transcriber(lambda key: {}, lambda params, x, key=None: FrameLogits(*map(jnp.asarray, x)))
PATHS = [[1, 1, 0, 2, 2, 0], [0, 2, 1]]
LABELS = [[1, 2], [2, 1]]


def fields():
    logits = [3 * np.eye(3, dtype=np.float32)[path] for path in PATHS]
    labels = [np.array(label, np.int32) for label in LABELS]
    return {"x": ragged(logits), "label": ragged(labels)}


def test_frames_of_an_alignment_are_those_of_the_best_path():
    batches = example_batches(fields(), 4, buckets=1)
    found = frame_symbols(GIVEN, {}, batches)
    assert [row.tolist() for row in found] == PATHS


def test_a_label_without_a_path_has_only_blanks():
    long = fields() | {"label": ragged([np.array([1] * 9, np.int32), np.array([2, 1], np.int32)])}
    found = frame_symbols(GIVEN, {}, example_batches(long, 4, buckets=1))
    assert [row.tolist() for row in found] == [[0] * 6, PATHS[1]]


def test_loss_and_accuracy_of_frames():
    symbols = [np.array([1, 1, 1, 2, 2, 0], np.int32), np.array([0, 2, 1], np.int32)]
    known = fields() | {"frames": ragged(symbols)}
    batch = example_batches(known, 4, buckets=1)(0)
    task = framewise_task(lambda rates: GIVEN, ALPHABET)
    metrics = jax.jit(task.measure)({}, {}, (), batch)[1]
    logits = 3 * np.eye(3)[np.concatenate(PATHS)]
    nats = -log_softmax(logits, axis=1)[np.arange(9), np.concatenate(symbols)].sum()
    assert float(metrics["nats"].sum) == pytest.approx(nats, rel=1e-5)
    assert (float(metrics["accuracy"].sum), float(metrics["accuracy"].weight)) == (8, 9)
    assert float(metrics["cer"].sum) == 0
