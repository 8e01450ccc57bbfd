"""Weights from and to PyTorch, Flax and Keras, as numpy arrays; none of them is imported.

All three write a layer of G gates with two biases, or leave one of them out,

    z = W_x x_t + b_x,    a = W_h h_{t-1} + b_h

and only the GRU's candidate, ``tanh(z_n + r * a_n)``, can tell the two apart.  Our cells hold their
sum ``b``, and the GRU's ``b_h`` of the candidate as ``bh``.  The order of the gates is ours in
PyTorch and Flax, and in Keras up to the GRU, whose gates lie there as z, r, n.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from seqmodels.errors import UserError
from seqmodels.types import Params

Weights = Any  # a numpy array, or what numpy makes one of


class TwoBiases(NamedTuple):
    """One layer as the other libraries have it: [D, G*H], [H, G*H] and two biases [G*H]."""

    wx: np.ndarray
    wh: np.ndarray
    bx: np.ndarray
    bh: np.ndarray
    wp: np.ndarray | None = None

    @property
    def gates(self) -> int:
        hidden = self.wh.shape[0] if self.wp is None else self.wp.shape[0]
        return self.wh.shape[1] // hidden


def two_biases(wx: Weights, wh: Weights, bx: Weights, bh: Weights, wp: Weights = None) -> TwoBiases:
    """A layer whose missing biases are zero."""
    wx, wh = np.asarray(wx), np.asarray(wh)
    bx, bh = (np.zeros_like(wx[0]) if b is None else np.asarray(b) for b in (bx, bh))
    return TwoBiases(wx, wh, bx, bh, None if wp is None else np.asarray(wp))


def to_params(layer: TwoBiases) -> Params:
    """A layer as the parameters of our cell."""
    params = {"wx": layer.wx, "wh": layer.wh, "b": layer.bx + layer.bh}
    if layer.gates == 3:
        candidate = 2 * layer.wh.shape[0]
        params["b"] = np.append(params["b"][:candidate], layer.bx[candidate:])
        params["bh"] = layer.bh[candidate:]
    if layer.wp is not None:
        params["wp"] = layer.wp
    return jax.tree.map(jnp.asarray, params)


def from_params(params: Params) -> TwoBiases:
    """The parameters of our cell as a layer of the others."""
    arrays = {name: np.asarray(array) for name, array in params.items()}
    bh = np.zeros_like(arrays["b"])
    if "bh" in arrays:
        bh[-arrays["bh"].size :] = arrays["bh"]
    layer = TwoBiases(arrays["wx"], arrays["wh"], arrays["b"], bh, arrays.get("wp"))
    known = {"wx", "wh", "b"} | ({"bh"} if layer.gates == 3 else set()) | ({"wp"} & set(params))
    if layer.gates not in (1, 3, 4) or set(params) != known:
        raise UserError(
            f"params with {sorted(params)} and {layer.gates} gates fit no cell of others: "
            "only rnn, lstm (without peepholes and layer norm) and gru can be exported"
        )
    return layer


# PyTorch


def from_torch(state: Mapping[str, Weights]) -> Params:
    """Parameters from the state dict of ``nn.RNN``, ``nn.LSTM`` or ``nn.GRU``.

    Several layers are those of ``stack``, two directions those of ``bidirectional``.
    """
    if "weight_ih_l0" not in state:
        raise UserError(
            f"state has no weight_ih_l0, only {sorted(state)}: pass one layer's own state"
        )
    count = sum(name.startswith("weight_ih_l") for name in state if not name.endswith("_reverse"))

    def direction(suffix: str) -> Params:
        named = {name: state.get(f"{name}_{suffix}") for name in TORCH_NAMES}
        turned = [None if w is None else np.asarray(w).T for w in named.values()]
        return to_params(two_biases(*turned))

    def layer(k: int) -> Params:
        if f"weight_ih_l{k}_reverse" not in state:
            return direction(f"l{k}")
        return {"forward": direction(f"l{k}"), "backward": direction(f"l{k}_reverse")}

    return stacked([layer(k) for k in range(count)])


TORCH_NAMES = ("weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr")


def to_torch(params: Params) -> dict[str, np.ndarray]:
    """The state dict of PyTorch's layer, whose second bias is zero where ours is one."""
    state = {}
    for k, layer in enumerate(layers(params)):
        for suffix, direction in zip(("", "_reverse"), directions(layer), strict=False):
            for name, array in zip(TORCH_NAMES, from_params(direction), strict=True):
                if array is not None:
                    state[f"{name}_l{k}{suffix}"] = np.ascontiguousarray(array.T)
    return state


# Keras


def from_keras(weights: Sequence[Weights]) -> Params:
    """Parameters from ``layer.get_weights()`` of SimpleRNN, LSTM, GRU, or Bidirectional of one."""
    if len(weights) > 3:
        half = len(weights) // 2
        return {"forward": from_keras(weights[:half]), "backward": from_keras(weights[half:])}
    wx, wh = map(np.asarray, weights[:2])
    bias = np.asarray(weights[2]) if len(weights) == 3 else None
    if wh.shape[1] != 3 * wh.shape[0]:
        return to_params(two_biases(wx, wh, bias, None))
    if bias is not None and bias.ndim != 2:
        raise UserError(
            "weights are of a GRU with reset_after=False: build it with reset_after=True"
        )
    bx, bh = (None, None) if bias is None else bias
    return to_params(swap_gates(two_biases(wx, wh, bx, bh)))


def to_keras(params: Params) -> list[np.ndarray]:
    """What ``layer.set_weights()`` takes."""
    if "forward" in params:
        return to_keras(params["forward"]) + to_keras(params["backward"])
    layer = from_params(params)
    if layer.wp is not None:
        raise UserError("params have a projection, which Keras's LSTM doesn't know")
    if layer.gates != 3:
        return [layer.wx, layer.wh, layer.bx + layer.bh]
    layer = swap_gates(layer)
    return [layer.wx, layer.wh, np.stack([layer.bx, layer.bh])]


def swap_gates(layer: TwoBiases) -> TwoBiases:
    """The gates r, z, n as z, r, n, and back."""

    def swapped(array: np.ndarray | None) -> Any:
        if array is None:
            return None
        first, second, last = np.split(array, 3, axis=-1)
        return np.concatenate([second, first, last], axis=-1)

    return TwoBiases(*map(swapped, layer))


# Flax


def from_flax(tree: Mapping[str, Any]) -> Params:
    """Parameters from any LSTM, GRU or simple cell of ``flax.nnx`` or ``flax.linen``.

    The tree is ``nnx.to_pure_dict(nnx.state(cell, nnx.Param))``; linen's ``variables["params"]``.
    """

    def side(letter: str) -> tuple[np.ndarray, np.ndarray]:
        names = sorted((n for n in tree if flax_place(n)[0] == letter), key=flax_order)
        kernels = [np.asarray(tree[name]["kernel"]) for name in names]
        biases = [
            tree[n].get("bias", np.zeros_like(k[0])) for n, k in zip(names, kernels, strict=True)
        ]
        return np.concatenate(kernels, axis=1), np.concatenate(biases)

    (wx, bx), (wh, bh) = side("i"), side("h")
    return to_params(TwoBiases(wx, wh, bx, bh))


def to_flax(params: Params, like: Mapping[str, Any]) -> dict[str, dict[str, np.ndarray]]:
    """The tree of a Flax cell; ``like`` is that cell's present tree (see ``from_flax``)."""
    layer = from_params(params)
    if layer.wp is not None:
        raise UserError("params have a projection, which no cell of Flax knows")
    biased = {flax_place(name)[0] for name, part in like.items() if "bias" in part}
    if biased == {"h"}:
        layer = layer._replace(bx=layer.bh, bh=layer.bx)
    tree = {name: flax_dense(layer, name) for name in like}
    for name, part in tree.items():
        if "bias" not in like[name] and np.any(part.pop("bias")):
            raise UserError(f"params have a bias for which {name} of the Flax cell has no place")
        if part["kernel"].shape != like[name]["kernel"].shape:
            sizes = part["kernel"].shape, like[name]["kernel"].shape
            raise UserError(
                f"params give {name} shape {sizes[0]}, but the Flax cell has {sizes[1]}"
            )
    return tree


def flax_dense(layer: TwoBiases, name: str) -> dict[str, np.ndarray]:
    """The kernel and bias that a dense layer of a Flax cell holds."""
    side, gate = flax_place(name)
    kernel, bias = (layer.wx, layer.bx) if side == "i" else (layer.wh, layer.bh)
    if not gate:
        return {"kernel": kernel, "bias": bias}
    k, hidden = flax_order(name) % layer.gates, layer.wh.shape[0]
    columns = slice(k * hidden, (k + 1) * hidden)
    return {"kernel": kernel[:, columns], "bias": bias[columns]}


def flax_place(name: str) -> tuple[str, str]:
    """Side (``i`` for input, ``h`` for hidden) and gate of ``dense_i``, ``if_``, ``if``, ..."""
    stem = name.removeprefix("dense_").rstrip("_")
    return stem[:1], stem[1:]


def flax_order(name: str) -> int:
    """Where a dense layer's gate lies among its fellows."""
    gate = flax_place(name)[1]
    return max("ifgo".find(gate), "rzn".find(gate))


# Layers and directions, as ``stack`` and ``bidirectional`` have them


def stacked(parts: list[Params]) -> Params:
    """The parameters of ``stack``, or those of the only layer."""
    return parts[0] if len(parts) == 1 else tuple(parts)


def layers(params: Params) -> Sequence[Params]:
    """The layers of ``stack``; a cell alone is one layer."""
    return [params] if isinstance(params, Mapping) else list(params)


def directions(layer: Params) -> list[Params]:
    """The one or two directions of a layer."""
    return [layer["forward"], layer["backward"]] if "forward" in layer else [layer]
