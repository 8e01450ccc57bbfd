import jax
import jax.numpy as jnp
import matplotlib.image
import numpy as np

from seqmodels.cells import CELLS
from seqmodels.diagnostics.activations import (
    activations,
    correlations,
    draw_activations,
    features,
    layout,
    trackers,
)
from seqmodels.wrap import stack

TEXT = "def f(x):\n    return 'it' + \"it's\"\n\nA student's line"


def test_features_are_what_a_reader_sees():
    seen = features(TEXT)
    assert seen["position in line"].tolist()[:12] == [*range(10), 0, 1]
    assert "".join(np.array(list(TEXT))[seen["inside quotes"] > 0]) == "'it\"it's"
    indentation = seen["indentation"].tolist()
    assert indentation[:16] == [0] * 10 + [1, 2, 3, 4, 4, 4]
    assert indentation[-5:] == [0] * 5


def test_activations_are_the_carry_after_every_step():
    cell = stack(CELLS["lstm"](3, 4), CELLS["gru"](4, 5))
    params = cell.init(jax.random.key(0))
    table, tokens = jnp.eye(3), jnp.array([0, 2, 1])

    def step(carry, token):
        return cell.step(params, carry, table[token])

    states = activations(step, cell.start(params, ()), tokens)
    assert {name: state.shape for name, state in states.items()} == {
        "0.h": (3, 4), "0.c": (3, 4), "1": (3, 5)
    }  # fmt: skip
    carry = cell.start(params, ())
    for time, token in enumerate(tokens):
        carry, _ = step(carry, token)
        np.testing.assert_allclose(states["0.c"][time], carry[0].c, rtol=1e-5)
        np.testing.assert_allclose(states["1"][time], carry[1], rtol=1e-5)


def test_the_unit_that_tracks_a_feature_is_found():
    random = np.random.default_rng(0)
    feature = random.normal(size=200).astype(np.float32)
    quiet, loud = random.normal(size=(2, 200, 6)).astype(np.float32)
    quiet[:, 4] = 3.0 - 2.0 * feature
    quiet[:, 5] = 1.0
    best, second = trackers({"0.h": quiet, "0.c": loud}, feature, count=2)
    assert (best.name, round(best.correlation, 4)) == ("0.h[4]", -1.0)
    assert abs(second.correlation) < 0.3
    expected = [np.corrcoef(loud[:, unit], feature)[0, 1] for unit in range(6)]
    np.testing.assert_allclose(correlations(loud, feature), expected, rtol=1e-4)
    assert correlations(quiet, feature)[5] == 0.0
    assert trackers({"0.h": quiet}, np.ones(200, np.float32)) == []


def test_text_is_laid_out_in_lines():
    assert layout("ab\ncde", 2) == [(0, 0), (0, 1), (1, 0), (2, 0), (2, 1), (3, 0)]


def test_the_picture_is_red_above_zero_and_blue_below(tmp_path):
    text = " " * 20
    values = np.repeat([1.0, -1.0], 10).astype(np.float32)
    draw_activations(text, [("unit", values)], tmp_path / "a.png")
    red, _, blue = np.moveaxis(matplotlib.image.imread(tmp_path / "a.png")[..., :3], -1, 0)
    assert (red > blue + 0.3).mean() > 0.2
    assert (blue > red + 0.3).mean() > 0.2
