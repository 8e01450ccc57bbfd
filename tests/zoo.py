"""Small cells for the contract tests: every cell with its options and wraps."""

from collections.abc import Iterable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import pytest
from flax import nnx

from seqmodels.cells.learned_start import learned_start
from seqmodels.cells.registry import CELLS
from seqmodels.engines.associative import Associative
from seqmodels.engines.fused import Fused
from seqmodels.engines.scan import Scan
from seqmodels.flax import layer
from seqmodels.noise import dropout, weight_drop, zoneout
from seqmodels.types import Linear, Structured
from seqmodels.wrap import bidirectional, layer_norm, readout, residual, side_by_side, stack

D = H = 4
lstm, gru = CELLS["lstm"], CELLS["gru"]

SINGLE = CELLS | {
    "lstm_peepholes": partial(lstm, peepholes=True),
    "lstm_layer_norm": partial(lstm, layer_norm=True),
    "lstm_projection": partial(lstm, projection=3),
    "learned_start": lambda d, h, **kw: learned_start(lstm(d, h, **kw)),
    "zoneout": lambda d, h, **kw: zoneout(gru(d, h, **kw), 0.2),
    "state_dropout": lambda d, h, **kw: dropout(gru(d, h, **kw), state=0.3),
    "weight_drop": lambda d, h, **kw: weight_drop(lstm(d, h, **kw), 0.3),
}
COMPOSITE = {
    "stack": lambda d, h, **kw: stack(lstm(d, h, **kw), gru(h, h, **kw)),
    "bidirectional": lambda d, h, **kw: bidirectional(lstm(d, h, **kw)),
    "deep": lambda d, h, **kw: stack(
        bidirectional(gru(d, h, **kw)), residual(layer_norm(lstm(2 * h, 2 * h, **kw)))
    ),
    "dropout": lambda d, h, **kw: dropout(gru(d, h, **kw), inputs=0.2, outputs=0.3),
    "readout": lambda d, h, **kw: readout(lstm(d, h, **kw), layer(nnx.Linear, h, 3, **kw)),
    "side_by_side": lambda d, h, **kw: side_by_side(lstm(d, h, **kw), CELLS["lru"](d, h, **kw)),
    "step_dropout": lambda d, h, **kw: dropout(gru(d, h, **kw), outputs=0.3, locked=False),
}
ALL = SINGLE | COMPOSITE

# Chunks of two steps divide a sequence of seven into several chunks and a remainder.
SMALL = {"fused": Fused(steps=2), "associative": Associative(), "scan": Scan()}


def build(name: str, dtype=jnp.float32):
    """Return a cell and its parameters, perturbed so that none has a special value such as 0."""
    cell = ALL[name](D, H, param_dtype=dtype)
    params = cell.init(jax.random.key(0))
    leaves, tree = jax.tree.flatten(params)
    keys = jax.random.split(jax.random.key(1), len(leaves))
    perturbed = [
        a + 0.1 * jax.random.normal(k, a.shape, a.dtype) for a, k in zip(leaves, keys, strict=True)
    ]
    return cell, tree.unflatten(perturbed)


def random_carry(cell, params, batch_shape, key):
    """Return a carry that differs from the start in every element."""
    start = cell.start(params, batch_shape)
    return jax.tree.map(lambda a: a + 0.3 * jax.random.normal(key, a.shape, a.dtype), start)


def engines_for(name: str) -> list[str]:
    """Return the engines other than scan that take a single cell."""
    form = ALL[name](D, H).form
    if isinstance(form, Structured):
        return ["fused"]
    return ["associative"] if isinstance(form, Linear) else []


PAIRS = [(name, engine) for name in SINGLE for engine in engines_for(name)]
EVERY = [(name, "scan") for name in SINGLE] + PAIRS


def cases(
    names: str, values: Iterable[Any], representative: Iterable[Any], *, grouped: bool = False
):
    """Parametrise a test; values that are not representative are marked ``exhaustive``.

    With ``grouped``, the tests of one cell run on one xdist worker, which compiles it only once.
    """
    params, representative = [], list(representative)
    for value in values:
        arguments = value if isinstance(value, tuple) else (value,)
        marks = [pytest.mark.xdist_group(arguments[0])] if grouped else []
        marks += [] if value in representative else [pytest.mark.exhaustive]
        params.append(pytest.param(*arguments, marks=marks))
    return pytest.mark.parametrize(names, params)
