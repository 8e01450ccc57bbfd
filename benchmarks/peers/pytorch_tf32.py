"""PyTorch with cuDNN in TF32, XLA's default for float32 matmuls."""

import jax

from benchmarks.cases import Case, Inputs
from benchmarks.implementation import Implementation, Unsupported
from benchmarks.peers import pytorch


def build(case: Case, inputs: Inputs) -> dict[str, Implementation]:
    if jax.default_backend() != "gpu" or case.dtype != "float32":
        raise Unsupported("only for float32 on a GPU")
    return pytorch.build(case, inputs, tf32=True)
