"""Feedback of a cell's outputs as its next inputs, where the inputs are not given."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from seqmodels.decode.sample import Draw
from seqmodels.engines.problem import inputs_of, noise_of, where, zeros_like
from seqmodels.errors import UserError
from seqmodels.types import Carry, Cell, Layer, Params, PyTree
from seqmodels.wrap_io import attach_noise, draw_noise, input_size


class FeedbackInput(NamedTuple):
    """Values, and where they are given; elsewhere the cell reads the value that it drew last.

    value:   tree of arrays ``[T, *B, ...]``; ignored where it is not given, and may be NaN there
    given:   bool ``[T, *B]``, or a tree of them: one for each value, or for each part of the tree
    context: inputs that are known at every step, ``[T, *B, ...]``
    """

    value: PyTree
    given: PyTree
    context: tuple[Any, ...] = ()


class FeedbackCarry(NamedTuple):
    """The carry of the cell, and the value that was drawn last."""

    cell: Carry
    value: PyTree


class FeedbackOutput(NamedTuple):
    """The outputs of the cell, and the value that was drawn from them."""

    output: Any
    value: PyTree


def feedback(
    cell: Cell, embed: Layer | Callable[..., Any], draw: Draw, first: PyTree = None
) -> Cell:
    """Return a cell that reads what it drew one step before, unless the value is given.

        v_t = x_t if given_t, else y_{t-1}
        h_t, z_t = cell(h_{t-1}, embed(v_t)),    y_t = draw(key_t, z_t)

    Its inputs are ``FeedbackInput`` and its outputs ``FeedbackOutput``.  If all values are given,
    this is teacher forcing.  If only the first ones are given, the cell continues a prime or a
    forecast.  If some in between are not, it fills them in.  ``unroll(key=...)`` draws at random;
    without a key, ``draw`` gets None and returns a mean or a mode.  Gradients flow through the
    values that were drawn, unless ``draw`` stops them.

    embed: ``(value, *context) -> x``.  A layer has parameters, ``{"cell": ..., "embed": ...}``;
           with a function, the params are those of the cell.
    draw:  ``(key, z) -> y``
    first: value ``[...]`` that the first step reads if none is given; default zeros

    >>> from seqmodels.unroll import unroll
    >>> def add(params, h, x):
    ...     return h + x, h + x
    >>> total = Cell(init=lambda key: (), start=lambda params, batch: jnp.zeros(batch), step=add)
    >>> cell = feedback(total, lambda v: v, lambda key, y: y, first=0.0)
    >>> history = FeedbackInput(jnp.arange(1.0, 6.0), jnp.arange(5) < 2)
    >>> unroll(cell, (), history)[0].value.tolist()  # 1 and 2 are given, then it reads its own sums
    [1.0, 3.0, 6.0, 12.0, 24.0]
    """
    wrap = _Feedback(cell, embed, draw, first)
    return Cell(wrap.init, wrap.start, wrap.step, wrap.prepare)


class _Feedback(NamedTuple):
    """The arguments of ``feedback``, and the functions of the cell that it returns."""

    cell: Cell
    embed: Layer | Callable[..., Any]
    draw: Draw
    first: PyTree

    def init(self, key: jax.Array) -> Params:
        if not isinstance(self.embed, Layer):
            return self.cell.init(key)
        key_c, key_e = jax.random.split(key)
        return {"cell": self.cell.init(key_c), "embed": self.embed.init(key_e)}

    def parts(self, params: Params) -> tuple[Params, Callable[..., Any]]:
        """Return the params of the cell, and the embedding as a function of the value."""
        if isinstance(self.embed, Layer):
            return params["cell"], partial(self.embed.apply, params["embed"])
        return params, self.embed

    def start(self, params: Params, batch_shape: tuple[int, ...]) -> FeedbackCarry:
        inner, _ = self.parts(params)
        first = self.zeros(inner) if self.first is None else self.first
        value = jax.tree.map(lambda a: jnp.broadcast_to(a, (*batch_shape, *jnp.shape(a))), first)
        return FeedbackCarry(self.cell.start(inner, batch_shape), value)

    def zeros(self, params: Params) -> PyTree:
        """Return zeros like one value, whose shape is found by tracing one step."""

        def one_step(params: Params) -> PyTree:
            x = jnp.zeros((input_size(self.cell),))
            return self.draw(None, self.cell.step(params, self.cell.start(params, ()), x)[1])

        return zeros_like(jax.eval_shape(one_step, params))

    def step(
        self, params: Params, carry: FeedbackCarry, x: Any
    ) -> tuple[FeedbackCarry, FeedbackOutput]:
        inner, embed = self.parts(params)
        inputs, (noise, key) = inputs_of(x), noise_of(x) or ((), None)
        value = _choose(inputs.given, inputs.value, carry.value)
        embedded = attach_noise(embed(value, *inputs.context), noise)
        state, output = self.cell.step(inner, carry.cell, embedded)
        drawn = self.draw(key, output)
        _check_value("drawn", drawn, carry.value)
        return FeedbackCarry(state, drawn), FeedbackOutput(output, drawn)

    def prepare(
        self, params: Params, key: Any, length: int, batch_shape: tuple[int, ...]
    ) -> tuple[Params, PyTree]:
        """Draw the noise of the cell, and the keys of all steps."""
        key_c, key_d = jax.random.split(key)
        inner, _ = self.parts(params)
        noisy, noise = draw_noise(self.cell, inner, key_c, length, batch_shape)
        params = params | {"cell": noisy} if isinstance(self.embed, Layer) else noisy
        return params, (noise, jax.random.split(key_d, length))


def _choose(given: PyTree, value: PyTree, drawn: PyTree) -> PyTree:
    """Return the value where it is given, else the one that was drawn."""
    _check_value("given", value, drawn)
    return jax.tree.map(where, given, value, drawn)


def _check_value(name: str, value: PyTree, expected: PyTree) -> None:
    """Raise a UserError if a value differs from the drawn ones in its tree, shapes or dtypes."""
    shapes, expected_shapes = (
        jax.tree.map(lambda a: (jnp.shape(a), str(jnp.result_type(a))), tree)
        for tree in (value, expected)
    )
    if shapes != expected_shapes:
        raise UserError(f"feedback: a {name} value is {shapes}; expected {expected_shapes}")
