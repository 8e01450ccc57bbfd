"""Every cell of the registry, compared with its equations in float64 NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cell_equations import CASES, B, D, H, T
from parameters import random_normal, random_params

from seqmodels.cells.registry import CELLS, cell_named
from seqmodels.errors import UserError
from seqmodels.types import Linear, Structured
from seqmodels.unroll import unroll


def test_every_cell_has_equations():
    assert {name for name, _, _ in CASES} == set(CELLS)


def equation_cases():
    """Yield each cell in float64; its options, and float32, are for the exhaustive tests."""
    seen = set()
    for name, options, equations in CASES:
        for dtype in (np.float64, np.float32):
            first = dtype == np.float64 and name not in seen
            yield pytest.param(
                name,
                options,
                equations,
                dtype,
                id="-".join([name, *options, dtype.__name__]),
                marks=() if first else pytest.mark.exhaustive,
            )
        seen.add(name)


@pytest.mark.parametrize(("name", "options", "equations", "dtype"), list(equation_cases()))
def test_outputs_follow_the_equations(name, options, equations, dtype):
    with jax.enable_x64(dtype == np.float64):
        cell = CELLS[name](D, H, param_dtype=dtype, **options)
        params, xs = random_params(cell, scale=0.5), random_normal(T, B, D, dtype=dtype)
        ys, _ = jax.jit(lambda p, x: unroll(cell, p, x, engine="scan"))(params, xs)
        assert ys.dtype == dtype
    exact = jax.tree.map(lambda a: np.asarray(a, np.float64), params)
    expected = np.stack(equations(exact, np.asarray(xs, np.float64)))
    tolerance = 1e-10 if dtype == np.float64 else 1e-5
    np.testing.assert_allclose(ys, expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", CELLS)
def test_bfloat16_cells_have_float32_carries_and_parameters(name):
    cell = CELLS[name](3, 4, dtype=jnp.bfloat16)
    params = jax.eval_shape(cell.init, jax.random.key(0))
    xs = jax.ShapeDtypeStruct((5, 2, 3), jnp.bfloat16)
    ys, carry = jax.eval_shape(lambda p, x: unroll(cell, p, x), params, xs)
    assert ys.dtype == jnp.bfloat16
    assert all(leaf.dtype == jnp.float32 for leaf in jax.tree.leaves(params))
    assert all(leaf.dtype.itemsize >= 4 for leaf in jax.tree.leaves(carry))


@pytest.mark.parametrize("name", CELLS)
def test_float64_needs_64_bit_mode(name):
    with pytest.raises(UserError, match="param_dtype=float64 needs 64-bit mode"):
        CELLS[name](3, 4, param_dtype=np.float64)


def test_forms():
    structured = {name for name, make in CELLS.items() if isinstance(make(3, 4).form, Structured)}
    linear = {name for name, make in CELLS.items() if isinstance(make(3, 4).form, Linear)}
    assert linear == {"min_gru", "min_lstm", "lru", "rg_lru"}
    assert set(CELLS) - structured - linear == {"gru_before", "mgu"}


def test_an_unknown_name_is_an_error():
    assert cell_named("lstm") is CELLS["lstm"]
    with pytest.raises(UserError, match=r"--cell brain: unknown cell; choose one of rnn, irnn, "):
        cell_named("brain")
