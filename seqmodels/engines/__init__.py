"""The engines of ``unroll``, and the table by which ``auto`` picks one.

======================  ===============  ====================================================
cell and device         engine           reason
======================  ===============  ====================================================
structured, 16 bits,    ``mosaic``       one kernel launch per pass; only if the weights fit
one Hopper GPU                           on chip and all clusters run in at most two waves
plain LSTM, GRU, RNN,   ``native``       multithreaded steps; only if its kernels were compiled
one CPU                                  (``python -m seqmodels.engines.native``)
structured              ``fused``        hand-written backward pass, one weight-gradient matmul
                                         per chunk
linear, GPU             ``associative``  O(log T) depth
linear, CPU             ``scan``         a few cores gain nothing from the extra work
any other               ``scan``         needs only ``step``
======================  ===============  ====================================================

``newton`` must be requested by name, because whether it is faster depends on the weights.  Only
``scan`` and ``associative`` support forward-mode differentiation (``jax.jvp``, ``jacfwd``,
``hessian``).
"""

from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

import jax

from seqmodels.engines import hopper
from seqmodels.engines.associative import Associative
from seqmodels.engines.fused import Fused
from seqmodels.engines.native.engine import Native
from seqmodels.engines.newton import Newton
from seqmodels.engines.problem import Problem
from seqmodels.engines.scan import Scan
from seqmodels.errors import UserError
from seqmodels.types import Carry


@runtime_checkable
class Engine(Protocol):
    """An algorithm that runs a cell over all time steps."""

    def refusal(self, problem: Problem) -> str | None:
        """Return why the engine cannot run a problem, or ``None`` if it can."""

    def __call__(self, problem: Problem) -> tuple[Any, Carry]:
        """Return the outputs and the final carry of a problem that it does not refuse."""
        ...


def load_mosaic() -> Any:
    """Import and return the Hopper engine; importing Pallas takes a second, so only on demand."""
    from seqmodels.engines.mosaic.engine import Mosaic

    return Mosaic()


ENGINES: dict[str, Callable[[], Engine]] = {
    "scan": Scan,
    "fused": Fused,
    "associative": Associative,
    "mosaic": load_mosaic,
    "native": Native,
    "newton": Newton,
}


def choose(engine: str | Engine, problem: Problem) -> Engine:
    """Return the requested engine; raise ``UserError`` if it cannot run the problem."""
    if engine == "auto":
        return auto(problem)
    if isinstance(engine, str) and engine not in ENGINES:
        raise UserError(f"engine={engine!r} is unknown: choose auto, {', '.join(ENGINES)}")
    chosen = ENGINES[engine]() if isinstance(engine, str) else engine
    reason = chosen.refusal(problem)
    if reason:
        raise UserError(f"engine={type(chosen).__name__.lower()!r} {reason}; use engine='auto'")
    return chosen if problem.length else Scan()


def auto(problem: Problem) -> Engine:
    """Return the engine that the table above names for a problem."""
    if not problem.length:
        return Scan()
    if hopper.on_hopper():
        mosaic = load_mosaic()
        if mosaic.refusal(problem) is None and mosaic.pays(problem):
            return mosaic
    candidates: list[Engine] = [Native(), Fused()] if jax.device_count() == 1 else [Fused()]
    if jax.default_backend() != "cpu":
        candidates.append(Associative())
    return next((engine for engine in candidates if engine.refusal(problem) is None), Scan())
