"""The cache against loops over all words before, dynamic evaluation against steps by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seqmodels.cells.registry import CELLS
from seqmodels.data.streams import evaluation_windows
from seqmodels.models.language.adapt import cached_task, dynamic_task, gradient_squares, try_out
from seqmodels.models.language.language_model import language_model, language_model_task
from seqmodels.train.fit import Evaluator

V, H, N = 6, 5, 4
TEXT = np.random.default_rng(0).integers(0, V, 24).astype(np.int32)
MODEL = language_model(CELLS["rnn"](H, H), H, V)
TASK = language_model_task(lambda hyper: MODEL)
WEIGHT, FOCUS = 0.3, 0.7


@pytest.fixture(scope="module")
def params():
    return jax.jit(MODEL.init)(jax.random.key(0))


def totals(task, params, hyper, windows):
    """Nats and words of every window, with the memory carried on."""
    memory, found = jax.jit(task.memory)(params, windows(0)), []
    measure = jax.jit(task.measure)
    for step in range(windows.steps_per_epoch):
        memory, metrics = measure(params, hyper, memory, windows(step))
        found.append(metrics["nats"])
    return np.array(found).T


@jax.jit
def read(params, tokens):
    """Vectors and logits of one stream."""
    start = MODEL.start(params, (1,))
    return MODEL.read(params, tokens, start)[0].shown, MODEL.unroll(params, tokens, start)[0]


def test_the_cache_gives_a_share_to_what_followed_similar_states(params):
    windows = evaluation_windows(TEXT, 2, 5)  # the last one is shorter than its shape
    hyper = {"cache_weight": jnp.float32(WEIGHT), "cache_focus": jnp.float32(FOCUS)}
    nats, words = totals(cached_task(TASK, MODEL, N), params, hyper, windows)
    expected = 0.0
    for part in (TEXT[:13], TEXT[12:]):
        h, logits = (np.float64(a[:, 0]) for a in read(params, jnp.asarray(part[:-1, None])))
        p = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
        for t, target in enumerate(part[1:]):
            probability = p[t, target]
            if t > 0:
                near = range(max(0, t - N), t)
                scores = np.array([np.exp(FOCUS * h[t] @ h[i]) for i in near])
                hits = np.array([part[i + 1] == target for i in near])
                probability = (1 - WEIGHT) * probability + WEIGHT * scores[
                    hits
                ].sum() / scores.sum()
            expected -= np.log(probability)
    assert words.sum() == len(TEXT) - 1
    np.testing.assert_allclose(nats.sum(), expected, rtol=1e-5)


def test_dynamic_evaluation_scores_a_window_and_then_learns_from_it(params):
    windows = evaluation_windows(TEXT, 1, 8)
    squares = gradient_squares(TASK, params, {}, windows, 2)
    hyper = {"dynamic_rate": jnp.float32(0.02), "dynamic_decay": jnp.float32(0.1)}
    nats, _ = totals(dynamic_task(TASK, squares), params, hyper, windows)

    roots = jax.tree.map(np.sqrt, squares)
    flat = np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(roots)])
    now, memory = params, TASK.memory(params, windows(0))
    gradient = jax.jit(
        lambda p, m, w: jax.value_and_grad(TASK.loss, has_aux=True)(p, {}, m, w, None)
    )
    for step in range(windows.steps_per_epoch):
        (loss, (after, _)), slope = jax.device_get(gradient(now, memory, windows(step)))
        assert nats[step] == pytest.approx(loss * windows(step).mask.sum(), rel=1e-5)
        now = jax.tree.map(
            lambda p0, p, g, r: np.float32(
                p - 0.02 * g / (r + 2e-5) + np.minimum(0.1 * r / flat.mean(), 1) * (p0 - p)
            ),
            *jax.device_get((params, now, slope, roots)),
        )
        memory = after


def test_the_best_values_are_those_of_the_first_text():
    def task(number):
        def measure(params, hyper, memory, window):
            off = sum(jnp.square(hyper[name] - params) for name in ("a", "b"))
            return memory, {"nats": (off + number, jnp.float32(1.0))}

        return TASK._replace(measure=measure, memory=lambda params, window: ())

    ways = {"one": (task(0), ("a", "b")), "two": (task(2), ())}
    grid = {"a": (0.0, 1.0, 4.0), "b": (2.0, 7.0)}
    windows = evaluation_windows(TEXT, 1, 30)
    one, two = try_out(ways, jnp.float32(2.0), grid, [windows, windows])
    assert (one.name, one.values, one.nats) == ("one", {"a": 1.0, "b": 2.0}, [1.0, 1.0])
    assert (two.name, two.values, two.nats) == ("two", {}, [3.0, 3.0])


def test_a_text_is_evaluated_anew_each_time(params):
    squares = jax.tree.map(jnp.ones_like, params)
    hyper = {"dynamic_rate": jnp.float32(0.05), "dynamic_decay": jnp.float32(0.0)}
    measure, windows = Evaluator(dynamic_task(TASK, squares)), evaluation_windows(TEXT, 1, 8)
    first, second = (measure(params, hyper, windows)["nats"] for _ in range(2))
    assert first == second
