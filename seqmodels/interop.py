"""Conversion of weights from and to PyTorch, Keras and Flax, as NumPy arrays.

None of these libraries is imported.  They have up to two biases in a layer of G gates,

    z = W_x x_t + b_x,    a = W_h h_{t-1} + b_h

which differ only in their effect on the GRU's candidate, ``tanh(z_n + r * a_n)``.  Our cells have
their sum ``b``, and the GRU has ``b_h`` of the candidate as ``bh``.  PyTorch and Flax use our order
of the gates, as does Keras, except for the GRU, where it is z, r, n.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from seqmodels.errors import UserError
from seqmodels.types import Params

Weights = Any  # an array, or anything that NumPy converts to one


class TwoBiases(NamedTuple):
    """A layer of the other libraries."""

    wx: np.ndarray  # [D, G*H]
    wh: np.ndarray  # [H, G*H]
    bx: np.ndarray  # [G*H]
    bh: np.ndarray  # [G*H]
    wp: np.ndarray | None = None  # [H, P], the projection of an LSTM, whose wh is [P, G*H]

    @property
    def gates(self) -> int:
        hidden = self.wh.shape[0] if self.wp is None else self.wp.shape[0]
        return self.wh.shape[1] // hidden


def _fill_biases(
    wx: Weights, wh: Weights, bx: Weights, bh: Weights, wp: Weights = None
) -> TwoBiases:
    """Return a layer in which missing biases are zero."""
    wx, wh = np.asarray(wx), np.asarray(wh)
    bx, bh = (np.zeros_like(wx[0]) if b is None else np.asarray(b) for b in (bx, bh))
    return TwoBiases(wx, wh, bx, bh, None if wp is None else np.asarray(wp))


def _to_params(layer: TwoBiases) -> Params:
    """Convert a layer to the parameters of our cell."""
    params = {"wx": layer.wx, "wh": layer.wh, "b": layer.bx + layer.bh}
    if layer.gates == 3:
        candidate = 2 * layer.wh.shape[0]
        params["b"] = np.append(params["b"][:candidate], layer.bx[candidate:])
        params["bh"] = layer.bh[candidate:]
    if layer.wp is not None:
        params["wp"] = layer.wp
    return jax.tree.map(jnp.asarray, params)


def _from_params(params: Params) -> TwoBiases:
    """Convert the parameters of our cell to a layer with two biases."""
    arrays = {name: np.asarray(array) for name, array in params.items()}
    bh = np.zeros_like(arrays["b"])
    if "bh" in arrays:
        bh[-arrays["bh"].size :] = arrays["bh"]
    layer = TwoBiases(arrays["wx"], arrays["wh"], arrays["b"], bh, arrays.get("wp"))
    expected = {"wx", "wh", "b"} | ({"bh"} if layer.gates == 3 else set()) | ({"wp"} & set(params))
    if layer.gates not in (1, 3, 4) or set(params) != expected:
        raise UserError(
            f"params {sorted(params)} with {layer.gates} gates cannot be exported: only rnn, gru "
            "and lstm (without peepholes and layer norm) exist in the other libraries"
        )
    return layer


# PyTorch


def from_torch(state: Mapping[str, Weights]) -> Params:
    """Convert the state dict of ``nn.RNN``, ``nn.LSTM`` or ``nn.GRU`` to parameters.

    Several layers become the parameters of ``stack``, two directions those of ``bidirectional``.
    """
    if "weight_ih_l0" not in state:
        raise UserError(
            f"state has no weight_ih_l0, only {sorted(state)}: pass the state dict of one layer"
        )
    count = sum(name.startswith("weight_ih_l") for name in state if not name.endswith("_reverse"))

    def direction(suffix: str) -> Params:
        named = {name: state.get(f"{name}_{suffix}") for name in _TORCH_NAMES}
        transposed = [None if w is None else np.asarray(w).T for w in named.values()]
        return _to_params(_fill_biases(*transposed))

    def layer(k: int) -> Params:
        if f"weight_ih_l{k}_reverse" not in state:
            return direction(f"l{k}")
        return {"forward": direction(f"l{k}"), "backward": direction(f"l{k}_reverse")}

    return _join_layers([layer(k) for k in range(count)])


_TORCH_NAMES = ("weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr")


def to_torch(params: Params) -> dict[str, np.ndarray]:
    """Convert parameters to the state dict of a PyTorch layer; a bias that we lack is zero."""
    state = {}
    for k, layer in enumerate(_split_layers(params)):
        for suffix, direction in zip(("", "_reverse"), _split_directions(layer), strict=False):
            for name, array in zip(_TORCH_NAMES, _from_params(direction), strict=True):
                if array is not None:
                    state[f"{name}_l{k}{suffix}"] = np.ascontiguousarray(array.T)
    return state


# Keras


def from_keras(weights: Sequence[Weights]) -> Params:
    """Convert ``layer.get_weights()`` of SimpleRNN, LSTM, GRU or Bidirectional to parameters."""
    if len(weights) > 3:
        half = len(weights) // 2
        return {"forward": from_keras(weights[:half]), "backward": from_keras(weights[half:])}
    wx, wh = map(np.asarray, weights[:2])
    bias = np.asarray(weights[2]) if len(weights) == 3 else None
    if wh.shape[1] != 3 * wh.shape[0]:
        return _to_params(_fill_biases(wx, wh, bias, None))
    if bias is not None and bias.ndim != 2:
        raise UserError(
            "weights are from a GRU with reset_after=False: build it with reset_after=True"
        )
    bx, bh = (None, None) if bias is None else bias
    return _to_params(_swap_gates(_fill_biases(wx, wh, bx, bh)))


def to_keras(params: Params) -> list[np.ndarray]:
    """Convert parameters to the argument of ``layer.set_weights()``."""
    if "forward" in params:
        return to_keras(params["forward"]) + to_keras(params["backward"])
    layer = _from_params(params)
    if layer.wp is not None:
        raise UserError("params have a projection: the LSTM of Keras has none")
    if layer.gates != 3:
        return [layer.wx, layer.wh, layer.bx + layer.bh]
    layer = _swap_gates(layer)
    return [layer.wx, layer.wh, np.stack([layer.bx, layer.bh])]


def _swap_gates(layer: TwoBiases) -> TwoBiases:
    """Swap the order of the gates between r, z, n and z, r, n."""

    def swap(array: np.ndarray | None) -> Any:
        if array is None:
            return None
        first, second, last = np.split(array, 3, axis=-1)
        return np.concatenate([second, first, last], axis=-1)

    return TwoBiases(*map(swap, layer))


# Flax


def from_flax(tree: Mapping[str, Any]) -> Params:
    """Convert the tree of an LSTM, GRU or simple cell of Flax to parameters.

    For NNX, the tree is ``nnx.to_pure_dict(nnx.state(cell, nnx.Param))``; for linen, it is
    ``variables["params"]``.
    """

    def side(letter: str) -> tuple[np.ndarray, np.ndarray]:
        names = sorted((n for n in tree if _flax_gate(n)[0] == letter), key=_flax_order)
        kernels = [np.asarray(tree[name]["kernel"]) for name in names]
        biases = [
            tree[n].get("bias", np.zeros_like(k[0])) for n, k in zip(names, kernels, strict=True)
        ]
        return np.concatenate(kernels, axis=1), np.concatenate(biases)

    (wx, bx), (wh, bh) = side("i"), side("h")
    return _to_params(TwoBiases(wx, wh, bx, bh))


def to_flax(params: Params, like: Mapping[str, Any]) -> dict[str, dict[str, np.ndarray]]:
    """Convert parameters to the tree of a Flax cell, whose current tree is ``like``."""
    layer = _from_params(params)
    if layer.wp is not None:
        raise UserError("params have a projection: the cells of Flax have none")
    biased = {_flax_gate(name)[0] for name, part in like.items() if "bias" in part}
    if biased == {"h"}:
        layer = layer._replace(bx=layer.bh, bh=layer.bx)
    tree = {name: _flax_dense(layer, name) for name in like}
    for name, part in tree.items():
        if "bias" not in like[name] and np.any(part.pop("bias")):
            raise UserError(f"params have a bias, but {name} of the Flax cell has none")
        if part["kernel"].shape != like[name]["kernel"].shape:
            ours, theirs = part["kernel"].shape, like[name]["kernel"].shape
            raise UserError(f"params give {name} shape {ours}, but the Flax cell has {theirs}")
    return tree


def _flax_dense(layer: TwoBiases, name: str) -> dict[str, np.ndarray]:
    """Return the kernel and bias of one dense layer of a Flax cell."""
    side, gate = _flax_gate(name)
    kernel, bias = (layer.wx, layer.bx) if side == "i" else (layer.wh, layer.bh)
    if not gate:
        return {"kernel": kernel, "bias": bias}
    k, hidden = _flax_order(name) % layer.gates, layer.wh.shape[0]
    columns = slice(k * hidden, (k + 1) * hidden)
    return {"kernel": kernel[:, columns], "bias": bias[columns]}


def _flax_gate(name: str) -> tuple[str, str]:
    """Split ``dense_i``, ``if_``, ``if``, ... into side (``i`` input, ``h`` hidden) and gate."""
    stem = name.removeprefix("dense_").rstrip("_")
    return stem[:1], stem[1:]


def _flax_order(name: str) -> int:
    """Return the position of a dense layer's gate in our order."""
    gate = _flax_gate(name)[1]
    return max("ifgo".find(gate), "rzn".find(gate))


# The parameters of ``stack`` and ``bidirectional``


def _join_layers(parts: list[Params]) -> Params:
    """Return the parameters of ``stack``, or those of a single layer."""
    return parts[0] if len(parts) == 1 else tuple(parts)


def _split_layers(params: Params) -> Sequence[Params]:
    """Return the layers of ``stack``; a single cell is one layer."""
    return [params] if isinstance(params, Mapping) else list(params)


def _split_directions(layer: Params) -> list[Params]:
    """Return the one or two directions of a layer."""
    return [layer["forward"], layer["backward"]] if "forward" in layer else [layer]
