"""PyTorch's cuDNN in float16 beside our bfloat16: in that cuDNN has not its fastest kernels."""

from dataclasses import replace

from benchmarks.candidate import Candidate, Unsupported
from benchmarks.cases import Case, Data
from benchmarks.peers import pytorch


def build(case: Case, data: Data) -> dict[str, Candidate]:
    if case.dtype != "bfloat16":
        raise Unsupported("not 16 bits")
    return pytorch.build(replace(case, dtype="float16"), data)
