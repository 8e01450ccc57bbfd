"""For all tests and doctests: type checks of array arguments, strict promotion, eight devices."""

import os
from importlib.metadata import version

os.environ.setdefault("JAX_PLATFORMS", "cpu")
# Most of a test's time is compilation: without LLVM's passes it takes half as long, with one module
# for each program a little less, half of that without MLIR for fusions, which later versions need.
os.environ.setdefault(
    "XLA_FLAGS",
    "--xla_force_host_platform_device_count=8"
    " --xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
    " --xla_cpu_parallel_codegen_split_count=1"
    + " --xla_cpu_use_fusion_emitters=false"
    * version("jaxlib").startswith("0.10."),
)
# Workers must not share a compilation cache, whose files are not written in one piece.
os.environ.pop("JAX_COMPILATION_CACHE_DIR", None)

from jaxtyping import install_import_hook

install_import_hook(["seqmodels", "experiments"], "beartype.beartype")

import jax  # noqa: E402
import pytest  # noqa: E402

jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")

from hypothesis import settings  # noqa: E402

settings.register_profile("tests", deadline=None, max_examples=50)  # a busy machine is no failure
settings.load_profile("tests")


@pytest.fixture(autouse=True, scope="session")
def _empty_cache(tmp_path_factory):
    """Kernels and data of whoever runs the tests are not found by them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


def pytest_collection_modifyitems(items):
    """Tests of one ``xdist_group`` go to one worker.

    pytest-xdist 3.8 writes the group to where pytest 9.2 does not look any more.
    """
    for item in items:
        if hasattr(item, "_id") and hasattr(item, "_nodeid"):
            item._id = type(item._id).parse(item._nodeid)
