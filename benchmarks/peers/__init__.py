"""Libraries to compare, one file each.

Every file defines ``build(case, inputs) -> {"forward": Implementation, "gradient":
Implementation}``, which uses the library as its documentation recommends, in the fastest form, and
raises ``Unsupported`` for a case that the library does not support.
"""

from importlib import import_module

PEERS = ("pytorch", "flax_nnx", "flax_linen", "haiku", "equinox", "keras")
GPU_PEERS = ("pytorch_tf32", "pytorch_float16", "jax_rnn")  # added on a GPU


def builder(name: str):
    """Import a peer and return its ``build``."""
    return import_module(f"benchmarks.peers.{name}").build
