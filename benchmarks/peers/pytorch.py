"""PyTorch: ``nn.RNN``, ``nn.LSTM``, ``nn.GRU``, eager; packed sequences where lengths differ.

On a GPU these layers call cuDNN.  TF32 is off here and on in ``pytorch_tf32``.
"""

import os
from typing import Any

import jax
import numpy as np
import torch
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from benchmarks.cases import Case, Inputs
from benchmarks.implementation import Implementation

CELLS = {"rnn": torch.nn.RNN, "lstm": torch.nn.LSTM, "gru": torch.nn.GRU}


def build(case: Case, inputs: Inputs, tf32: bool = False) -> dict[str, Implementation]:
    """Build both passes; members run in a loop, as ``torch.func.vmap`` cannot map RNN layers."""
    torch.set_num_threads(len(os.sched_getaffinity(0)))  # as many threads as XLA uses
    device = "cuda" if jax.default_backend() == "gpu" else "cpu"
    place: dict[str, Any] = {"dtype": getattr(torch, case.dtype), "device": device}
    options = {"num_layers": case.layers, "bidirectional": case.bidirectional, **place}
    models = [CELLS[case.cell](case.hidden, case.hidden, **options) for _ in range(case.members)]
    sequences = [x.to(**place).requires_grad_() for x in members(inputs.xs, case)]
    weights = [w.to(device) for w in members(inputs.cotangent, case)]
    lengths = None if inputs.lengths is None else torch.from_numpy(inputs.lengths).long()

    def apply(model: torch.nn.Module, xs: torch.Tensor) -> torch.Tensor:
        torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = tf32
        if lengths is None:
            return model(xs)[0]
        packed, _ = model(pack_padded_sequence(xs, lengths))
        return pad_packed_sequence(packed, total_length=case.length)[0]

    def finish() -> None:
        if device == "cuda":
            torch.cuda.synchronize()

    def forward() -> None:
        with torch.inference_mode():
            for model, xs in zip(models, sequences, strict=True):
                apply(model, xs)
        finish()

    def gradient() -> None:
        for model, xs, weight in zip(models, sequences, weights, strict=True):
            model.zero_grad(set_to_none=True)
            xs.grad = None
            (apply(model, xs).float() * weight).sum().backward()
        finish()

    return {"forward": Implementation(forward), "gradient": Implementation(gradient)}


def members(array: np.ndarray, case: Case) -> list[torch.Tensor]:
    """Return one tensor for each member."""
    return list(torch.from_numpy(array)) if case.members > 1 else [torch.from_numpy(array)]
