import jax
import numpy as np
import pytest

from seqmodels.cells.chrono import chrono
from seqmodels.cells.registry import CELLS
from seqmodels.errors import UserError

H, T = 200, 50


@pytest.mark.parametrize(
    ("name", "gates", "keep", "store"),
    [("gru", 3, 1, None), ("lstm", 4, 1, 0), ("min_gru", 2, None, 0), ("min_lstm", 3, 0, 1)],
)
def test_memories_span_from_one_step_to_the_longest(name, gates, keep, store):
    cell = CELLS[name](2, H)
    params = jax.jit(chrono(cell, name, T).init)(jax.random.key(0))
    bias = np.asarray(params["b"]).reshape(gates, H)
    # A gate sigma(b) forgets in 1 + e^b steps: uniform between 2 and T.
    spans = 1 + np.exp(-bias[store] if keep is None else bias[keep])
    assert 2 <= spans.min() < 4
    assert T - 2 < spans.max() <= T
    np.testing.assert_allclose(spans.mean(), (2 + T) / 2, rtol=0.1)
    if keep is not None and store is not None:
        np.testing.assert_allclose(bias[store], -bias[keep], rtol=1e-6)
    others = [gate for gate in range(gates) if gate not in (keep, store)]
    np.testing.assert_array_equal(bias[others], 0.0)
    plain = jax.eval_shape(cell.init, jax.random.key(0))
    assert jax.tree.map(np.shape, params) == jax.tree.map(np.shape, plain)


def test_a_cell_without_such_gates_is_refused():
    with pytest.raises(UserError, match=r"--cell rnn; .* gru, lstm, min_gru, min_lstm, lru"):
        chrono(CELLS["rnn"](2, 3), "rnn", 10)
