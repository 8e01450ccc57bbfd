"""PyTorch with cuDNN in float16, compared with our bfloat16: cuDNN is slower in bfloat16."""

from dataclasses import replace

from benchmarks.cases import Case, Inputs
from benchmarks.implementation import Implementation, Unsupported
from benchmarks.peers import pytorch


def build(case: Case, inputs: Inputs) -> dict[str, Implementation]:
    if case.dtype != "bfloat16":
        raise Unsupported("only for bfloat16 cases")
    return pytorch.build(replace(case, dtype="float16"), inputs)
