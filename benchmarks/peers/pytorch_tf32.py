"""PyTorch's cuDNN in TF32, which is what XLA takes for float32 unless it is told otherwise."""

import jax

from benchmarks.candidate import Candidate, Unsupported
from benchmarks.cases import Case, Data
from benchmarks.peers import pytorch


def build(case: Case, data: Data) -> dict[str, Candidate]:
    if jax.default_backend() != "gpu" or case.dtype != "float32":
        raise Unsupported("not float32 on a GPU")
    return pytorch.build(case, data, tf32=True)
