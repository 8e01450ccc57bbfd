"""Long short-term memory, with peepholes, layer norm and projection as options."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from seqmodels.cells.build import (
    DType,
    Initializer,
    bias_gradients,
    check_dtype,
    dot,
    gate_init,
    gate_scale,
    glorot,
    half,
    normalise,
    orthogonal,
    rows,
    split_gates,
    structured_cell,
    wide,
    zeros,
)
from seqmodels.types import Array, Cell, Cotangents, Float, Params, Pullback, Structured


class LSTMCarry(NamedTuple):
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

    ``peepholes`` (Graves 2013, arXiv:1308.0850): z_i and z_f see p * c_{t-1}, z_o sees p * c_t.
    ``layer_norm`` (Ba et al. 2016, arXiv:1607.06450): z = LN(W_x x) + LN(W_h h) + b and
    h = o * tanh(LN(c)).  ``projection`` (Sak et al. 2014): h_t = W_p (o * tanh(c_t)).
    Gates lie in the order i, f, g, o.
    """
    param_dtype = check_dtype(param_dtype)
    compute = jnp.dtype(dtype or param_dtype)
    width = projection or hidden

    def init(key: jax.Array) -> Params:
        key_x, key_h, key_b, key_p = jax.random.split(key, 4)
        bias = bias_init(key_b, (4 * hidden,), param_dtype)
        params = {
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
        state = wide(param_dtype)
        return LSTMCarry(
            jnp.zeros((*batch_shape, width), state), jnp.zeros((*batch_shape, hidden), state)
        )

    def prepare(params: Params) -> Params:
        scale = gate_scale(hidden, 4, linear=(2,)).astype(param_dtype)
        prepared = params | {"b": params["b"] * scale}
        matrices = [name for name in ("wx", "wh", "wp") if name in params]
        if layer_norm:
            gains = params["ln"]
            prepared["ln"] = gains | {"x": gains["x"] * scale, "h": gains["h"] * scale}
        else:
            prepared |= {name: params[name] * rows(scale, params[name]) for name in ("wx", "wh")}
        if peepholes:
            prepared["p"] = 0.5 * params["p"]
        return prepared | {name: prepared[name].astype(compute) for name in matrices}

    def project(params: Params, x: Float[Array, "*B D"]) -> Float[Array, "*B GH"]:
        u = dot(x, params["wx"])
        if layer_norm:
            u = normalise(u) * rows(params["ln"]["x"], u)
        return u

    def gates(params: Params, c: Array, u: Array, a: Array) -> Array:
        if layer_norm:
            a = normalise(a) * rows(params["ln"]["h"], a)
        z = u + a
        z = z + rows(params["b"], z)
        if not peepholes:
            return jnp.tanh(z)
        peep_i, peep_f, _ = params["p"]
        seen = jnp.concatenate([rows(peep_i, c) * c, rows(peep_f, c) * c], axis=-1)
        early = jnp.tanh(z[..., : 2 * hidden] + seen)
        # z_o stays as it is: it still has to see the new cell state.
        return jnp.concatenate(
            [early, jnp.tanh(z[..., 2 * hidden : 3 * hidden]), z[..., 3 * hidden :]], axis=-1
        )

    def update(params: Params, carry: LSTMCarry, u: Array, a: Array) -> tuple[LSTMCarry, Array]:
        i, f, g, o = split_gates(gates(params, carry.c, u, a), 4)
        c = half(f) * carry.c + half(i) * g
        if peepholes:
            o = jnp.tanh(o + rows(params["p"][2], c) * c)
        shown = normalise(c) * rows(params["ln"]["c"], c) if layer_norm else c
        h = half(o) * jnp.tanh(shown)
        if projection:
            h = dot(h, params["wp"])
        return LSTMCarry(h, c), h.astype(compute)

    plain = not (peepholes or layer_norm or projection)
    form = Structured(
        project=project,
        kernel=lambda params: params["wh"],
        hidden=lambda params, carry: carry.h,
        update=update,
        prepare=prepare,
        pullback=Pullback(keep, linearise, pull, gather) if plain else None,
        plain="lstm" if plain else "",
    )
    return structured_cell(init, start, form, inputs)


class Linearised(NamedTuple):
    """What the pullback of one step needs and no cotangent enters, for many steps at once."""

    gates: Float[Array, "*K GH"]  # d(c, c, c, h) / dz, gate by gate
    forget: Float[Array, "*K H"]  # dc_t / dc_{t-1}
    shown: Float[Array, "*K H"]  # dh_t / dc_t


class Kept(NamedTuple):
    """What the derivatives of a step need."""

    gates: Float[Array, "*B GH"]  # as they left the tanh
    seen: Float[Array, "*B H"]  # tanh(c_t)


def keep(params: Params, carry: LSTMCarry, u: Array, a: Array) -> tuple[tuple, Kept]:
    """``update`` of the plain LSTM, with what its derivatives need."""
    z = u + a
    t = jnp.tanh(z + rows(params["b"], z))
    i, f, g, o = split_gates(t, 4)
    c = half(f) * carry.c + half(i) * g
    seen = jnp.tanh(c)
    h = half(o) * seen
    return (LSTMCarry(h, c), h.astype(params["wh"].dtype)), Kept(t, seen)


def linearise(params: Params, carry: LSTMCarry, kept: Kept) -> Linearised:
    """The derivatives of ``update`` for every step of a chunk, all without recurrence."""
    t, seen = kept
    i, f, g, o = split_gates(t, 4)
    slope = 1.0 - t * t
    factor = jnp.concatenate([0.5 * g, 0.5 * carry.c, half(i), 0.5 * seen], axis=-1)
    return Linearised(slope * factor, half(f), half(o) * (1.0 - seen * seen))


def pull(steps: Linearised, carry: LSTMCarry, y: Array) -> tuple[LSTMCarry, Array, Array]:
    """The cotangents of (carry_{t-1}, u, a) from those of (carry_t, y_t)."""
    h = carry.h + y.astype(carry.h.dtype)
    c = carry.c + h * steps.shown
    z = steps.gates * jnp.concatenate([c, c, c, h], axis=-1)
    return LSTMCarry(jnp.zeros_like(h), c * steps.forget), z, z


def gather(params: Params, carry: LSTMCarry, kept: Kept, steps: Cotangents) -> Params:
    """The gradient of the bias that ``update`` reads."""
    return bias_gradients(params, b=steps.a)
