from typing import Any, NamedTuple

import jax.numpy as jnp
import matplotlib.image
import numpy as np

from seqmodels.diagnostics.dynamics.activations import (
    activations,
    best_trackers,
    character_features,
    correlations,
    draw_activations,
    text_layout,
)


class Pair(NamedTuple):
    h: Any
    c: Any


TEXT = "def f(x):\n    return 'it' + \"it's\"\n\nA student's line"


def test_features_of_each_character():
    features = character_features(TEXT)
    assert features["position in line"].tolist()[:12] == [*range(10), 0, 1]
    assert "".join(np.array(list(TEXT))[features["inside quotes"] > 0]) == "'it\"it's"
    indentation = features["indentation"].tolist()
    assert indentation[:16] == [0] * 10 + [1, 2, 3, 4, 4, 4]
    assert indentation[-5:] == [0] * 5


def test_activations_are_the_carry_after_every_step():
    def step(params, carry, token):
        count = carry[1] + 1.0
        doubled = jnp.stack([token, 2 * token]) * params
        return (Pair(doubled.astype(jnp.float32), count), count), None

    start = (Pair(jnp.zeros(2), jnp.zeros(1)), jnp.zeros(1))
    states = activations(step, jnp.int32(10), start, np.array([1, 0, 2]))
    assert {name: state.tolist() for name, state in states.items()} == {
        "0.h": [[10, 20], [0, 0], [20, 40]],
        "0.c": [[1], [2], [3]],
        "1": [[1], [2], [3]],
    }


def test_the_unit_with_the_largest_correlation_is_first():
    random = np.random.default_rng(0)
    feature = random.normal(size=200).astype(np.float32)
    quiet, loud = random.normal(size=(2, 200, 6)).astype(np.float32)
    quiet[:, 4] = 3.0 - 2.0 * feature
    quiet[:, 5] = 1.0
    best, second = best_trackers({"0.h": quiet, "0.c": loud}, feature, count=2)
    assert str(best) == "0.h[4] r=-1.00"
    assert abs(second.correlation) < 0.3
    expected = [np.corrcoef(loud[:, unit], feature)[0, 1] for unit in range(6)]
    np.testing.assert_allclose(correlations(loud, feature), expected, rtol=1e-4)
    assert correlations(quiet, feature)[5] == 0.0
    assert best_trackers({"0.h": quiet}, np.ones(200, np.float32)) == []


def test_text_is_wrapped_in_lines():
    assert text_layout("ab\ncde", 2) == [(0, 0), (0, 1), (1, 0), (2, 0), (2, 1), (3, 0)]


def test_the_picture_is_red_above_zero_and_blue_below(tmp_path):
    text = " " * 40
    values = np.repeat([1.0, -1.0], 20).astype(np.float32)
    draw_activations(text, [("unit", values)], tmp_path / "a.png")
    red, _, blue = np.moveaxis(matplotlib.image.imread(tmp_path / "a.png")[..., :3], -1, 0)
    assert (red > blue + 0.3).mean() > 0.1
    assert (blue > red + 0.3).mean() > 0.1
