"""One library to a file: ``build(case, data) -> {"forward": Candidate, "gradient": Candidate}``.

Each is used as its own documentation says, in its fastest form; what it cannot do it says by
raising ``Unsupported``.
"""

from importlib import import_module

PEERS = ("pytorch", "flax_nnx", "flax_linen", "haiku", "equinox", "keras")
GPU_PEERS = ("pytorch_tf32", "pytorch_float16", "jax_rnn")  # on a GPU, besides


def builder(name: str):
    """The ``build`` of a peer, imported only when it is asked for."""
    return import_module(f"benchmarks.peers.{name}").build
