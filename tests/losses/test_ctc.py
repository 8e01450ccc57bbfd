"""CTC against brute force over all paths and a trellis with 2 L + 1 states in float64."""

from itertools import groupby, product

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jax.test_util import check_grads
from parameters import random_normal

from seqmodels.losses.ctc import (
    CtcLoss,
    Spans,
    ctc_alignment,
    ctc_loss,
    ctc_posteriors,
    symbol_spans,
)

T, V, L = 5, 4, 3
LABELS = [(1, 2, 3), (2, 2), (1, 1, 1), (3,), (), (1, 2, 1), (2, 2, 2), (1,), ()]
FRAMES = [5, 4, 5, 3, 2, 5, 4, 0, 0]  # (2, 2, 2) needs five frames, (1,) one
FITS = [True] * 6 + [False, False, True]
B = len(LABELS)


def collapse(path, blank=0):
    return tuple(symbol for symbol, _ in groupby(path) if symbol != blank)


def log_softmax(logits):
    logits = np.asarray(logits, np.float64)
    return logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))


def pad(rows):
    padded = np.zeros((L, len(rows)), np.int32)
    for b, row in enumerate(rows):
        padded[: len(row), b] = row
    mask = np.arange(L)[:, None] < [len(row) for row in rows]
    return jnp.asarray(padded), jnp.asarray(mask)


LOGITS = 2.0 * random_normal(T, B, V)
MASK = jnp.arange(T)[:, None] < jnp.array([FRAMES])
PADDED, LABEL_MASK = pad(LABELS)


@jax.jit
def everything(logits, mask, labels, label_mask):
    """Return loss, gradient, posteriors, alignment and spans from one program."""
    arguments = mask, labels, label_mask

    def total(logits):
        loss = ctc_loss(logits, *arguments)
        return jnp.sum(loss.nats), loss

    (_, loss), gradient = jax.value_and_grad(total, has_aux=True)(logits)
    posteriors = ctc_posteriors(logits, *arguments)
    alignment = ctc_alignment(logits, *arguments)
    return loss, gradient, posteriors, alignment, symbol_spans(alignment, posteriors)


@pytest.fixture(scope="module")
def computed():
    """Everything for ``LABELS``, with NaN and infinity in the padding."""
    junk = jnp.where(jnp.arange(V) < 2, jnp.nan, jnp.inf)[None, None]
    logits = jnp.where(MASK[..., None], LOGITS, junk)
    labels = jnp.where(LABEL_MASK, PADDED, -1)
    return jax.device_get(everything(logits, MASK, labels, LABEL_MASK))


def paths(b):
    """Return all paths that write the labels of row b, and their log-probabilities."""
    nats = log_softmax(LOGITS[: FRAMES[b], b])
    found = [p for p in product(range(V), repeat=FRAMES[b]) if collapse(p) == LABELS[b]]
    return found, np.array([sum(nats[t, s] for t, s in enumerate(path)) for path in found])


def states(path):
    """Return the index of the label in every frame of a path; -1 for blank."""
    number, before, indices = -1, 0, []
    for symbol in path:
        number += symbol not in (0, before)
        indices.append(number if symbol else -1)
        before = symbol
    return indices


def test_loss_and_posteriors_equal_brute_force(computed):
    loss, gradient, posteriors, _, _ = computed
    np.testing.assert_array_equal(loss.fits, FITS)
    assert np.isfinite(gradient).all()
    for b in range(B):
        found, scores = paths(b)
        assert bool(found) == FITS[b]
        if not found:
            assert loss.nats[b] == 0.0
            assert not gradient[:, b].any()
            continue
        total = np.logaddexp.reduce(scores)
        np.testing.assert_allclose(loss.nats[b], -total, rtol=1e-5, atol=1e-6)
        symbols, probabilities = np.zeros((T, L)), np.zeros((T, V))
        for path, weight in zip(found, np.exp(scores - total), strict=True):
            for t, (state, symbol) in enumerate(zip(states(path), path, strict=True)):
                probabilities[t, symbol] += weight
                if state >= 0:
                    symbols[t, state] += weight
        np.testing.assert_allclose(posteriors.symbols[:, :, b], symbols, atol=2e-6)
        expected = np.zeros((T, V))
        expected[: FRAMES[b]] = np.exp(log_softmax(LOGITS[: FRAMES[b], b]))
        np.testing.assert_allclose(gradient[:, b], expected - probabilities, atol=2e-6)
    sums = posteriors.symbols.sum(axis=1) + posteriors.blank
    np.testing.assert_allclose(sums, MASK, atol=1e-6)


def test_the_alignment_is_the_best_path(computed):
    _, _, posteriors, alignment, spans = computed
    for b in range(B):
        found, scores = paths(b)
        if not found:
            continue
        best = states(found[int(np.argmax(scores))])
        expected = np.arange(L) == np.array(best).reshape(-1, 1)
        np.testing.assert_array_equal(alignment.symbols[: FRAMES[b], :, b], expected)
        for n in range(L):
            inside = [t for t, state in enumerate(best) if state == n]
            first, last, confidence = (field[n, b] for field in spans)
            assert (first, last) == ((inside[0], inside[-1]) if inside else (0, -1))
            own = posteriors.symbols[inside, n, b].mean() if inside else 0.0
            np.testing.assert_allclose(confidence, own, rtol=1e-5)
    sums = alignment.symbols.sum(axis=1) + alignment.blank
    np.testing.assert_array_equal(sums, MASK)
    assert isinstance(spans, Spans)


def test_vmap_equals_the_batch(computed):
    loss, gradient, posteriors, alignment, spans = computed
    rows = [jnp.moveaxis(a, 1, 0)[:, :, None] for a in (LOGITS, MASK, PADDED, LABEL_MASK)]
    single = jax.vmap(everything)(*rows)
    np.testing.assert_allclose(single[0].nats[:, 0], loss.nats, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(single[1][:, :, 0], jnp.swapaxes(gradient, 0, 1), atol=1e-6)
    batched = jax.tree.leaves((posteriors, alignment, spans))
    for a, b in zip(jax.tree.leaves(single[2:]), batched, strict=True):
        np.testing.assert_allclose(jnp.moveaxis(a[..., 0], 0, -1), b, atol=1e-6)


def test_the_gradient_equals_finite_differences():
    def nats(logits):
        return ctc_loss(logits, MASK, PADDED, LABEL_MASK).nats

    check_grads(jax.jit(nats), (LOGITS,), order=1, modes=["rev"], eps=1e-2, atol=2e-2, rtol=2e-2)


def test_the_blank_may_be_any_symbol_and_padding_may_equal_a_label(computed):
    """Exchange the symbols 0 and 2; pad labels with symbol 2, then with the new blank."""
    order = jnp.array([2, 1, 0, 3])
    run = jax.jit(lambda *arguments: ctc_loss(*arguments, blank=2))
    for padding in (0, 2):
        labels = jnp.where(LABEL_MASK, order[PADDED], padding)
        loss = run(LOGITS[..., order], MASK, labels, LABEL_MASK)
        np.testing.assert_allclose(loss.nats, computed[0].nats, rtol=1e-5, atol=1e-6)
        np.testing.assert_array_equal(loss.fits, FITS)


def test_empty_arrays():
    run = jax.jit(ctc_loss)
    no_frames = run(LOGITS[:0], MASK[:0], PADDED, LABEL_MASK)
    np.testing.assert_array_equal(no_frames.nats, np.zeros(B))
    np.testing.assert_array_equal(no_frames.fits, [not label for label in LABELS])
    no_labels = run(LOGITS, MASK, PADDED[:0], LABEL_MASK[:0])
    blanks = np.where(MASK, log_softmax(LOGITS)[..., 0], 0.0).sum(axis=0)
    np.testing.assert_allclose(no_labels.nats, -blanks, rtol=1e-6)


def test_bfloat16_logits_are_summed_in_float32():
    def total(logits):
        return jnp.sum(ctc_loss(logits, MASK, PADDED, LABEL_MASK).nats)

    run, logits = jax.jit(jax.value_and_grad(total)), LOGITS.astype(jnp.bfloat16)
    nats, gradient = run(logits)
    assert (nats.dtype, gradient.dtype) == (jnp.float32, jnp.bfloat16)
    expected = everything(logits.astype(jnp.float32), MASK, PADDED, LABEL_MASK)
    np.testing.assert_allclose(nats, expected[0].nats.sum(), rtol=1e-6)
    np.testing.assert_allclose(gradient.astype(jnp.float32), expected[1], atol=4e-3)


def test_a_certain_recognizer_has_no_negative_loss():
    """One symbol per frame with probability one; rounding must not give a negative number."""
    certain = 200.0 * jax.nn.one_hot(jnp.array([1, 0, 1, 2, 2]), V)[:, None]
    labels, label_mask = pad([(1, 1, 2)] * B)
    loss, gradient, *_ = everything(certain + LOGITS, jnp.ones_like(MASK), labels, label_mask)
    assert (loss.nats >= 0.0).all()
    np.testing.assert_allclose(loss.nats, 0.0, atol=1e-6)
    np.testing.assert_allclose(gradient, 0.0, atol=1e-6)


def test_symbols_of_probability_zero():
    """Logits of minus infinity are usual for symbols that are excluded."""
    logits = LOGITS.at[..., 3].set(-jnp.inf)
    loss, gradient, *_ = everything(logits, MASK, PADDED, LABEL_MASK)
    assert jnp.isfinite(gradient).all()
    assert (loss.nats[jnp.array([0, 3])] > 9e3).all()
    assert (loss.nats[1:3] < 100).all()


def exact(logits, labels):
    """Return value and gradient of one row in float64: alpha and beta over 2 L + 1 states."""
    nats = log_softmax(logits)
    symbols = np.zeros(2 * len(labels) + 1, int)
    symbols[1::2] = labels
    skips = np.zeros(len(symbols), bool)
    skips[3::2] = symbols[3::2] != symbols[1:-2:2]

    def scores(nats, skips):
        found, alpha = [], np.full(len(symbols), -np.inf)
        for t, row in enumerate(nats):
            one = np.concatenate([[0.0 if t == 0 else -np.inf], alpha[:-1]])
            two = np.concatenate([[-np.inf, 0.0 if t == 0 else -np.inf], alpha[:-2]])
            two = np.where(skips | (np.arange(len(symbols)) == 1) & (t == 0), two, -np.inf)
            alpha = np.logaddexp(np.logaddexp(alpha, one), two) + row
            found.append(alpha)
        return np.array(found)

    emitted = nats[:, symbols]
    alpha = scores(emitted, skips)
    backward_skips = np.concatenate([skips[2:], [False, False]])[::-1]
    beta = scores(emitted[::-1, ::-1], backward_skips)[::-1, ::-1]
    total = np.logaddexp(alpha[-1, -1], alpha[-1, -2])
    posterior = np.exp(alpha + beta - emitted - total)
    gradient = np.exp(nats)
    np.subtract.at(gradient, (slice(None), symbols), posterior)
    return -total, gradient


def test_a_thousand_frames_equal_float64():
    frames, count, size = 1000, 100, 40
    random = np.random.default_rng(1)
    labels = random.integers(1, size, count)
    scales = (1.0, 5.0)
    logits = np.stack([s * random.normal(size=(frames, size)) for s in scales], axis=1)
    logits = logits.astype(np.float32)
    tiled = jnp.tile(jnp.asarray(labels, jnp.int32)[:, None], (1, 2))
    mask, label_mask = jnp.ones((frames, 2), bool), jnp.ones((count, 2), bool)
    loss, gradient, *_ = everything(jnp.asarray(logits), mask, tiled, label_mask)
    for b in range(2):
        value, expected = exact(logits[:, b], labels)
        np.testing.assert_allclose(loss.nats[b], value, rtol=2e-6)
        np.testing.assert_allclose(gradient[:, b], expected, atol=3e-4)


def test_two_devices_equal_one(computed):
    mesh = Mesh(np.array(jax.devices()[:2]), ("data",))
    even = [a[:, 1:] for a in (LOGITS, MASK, PADDED, LABEL_MASK)]  # eight rows
    spec = NamedSharding(mesh, PartitionSpec(None, "data"))
    loss, gradient, *_ = everything(*jax.device_put(even, spec))
    assert isinstance(loss, CtcLoss)
    assert len(gradient.sharding.device_set) == 2
    np.testing.assert_allclose(loss.nats, computed[0].nats[1:], rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(gradient, computed[1][:, 1:], atol=1e-6)
