"""The types that the library is built from, and the axes in its annotations.

Everything is a pure function over pytrees, passed around in a small ``NamedTuple``:

=====  ===========================  =======================================
type   functions                    what it is
=====  ===========================  =======================================
Layer  init, apply                  a map without a time axis
Cell   init, start, step            one recurrence
Task   init, loss, measure, memory  what an experiment hands to the trainer
=====  ===========================  =======================================

Gradient transformations are optax's.  Arguments are in the order ``(params, carry, x)``, results in
the order ``(carry, y)``.

Array arguments are annotated with their axes, for example ``Float[Array, "T *B D"]``:

====  ==========================================================================
axis  meaning
====  ==========================================================================
T     time; always the first axis of a sequence
B     batch; ``*B`` is any number of batch axes
D     input features
H     hidden units
G     gates; a recurrent kernel is ``[H, G*H]``
V     vocabulary
S     source positions that attention reads
====  ==========================================================================
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key, Num

__all__ = [
    "Array",
    "Bool",
    "Carry",
    "Cell",
    "Composite",
    "Cotangents",
    "Float",
    "GateOrder",
    "GridCell",
    "Int",
    "Key",
    "Layer",
    "Linear",
    "Metrics",
    "Mixture",
    "Neighbours",
    "Noisy",
    "Num",
    "Outputs",
    "Params",
    "Pullback",
    "PyTree",
    "Structured",
    "Task",
    "Total",
]

Params = Any  # nested dict of arrays with short names from the equations
Carry = Any  # the state that one step passes to the next; every leaf is [*B, ...]
PyTree = Any
PRNGKey = jax.Array


class Layer(NamedTuple):
    """A map without a time axis.

    init:  ``(key) -> params``
    apply: ``(params, x, ...) -> y``
    """

    init: Callable[..., Params]
    apply: Callable[..., Any]


class Cell(NamedTuple):
    """One recurrence; a new cell needs only ``init``, ``start`` and ``step``.

    init:  ``(key) -> params``
    start: ``(params, batch_shape) -> carry``, the initial state
    step:  ``(params, carry, x) -> (carry, y)``, one time step
    draw:  ``(params, key, length, batch_shape) -> (params, noise)``, for stochastic cells
    form:  what the engines may know about the recurrence
    size:  number of input features, or ``None`` if any number will do
    gates: the order of the gates in ``params["b"]``, for ``chrono``

    ``draw`` prepares one noisy run.  Masks that are constant over a sequence are returned with the
    params.  Noise with a leading time axis reaches ``step`` as ``Noisy(x, noise_t)``; it is ``()``
    if there is none.
    """

    init: Callable[[PRNGKey], Params]
    start: Callable[[Params, tuple[int, ...]], Carry]
    step: Callable[[Params, Carry, Any], tuple[Carry, Any]]
    draw: Callable[..., tuple[Params, PyTree]] | None = None
    form: "Structured | Linear | Composite | None" = None
    size: int | None = None
    gates: "GateOrder | None" = None


class Neighbours(NamedTuple):
    """The states of the two predecessors of a position in a grid."""

    left: Carry
    up: Carry


class GridCell(NamedTuple):
    """One recurrence over the rows and columns of a grid (see ``grid.py``).

    init:  ``(key) -> params`` of one direction
    start: ``(params, batch_shape) -> state``, zeros: the state outside the picture
    step:  ``(params, neighbours, x) -> (state, y)``, one position of the grid
    form:  as for a cell, with ``Neighbours`` in place of the carry that ``hidden`` and ``update``
           read; the kernel multiplies what ``hidden`` returns for both of them
    size:  number of input features, or ``None`` if any number will do
    """

    init: Callable[[PRNGKey], Params]
    start: Callable[[Params, tuple[int, ...]], Carry]
    step: Callable[[Params, Neighbours, Any], tuple[Carry, Any]]
    form: "Structured | None" = None
    size: int | None = None


class Noisy(NamedTuple):
    """An input and the noise of its time step (see ``Cell.draw``)."""

    x: Any
    noise: PyTree


class GateOrder(NamedTuple):
    """Number of gates, and the positions of those that keep the state and store the input."""

    gates: int
    keep: int | None
    store: int | None


class Structured(NamedTuple):
    """A step split into matmuls and elementwise work, so that an engine can schedule the matmuls.

        step(params, carry, x) = update(p, carry, project(p, x), hidden(p, carry) @ kernel(p))
        p = prepare(params)

    project:  ``(p, x) -> u``, the part that needs no carry; also called with many steps as rows,
              so the parameters that it reads have no batch axes
    kernel:   ``(p) -> [H, G*H]``, or ``[N, H/N, G*H/N]`` if it is block-diagonal over N heads
    hidden:   ``(p, carry) -> h``, the state that the kernel multiplies
    update:   ``(p, carry, u, a) -> (carry, y)``, the gates, row by row and without a matmul
    prepare:  ``(params) -> p``, called once per sequence, for casts and scaled columns
    pullback: a hand-written derivative of ``update``
    plain:    "lstm", "gru", "rnn" or "irnn" for such a cell without options, which some engines
              have compiled kernels for
    """

    project: Callable[[Params, Any], PyTree]
    kernel: Callable[[Params], Array]
    hidden: Callable[[Params, Carry], Array]
    update: Callable[[Params, Carry, PyTree, Array], tuple[Carry, Any]]
    prepare: Callable[[Params], Params] = lambda params: params
    pullback: "Pullback | None" = None
    plain: str = ""


class Linear(NamedTuple):
    """A recurrence that is linear in its state, ``h_t = a_t * h_{t-1} + b_t``, elementwise.

    elements: ``(params, x) -> (a, b)``, for all steps at once, since it reads no carry
    read:     ``(params, h, x) -> y``
    log:      if True, a, b and h are logarithms of positive numbers, and the recurrence is
              ``h_t = logaddexp(a_t + h_{t-1}, b_t)``
    """

    elements: Callable[[Params, Any], tuple[Array, Array]]
    read: Callable[[Params, Array, Any], Any]
    log: bool = False


class Composite(NamedTuple):
    """A wrap or network of cells, each unrolled by the engine that suits it.

    unroll: ``(unroll_one, params, xs, carry, options) -> (ys, carry)``

    ``unroll_one(cell, params, xs, carry, **options)`` is ``seqmodels.unroll.unroll``, which a
    composite calls once for each of its cells (see ``wrap.py``).
    """

    unroll: Callable[..., tuple[Any, Carry]]


class Cotangents(NamedTuple):
    """The cotangents of a step's new carry, output, projection and recurrent matmul."""

    new: Carry
    y: Any
    u: PyTree
    a: Array


class Pullback(NamedTuple):
    """The derivative of ``Structured.update`` for the fused engine.

    keep:      ``(p, carry, u, a) -> ((carry, y), residuals)``, update and what its derivative needs
    linearise: ``(p, carry, residuals) -> linear``, the work that needs no cotangent; many steps
    pull:      ``(linear, dcarry, dy) -> (dcarry, du, da)``; one step
    gather:    ``(p, carry, residuals, cotangents) -> dparams``, the gradients of the parameters
               that ``update`` reads; many steps; ``None`` if it reads none
    gates:     number of parts into which ``keep`` would like u to be split along its last axis;
               it must accept u in one piece too
    """

    keep: Callable[..., tuple[tuple[Carry, Any], PyTree]]
    linearise: Callable[..., PyTree]
    pull: Callable[..., tuple[Carry, PyTree, Array]]
    gather: Callable[..., Params] | None = None
    gates: int = 1


class Total(NamedTuple):
    """A metric as a sum and the weight of its terms.

    Totals of batches of unequal size add up to an exact mean.
    """

    sum: Any  # array, or number on the host
    weight: Any

    @property
    def mean(self) -> Array:
        """Sum divided by weight; zero if nothing was counted."""
        return self.sum / jnp.where(self.weight > 0.0, self.weight, 1.0)


class Outputs(NamedTuple):
    """Outputs of a batch, for metrics that need all examples of a split at once.

    values: pytree of arrays ``[B, ...]``
    rows:   index of each example in its split; -1 in rows that only fill the shape
    """

    values: PyTree
    rows: Int[Array, "B"]


Metrics = dict[str, Total | Outputs]


class Mixture(NamedTuple):
    """How the predictions of several models are combined and measured.

    predict: ``(params, rates, memory, batch) -> (memory, prediction)`` of one model
    measure: ``(predictions, batch) -> metrics`` of their equally weighted mixture; every leaf of
             ``predictions`` has a leading axis of models
    """

    predict: Callable[..., tuple[PyTree, PyTree]]
    measure: Callable[[PyTree, Any], Metrics]


class Task(NamedTuple):
    """What an experiment hands to the trainer.

    The first four functions are pure and traceable. ``rates`` is a dict of float32 scalars: the
    numeric hyperparameters, which may be swept. ``memory`` is the recurrent state that truncated
    backpropagation carries from one batch to the next (``()`` if there is none). ``metrics`` is a
    dict of ``Total``, whose sums may be vectors; ``measure`` may also return ``Outputs``.

    init:    ``(key) -> params``
    loss:    ``(params, rates, memory, batch, key) -> (loss, (memory, metrics))``
    measure: ``(params, rates, memory, batch) -> (memory, metrics)``, deterministic, for evaluation
    memory:  ``(params, batch) -> memory`` at the start of the data

    The others run on the host, and their metrics are added to those measured.

    derive:  ``(means) -> metrics`` that follow from the means, for example a root mean square
    score:   ``(outputs) -> metrics`` of a whole split. For each name under which ``measure``
             returns ``Outputs``, ``outputs`` holds a list with the values of every example, in the
             order of the data.
    labels:  names of the entries of each metric that is a vector, for tables
    mixture: how an ensemble is measured; None if that is not defined
    """

    init: Callable[[PRNGKey], Params]
    loss: Callable[..., tuple[Array, tuple[PyTree, Metrics]]]
    measure: Callable[..., tuple[PyTree, Metrics]]
    memory: Callable[[Params, Any], PyTree] = lambda params, batch: ()
    derive: Callable[[dict[str, Any]], dict[str, Any]] = lambda means: {}
    score: Callable[[dict[str, list[PyTree]]], dict[str, Any]] = lambda outputs: {}
    labels: Mapping[str, Sequence[str]] = {}
    mixture: Mixture | None = None
