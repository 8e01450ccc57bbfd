import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seqmodels.cells.chrono import chrono
from seqmodels.cells.registry import CELLS
from seqmodels.errors import UserError
from seqmodels.noise import weight_drop
from seqmodels.wrap import layer_norm, stack

H, T = 200, 50
GATED = [
    ("gru", 3, 1, None),
    ("gru_before", 3, 1, None),
    ("lstm", 4, 1, 0),
    ("carry_track_lstm", 4, 1, 0),
    ("min_gru", 2, None, 0),
    ("min_lstm", 3, 0, 1),
    ("mgu", 2, None, 0),
]


@pytest.mark.parametrize(
    "gated",
    [GATED[:1], pytest.param(GATED[1:], marks=pytest.mark.exhaustive)],
    ids=["gru", "all others"],
)
def test_memories_span_from_one_step_to_the_longest(gated):
    cells = {name: CELLS[name](2, H) for name, *_ in gated}
    draw = jax.jit(lambda key: {n: chrono(c, T).init(key) for n, c in cells.items()})
    drawn = draw(jax.random.key(0))
    for name, gates, keep, store in gated:
        params = drawn[name]
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
        plain = jax.eval_shape(cells[name].init, jax.random.key(0))
        assert jax.tree.map(np.shape, params) == jax.tree.map(np.shape, plain)


@pytest.mark.parametrize("name", [name for name, *_ in GATED])
def test_the_declared_gates_keep_and_store(name):
    """Such a gate leaves the state as it was when it is saturated."""
    cell = CELLS[name](2, 3)
    gates, keep, store = cell.gates
    params = jax.eval_shape(cell.init, jax.random.key(0))
    params = jax.tree.map(lambda a: jnp.full(a.shape, 0.3, a.dtype), params)
    bias = params["b"].reshape(gates, -1)
    bias = bias if keep is None else bias.at[keep].set(40.0)
    bias = bias if store is None else bias.at[store].set(-40.0)
    start = jax.tree.map(lambda a: a + 0.2, cell.start(params, ()))
    carry, _ = cell.step(params | {"b": bias.reshape(-1)}, start, jnp.array([0.5, -1.0]))
    kept = jax.tree.leaves(carry)[-1]  # c of an LSTM, h of the others
    np.testing.assert_allclose(kept, jax.tree.leaves(start)[-1], rtol=1e-6)


@pytest.mark.parametrize(
    "cell", [CELLS["rnn"](2, 3), layer_norm(CELLS["gru"](2, 3)), stack(CELLS["gru"](2, 3))]
)
def test_a_cell_without_such_gates_is_refused(cell):
    with pytest.raises(UserError, match="chrono needs a cell with gates"):
        chrono(cell, 10)


def test_a_wrap_that_keeps_the_parameters_keeps_the_gates():
    cell = weight_drop(CELLS["lstm"](2, 3), 0.5)
    assert chrono(cell, 10).gates == cell.gates
