"""The engines, and the table by which ``auto`` picks one.

======================  ===============  ==============================================
cell                    engine           why
======================  ===============  ==============================================
structured, 16 bits,    ``mosaic``       one kernel; where it takes the cell and the
on one Hopper GPU                        device has room for half of the batch at once
plain LSTM, GRU, RNN,   ``native``       the steps on all cores; where its kernels were
one CPU                                  compiled (``python -m seqmodels.engines.native``)
structured              ``fused``        own backward pass, no per-step weight sums
linear, GPU             ``associative``  O(log T) depth
linear, CPU             ``scan``         two cores gain nothing from the extra work
any other               ``scan``         needs nothing but ``step``
======================  ===============  ==============================================

``newton`` must be asked for by name, since whether it pays depends on the weights.  It, ``mosaic``,
``native`` and ``fused`` have no forward mode: ask for ``scan`` under ``jax.jvp``, ``jacfwd`` or
``hessian``.
"""

from typing import Any, Protocol, runtime_checkable

import jax
import jax.numpy as jnp

from seqmodels.engines.associative import Associative
from seqmodels.engines.fused import Fused
from seqmodels.engines.mosaic import Mosaic
from seqmodels.engines.native.engine import Native
from seqmodels.engines.newton import Newton
from seqmodels.engines.problem import Problem
from seqmodels.engines.scan import Scan
from seqmodels.errors import UserError
from seqmodels.types import Carry, Linear, Structured


@runtime_checkable
class Engine(Protocol):
    """Solves a problem that ``refusal`` found nothing against."""

    def __call__(self, problem: Problem) -> tuple[Any, Carry]: ...


ENGINES: dict[str, Engine] = {
    "scan": Scan(),
    "fused": Fused(),
    "associative": Associative(),
    "mosaic": Mosaic(),
    "native": Native(),
    "newton": Newton(),
}


def choose(engine: str | Engine, problem: Problem) -> Engine:
    """The engine that was asked for, refused where it cannot run this problem."""
    if engine == "auto":
        return auto(problem)
    if isinstance(engine, str) and engine not in ENGINES:
        raise UserError(f"engine={engine!r} is unknown: choose auto, {', '.join(ENGINES)}")
    chosen = ENGINES[engine] if isinstance(engine, str) else engine
    reason = refusal(chosen, problem)
    if reason:
        raise UserError(f"engine={type(chosen).__name__.lower()!r} {reason}; use engine='auto'")
    return chosen if problem.length else Scan()


def auto(problem: Problem) -> Engine:
    """The engine of the table above."""
    if not problem.length:
        return Scan()
    mosaic = Mosaic()
    if refusal(mosaic, problem) is None and mosaic.pays(problem):
        return mosaic
    preferred: list[Engine] = [Native(), Fused()] if jax.device_count() == 1 else [Fused()]
    if jax.default_backend() != "cpu":
        preferred.append(Associative())
    return next((engine for engine in preferred if refusal(engine, problem) is None), Scan())


def refusal(engine: Engine, problem: Problem) -> str | None:
    """Why an engine cannot run a problem; ``None`` where it can."""
    form = problem.cell.form
    if isinstance(engine, Newton):
        return engine.refusal(problem)
    if isinstance(engine, Fused | Native | Mosaic):
        if not isinstance(form, Structured):
            return "needs a structured cell (Cell.form), which this one is not"
        if not all(jnp.issubdtype(a.dtype, jnp.floating) for a in jax.tree.leaves(problem.carry)):
            return "needs a carry of floating-point arrays"
    if isinstance(engine, Native | Mosaic):
        return engine.refusal(problem)
    if isinstance(engine, Associative):
        if not isinstance(form, Linear):
            return "needs a cell that is linear in its state (minGRU, minLSTM, LRU, RG-LRU)"
        if problem.clip is not None:
            return "has no steps at which clip_gradient could act"
    return None
