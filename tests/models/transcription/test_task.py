"""Transcription task: metrics against plain Python, misfits, and a toy problem that it learns."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from seqmodels.data.batching import Batch, example_batches
from seqmodels.data.ragged import ragged
from seqmodels.decode.ctc import ctc_greedy
from seqmodels.diagnostics.errors.transcripts import count_edits
from seqmodels.losses.ctc import ctc_loss
from seqmodels.models.transcription.config import TranscriberConfig
from seqmodels.models.transcription.recognition import decode_lines, line_labels, predict_lines
from seqmodels.models.transcription.task import transcription_task
from seqmodels.models.transcription.transcriber import (
    FrameLogits,
    Transcriber,
    recurrent_transcriber,
)

ALPHABET = ["<blank>", "a", "b", " "]


def given_logits() -> Transcriber:
    """Return a model without parameters, whose logits are its inputs."""
    return Transcriber(
        lambda key: {}, lambda params, x, key=None: FrameLogits(*map(jnp.asarray, x))
    )


class Line(NamedTuple):
    """The best path of a line, and its label."""

    path: list[int]
    label: list[int]


LINES = [
    Line([1, 1, 0, 1, 2, 3], [1, 1, 2, 3]),  # "aab ", exact
    Line([1, 3, 2, 0, 0, 2], [1, 3, 1]),  # "a bb" instead of "a a"
    Line([1, 0], [1, 1, 1]),  # does not fit
    Line([0, 0, 0], [2]),
]


def batch_of(lines, sharpness=2.0):
    inputs = ragged([sharpness * np.eye(4, dtype=np.float32)[line.path] for line in lines])
    labels = ragged([np.array(line.label, np.int32) for line in lines])
    return example_batches({"x": inputs, "label": labels}, 8, buckets=1)(0)


def test_metrics_equal_those_of_plain_python():
    task = transcription_task(lambda rates: given_logits(), ALPHABET)
    batch = batch_of(LINES)
    metrics: dict[str, Any] = jax.jit(task.measure)({}, {}, (), batch)[1]
    found = {name: (float(total.sum), float(total.weight)) for name, total in metrics.items()}
    x, label = batch.fields["x"], batch.fields["label"]
    nats = ctc_loss(*map(jnp.asarray, (*x, *label))).nats
    assert found["nats"] == (pytest.approx(float(nats.sum()), rel=1e-6), 8)
    written = ["aab ", "a bb", "a", ""]
    texts = ["".join(ALPHABET[n] for n in line.label) for line in LINES]
    assert found["cer"] == (count_edits(written, texts).edits.sum(), 11)
    words = [[text.split() for text in part] for part in (written, texts)]
    assert found["wer"] == (count_edits(*words).edits.sum(), 5)
    assert found["exact"] == (1, 4)
    assert found["misfits"] == (1, 4)
    assert found["blanks"] == (7, 17)


def test_the_loss_is_per_symbol_or_per_line_and_ignores_misfits():
    batch = batch_of(LINES)
    fitting = batch_of([LINES[0], LINES[1], LINES[3]])
    for per_symbol, count in ((True, 8), (False, 3)):
        task = transcription_task(lambda rates: given_logits(), ALPHABET, per_symbol=per_symbol)
        loss, (_, metrics) = task.loss({}, {}, (), batch, jax.random.key(0))
        assert float(loss) == pytest.approx(float(metrics["nats"].sum) / count, rel=1e-6)
        again = task.loss({}, {}, (), fitting, jax.random.key(0))[0]
        assert float(loss) == pytest.approx(float(again), rel=1e-6)


def noisy_lines(random, count):
    """Return lines that write each symbol for several frames, with blanks in between."""
    codes = random.normal(size=(3, 4)).astype(np.float32) * 2
    inputs, labels = [], []
    for _ in range(count):
        label = random.integers(1, 4, random.integers(1, 5))
        path = np.concatenate([[0, *[symbol] * random.integers(2, 4)] for symbol in label])
        frames = np.where(path[:, None] > 0, codes[path - 1], 0.0)
        inputs.append((frames + 0.2 * random.normal(size=frames.shape)).astype(np.float32))
        labels.append(label.astype(np.int32))
    return {"x": ragged(inputs), "label": ragged(labels)}


def test_learns_lines_whose_alignment_is_not_given():
    random = np.random.default_rng(0)
    config = TranscriberConfig(cell="rnn", layers=1, hidden=16, join=(1,))
    model = recurrent_transcriber(config, {}, 4, 4)
    task = transcription_task(lambda rates: model, ALPHABET)
    batches = example_batches(noisy_lines(random, 128), 32, buckets=1)
    optimizer = optax.rmsprop(0.01, momentum=0.5)

    @jax.jit
    def step(state, batch: Batch):
        params, moments = state
        gradient = jax.grad(lambda p: task.loss(p, {}, (), batch, jax.random.key(0))[0])(params)
        updates, moments = optimizer.update(gradient, moments)
        return optax.apply_updates(params, updates), moments

    params = task.init(jax.random.key(0))
    state = params, optimizer.init(params)
    for number in range(120):
        state = step(state, batches(number))
    lines = predict_lines(model, state[0], batches)
    found = decode_lines(lines, jax.jit(lambda frames: ctc_greedy(*frames)))
    labels = line_labels(batches)
    edits, lengths = count_edits(found, labels)
    assert edits.sum() / lengths.sum() < 0.02
    measured = jax.jit(task.measure)(state[0], {}, (), batches(0))[1]
    expected = count_edits(found[:32], labels[:32]).edits.sum()
    assert float(measured["cer"].sum) == expected
