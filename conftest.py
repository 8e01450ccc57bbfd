"""For all tests and doctests: type checks of array arguments, strict promotion, eight devices."""

import os

os.environ.setdefault("JAX_PLATFORMS", "cpu")
# Most of a test's time is compilation: without LLVM's passes it takes half as long.
os.environ.setdefault(
    "XLA_FLAGS",
    "--xla_force_host_platform_device_count=8"
    " --xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true",
)
# Workers must not share a compilation cache, whose files are not written in one piece.
os.environ.pop("JAX_COMPILATION_CACHE_DIR", None)

from jaxtyping import install_import_hook

install_import_hook("seqmodels", "beartype.beartype")

import jax  # noqa: E402

jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")

from hypothesis import settings  # noqa: E402

settings.register_profile("tests", deadline=None, max_examples=50)  # a busy machine is no failure
settings.load_profile("tests")
