"""The four shapes of the library, and the legend of axes that its signatures use.

=====  ==========================================================================
axis   meaning
=====  ==========================================================================
T      time; always the first axis of a sequence
B      batch; any number of batch axes is written ``*B``
D      features of an input
H      units of a hidden state
G      gates: a recurrent kernel is ``[H, G*H]``
V      symbols of a vocabulary
=====  ==========================================================================
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
from jaxtyping import Array, Bool, Float, Int, Key, Num

__all__ = [
    "Array",
    "Bool",
    "Carry",
    "Cell",
    "Composite",
    "Cotangents",
    "Float",
    "Int",
    "Key",
    "Layer",
    "Linear",
    "Noisy",
    "Num",
    "Params",
    "Pullback",
    "PyTree",
    "Structured",
    "Task",
]

Params = Any  # nested dict of arrays with short maths names
Carry = Any  # the pytree that one step hands to the next; every leaf is [*B, ...]
PyTree = Any
PRNGKey = jax.Array


class Layer(NamedTuple):
    """A map that has no time in it: ``init(key) -> params``, ``apply(params, x) -> y``."""

    init: Callable[..., Params]
    apply: Callable[..., Any]


class Cotangents(NamedTuple):
    """Cotangents of one step, or of many: of its new carry, output, projection and matmul."""

    new: Carry
    y: Any
    u: PyTree
    a: Array


class Pullback(NamedTuple):
    """How the fused engine differentiates ``update``; all but ``keep`` and ``pull`` see many steps.

    keep:      ``(params, carry, u, a) -> ((carry, y), kept)``, update and what is kept of a step
    linearise: ``(params, carry, kept) -> linear``, all that no cotangent enters
    pull:      ``(linear, dcarry, dy) -> (dcarry, du, da)`` of one step
    gather:    ``(params, carry, kept, cotangents) -> dparams``, where update reads parameters
    gates:     into how many parts of its last axis ``keep`` wants u cut; it takes u whole too
    """

    keep: Callable[..., tuple[tuple[Carry, Any], PyTree]]
    linearise: Callable[..., PyTree]
    pull: Callable[..., tuple[Carry, PyTree, Array]]
    gather: Callable[..., Params] | None = None
    gates: int = 1


class Structured(NamedTuple):
    """A cell taken apart, so that an engine can schedule its matmuls.

        step(params, carry, x) = update(p, carry, project(p, x), hidden(p, carry) @ kernel(p))
        p = prepare(params)

    ``prepare`` runs once for a whole sequence (casts, scaled columns); the four others are given
    what it returns. ``update`` works on rows: it holds the gates and no matmul.  ``kernel`` is
    ``[H, G*H]``, or ``[N, H/N, G*H/N]`` for a recurrence that is block-diagonal over N heads.
    ``project`` is also given many steps as rows, so its parameters have no batch axes.
    ``pullback`` is an optional hand-written derivative of ``update``.  ``plain`` names the cell,
    without options, that the compiled kernels know: "lstm", "gru", "rnn" or "irnn".
    """

    project: Callable[[Params, Any], PyTree]
    kernel: Callable[[Params], Array]
    hidden: Callable[[Params, Carry], Array]
    update: Callable[[Params, Carry, PyTree, Array], tuple[Carry, Any]]
    prepare: Callable[[Params], Params] = lambda params: params
    pullback: Pullback | None = None
    plain: str = ""


class Linear(NamedTuple):
    """A recurrence that is linear in its state, ``h_t = a_t * h_{t-1} + b_t``, elementwise.

    ``elements(params, x) -> (a, b)`` sees no carry, so all steps can be computed at once;
    ``read(params, h, x) -> y``.  With ``log`` set, a, b and h are logarithms of positive numbers
    and the recurrence is ``h_t = logaddexp(a_t + h_{t-1}, b_t)``.
    """

    elements: Callable[[Params, Any], tuple[Array, Array]]
    read: Callable[[Params, Array, Any], Any]
    log: bool = False


class Composite(NamedTuple):
    """Cells in cells: ``unroll(unroll_one, params, xs, carry, options) -> (ys, carry)``.

    ``unroll_one(cell, params, xs, carry, **options)`` is the library's own ``unroll``, which a
    composite calls once for each part (``wrap.py``).
    """

    unroll: Callable[..., tuple[Any, Carry]]


class Cell(NamedTuple):
    """One recurrence.  ``init``, ``start`` and ``step`` are all that a new cell needs.

    ``draw(params, key, length, batch_shape) -> (params, noise)`` belongs to stochastic cells: it
    returns the parameters of one noisy run (masks drawn once a sequence lie beside the weights)
    and noise with a leading time axis, which reaches ``step`` as ``Noisy(x, noise_t)``; ``()``
    where there is none.  ``form`` tells the engines what is known about the recurrence.
    """

    init: Callable[[PRNGKey], Params]
    start: Callable[[Params, tuple[int, ...]], Carry]
    step: Callable[[Params, Carry, Any], tuple[Carry, Any]]
    draw: Callable[..., tuple[Params, PyTree]] | None = None
    form: Structured | Linear | Composite | None = None
    size: int | None = None  # features it was built for; None where any will do


class Noisy(NamedTuple):
    """An input together with this time step's noise (see ``Cell.draw``)."""

    x: Any
    noise: PyTree


class Task(NamedTuple):
    """What an experiment hands to the trainer; every function is pure and traceable.

    ``hyper`` is a dict of float scalars that may be swept; ``memory`` is the carried state of
    truncated backprop (``()`` where there is none).  A metric is a pair ``(total, count)``, so
    that sums over batches of different sizes give exact means.

    init:    ``(key) -> params``
    loss:    ``(params, hyper, memory, batch, key) -> (loss, (memory, metrics))``
    measure: ``(params, hyper, memory, batch) -> (memory, metrics)``, deterministic, for evaluation
    memory:  ``(params, batch) -> memory`` at the start of the data
    """

    init: Callable[[PRNGKey], Params]
    loss: Callable[..., tuple[Array, tuple[PyTree, dict[str, tuple[Array, Array]]]]]
    measure: Callable[..., tuple[PyTree, dict[str, tuple[Array, Array]]]]
    memory: Callable[[Params, Any], PyTree] = lambda params, batch: ()
