"""LSTM, with peepholes, layer normalisation and projection as options."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp

from seqmodels.cells.arithmetic import (
    DType,
    at_least_float32,
    bias_gradients,
    broadcast_rows,
    check_dtype,
    gate_scale,
    matmul,
    normalise,
    split_gates,
    tanh_to_sigmoid,
)
from seqmodels.cells.forms import structured_cell
from seqmodels.cells.initializers import Initializer, gate_init, glorot, orthogonal, zeros
from seqmodels.types import Array, Cell, Cotangents, Float, GateOrder, Params, Pullback, Structured


class LSTMCarry(NamedTuple):
    """Output and cell state."""

    h: Float[Array, "*B P"]
    c: Float[Array, "*B H"]


def lstm(
    inputs: int,
    hidden: int,
    *,
    forget_bias: float = 1.0,
    peepholes: bool = False,
    layer_norm: bool = False,
    projection: int | None = None,
    kernel_init: Initializer = glorot,
    recurrent_init: Initializer = orthogonal,
    bias_init: Initializer = zeros,
    dtype: DType | None = None,
    param_dtype: DType = jnp.float32,
) -> Cell:
    """LSTM of Hochreiter and Schmidhuber (1997) with the forget gate of Gers et al. (2000).

        z = W_x x_t + W_h h_{t-1} + b
        i = sigma(z_i)   f = sigma(z_f)   g = tanh(z_g)   o = sigma(z_o)
        c_t = f * c_{t-1} + i * g
        h_t = o * tanh(c_t)

    ``peepholes`` (Graves 2013, arXiv:1308.0850): add p * c_{t-1} to z_i and z_f, p * c_t to z_o.
    ``layer_norm`` (Ba et al. 2016, arXiv:1607.06450): z = LN(W_x x) + LN(W_h h) + b and
    h = o * tanh(LN(c)).  ``projection`` (Sak et al. 2014): h_t = W_p (o * tanh(c_t)).
    Gates are in the order i, f, g, o.
    """
    param_dtype = check_dtype(param_dtype)
    width = projection or hidden

    def init(key: jax.Array) -> Params:
        key_x, key_h, key_b, key_p = jax.random.split(key, 4)
        bias = bias_init(key_b, (4 * hidden,), param_dtype)
        params: Params = {
            "wx": gate_init(kernel_init, key_x, inputs, hidden, 4, param_dtype),
            "wh": gate_init(recurrent_init, key_h, width, hidden, 4, param_dtype),
            "b": bias.at[hidden : 2 * hidden].add(jnp.asarray(forget_bias, param_dtype)),
        }
        if peepholes:
            params["p"] = jnp.zeros((3, hidden), param_dtype)
        if layer_norm:
            ones = jnp.ones((4 * hidden,), param_dtype)
            params["ln"] = {"x": ones, "h": ones, "c": jnp.ones((hidden,), param_dtype)}
        if projection:
            params["wp"] = kernel_init(key_p, (hidden, projection), param_dtype)
        return params

    def start(params: Params, batch_shape: tuple[int, ...]) -> LSTMCarry:
        sizes, state_dtype = (width, hidden), at_least_float32(param_dtype)
        return LSTMCarry(*(jnp.zeros((*batch_shape, size), state_dtype) for size in sizes))

    plain = not (peepholes or layer_norm or projection)
    form = Structured(
        project=_project,
        kernel=lambda params: params["wh"],
        hidden=lambda params, carry: carry.h,
        update=_update,
        prepare=partial(_prepare, dtype=jnp.dtype(dtype or param_dtype)),
        pullback=Pullback(_keep, _linearise, _pull, _gather) if plain else None,
        plain="lstm" if plain else "",
    )
    cell = structured_cell(init, start, form, inputs)
    return cell._replace(gates=GateOrder(4, keep=1, store=0))


# An option is on where its parameters exist: "p" peepholes, "ln" layer norm, "wp" projection.


def _prepare(params: Params, dtype: DType) -> Params:
    """Scale the columns of the sigmoid gates and cast the matrices."""
    hidden = params["wh"].shape[-1] // 4
    scale = gate_scale(hidden, 4, linear=(2,)).astype(params["b"].dtype)
    prepared = params | {"b": params["b"] * scale}
    if "ln" in params:
        gains = params["ln"]
        prepared["ln"] = gains | {"x": gains["x"] * scale, "h": gains["h"] * scale}
    else:
        for name in ("wx", "wh"):
            prepared[name] = params[name] * broadcast_rows(scale, params[name])
    if "p" in params:
        prepared["p"] = 0.5 * params["p"]
    matrices = [name for name in ("wx", "wh", "wp") if name in params]
    return prepared | {name: prepared[name].astype(dtype) for name in matrices}


def _project(params: Params, x: Float[Array, "*B D"]) -> Float[Array, "*B GH"]:
    u = matmul(x, params["wx"])
    return normalise(u) * broadcast_rows(params["ln"]["x"], u) if "ln" in params else u


def _gates(params: Params, c: Array, u: Array, a: Array) -> Float[Array, "*B GH"]:
    """Return tanh of all pre-activations, except z_o with peepholes, which also reads c_t."""
    if "ln" in params:
        a = normalise(a) * broadcast_rows(params["ln"]["h"], a)
    z = u + a
    z = z + broadcast_rows(params["b"], z)
    if "p" not in params:
        return jnp.tanh(z)
    hidden = c.shape[-1]
    peepholes = [broadcast_rows(p, c) * c for p in params["p"][:2]]
    early = jnp.tanh(z[..., : 2 * hidden] + jnp.concatenate(peepholes, axis=-1))
    candidate = jnp.tanh(z[..., 2 * hidden : 3 * hidden])
    return jnp.concatenate([early, candidate, z[..., 3 * hidden :]], axis=-1)


def _update(params: Params, carry: LSTMCarry, u: Array, a: Array) -> tuple[LSTMCarry, Array]:
    i, f, g, o = split_gates(_gates(params, carry.c, u, a), 4)
    c = tanh_to_sigmoid(f) * carry.c + tanh_to_sigmoid(i) * g
    if "p" in params:
        o = jnp.tanh(o + broadcast_rows(params["p"][2], c) * c)
    normed = normalise(c) * broadcast_rows(params["ln"]["c"], c) if "ln" in params else c
    h = tanh_to_sigmoid(o) * jnp.tanh(normed)
    if "wp" in params:
        h = matmul(h, params["wp"])
    return LSTMCarry(h, c), h.astype(params["wh"].dtype)


# The pullback of the plain LSTM


class LSTMResiduals(NamedTuple):
    """The values of a step that its derivatives need."""

    gates: Float[Array, "*B GH"]  # outputs of the tanh
    tanh_c: Float[Array, "*B H"]  # tanh(c_t)


class LSTMDerivatives(NamedTuple):
    """The derivatives of c_t and h_t, for many steps at once."""

    gates: Float[Array, "*K GH"]  # d(c, c, c, h) / dz, gate by gate
    forget: Float[Array, "*K H"]  # dc_t / dc_{t-1}
    output: Float[Array, "*K H"]  # dh_t / dc_t


def _keep(params: Params, carry: LSTMCarry, u: Array, a: Array) -> tuple[tuple, LSTMResiduals]:
    """Return the result of ``_update`` for the plain LSTM, and the residuals."""
    z = u + a
    t = jnp.tanh(z + broadcast_rows(params["b"], z))
    i, f, g, o = split_gates(t, 4)
    c = tanh_to_sigmoid(f) * carry.c + tanh_to_sigmoid(i) * g
    tanh_c = jnp.tanh(c)
    h = tanh_to_sigmoid(o) * tanh_c
    return (LSTMCarry(h, c), h.astype(params["wh"].dtype)), LSTMResiduals(t, tanh_c)


def _linearise(params: Params, carry: LSTMCarry, residuals: LSTMResiduals) -> LSTMDerivatives:
    """Return the derivatives of many steps, without a recurrence."""
    t, tanh_c = residuals
    i, f, g, o = split_gates(t, 4)
    slope = 1.0 - t * t
    factor = jnp.concatenate([0.5 * g, 0.5 * carry.c, tanh_to_sigmoid(i), 0.5 * tanh_c], axis=-1)
    output = tanh_to_sigmoid(o) * (1.0 - tanh_c * tanh_c)
    return LSTMDerivatives(slope * factor, tanh_to_sigmoid(f), output)


def _pull(steps: LSTMDerivatives, carry: LSTMCarry, y: Array) -> tuple[LSTMCarry, Array, Array]:
    """Return the cotangents of (carry_{t-1}, u, a) from those of (carry_t, y_t)."""
    h = carry.h + y.astype(carry.h.dtype)
    c = carry.c + h * steps.output
    z = steps.gates * jnp.concatenate([c, c, c, h], axis=-1)
    return LSTMCarry(jnp.zeros_like(h), c * steps.forget), z, z


def _gather(params: Params, carry: LSTMCarry, residuals: LSTMResiduals, d: Cotangents) -> Params:
    """Return the gradient of the bias."""
    return bias_gradients(params, b=d.a)
