"""seqmodels, through ``unroll``."""

from typing import Any

import jax
import jax.numpy as jnp

from benchmarks.cases import Case, Inputs
from benchmarks.implementation import Implementation, Model, Unsupported, implement
from seqmodels.cells.registry import CELLS
from seqmodels.engines import Engine
from seqmodels.unroll import unroll
from seqmodels.wrap import bidirectional, stack


def build(case: Case, inputs: Inputs, engine: str | Engine = "auto") -> dict[str, Implementation]:
    if case.cell not in CELLS:
        raise Unsupported(f"no {case.cell}")
    make_cell: Any = CELLS[case.cell]
    size = case.hidden
    cells = [make_cell(size, size, dtype=case.dtype) for _ in range(case.layers)]
    cell = cells[0] if case.layers == 1 else stack(*cells)
    cell = bidirectional(cell) if case.bidirectional else cell
    mask = None if inputs.lengths is None else jnp.arange(case.length)[:, None] < inputs.lengths

    def make(key: jax.Array) -> Model:
        return Model(
            lambda params, xs: unroll(cell, params, xs, mask=mask, engine=engine)[0], cell.init(key)
        )

    return implement(make, case, inputs)
