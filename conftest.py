"""Settings of all tests: type checks of array arguments, strict promotion, eight devices."""

import os
from importlib.metadata import version

os.environ.setdefault("JAX_PLATFORMS", "cpu")
DEVICES = "--xla_force_host_platform_device_count=8"
# Most of a test's time is compilation. LLVM's passes would double it; splitting modules and, up to
# jaxlib 0.10, MLIR for fusions would add to it. With SEQMODELS_TEST_XLA=default, programs are
# compiled as users compile them.
FAST_COMPILATION = (
    " --xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
    " --xla_cpu_parallel_codegen_split_count=1"
    + " --xla_cpu_use_fusion_emitters=false"
    * version("jaxlib").startswith("0.10.")
)
USER_FLAGS = os.environ.get("SEQMODELS_TEST_XLA") == "default"
os.environ.setdefault("XLA_FLAGS", DEVICES + ("" if USER_FLAGS else FAST_COMPILATION))
# Workers do not share a compilation cache: jax writes its files in place, not atomically. With a
# patch for that, a cache saved 10 % of the trainer's tests and nothing elsewhere.
os.environ.pop("JAX_COMPILATION_CACHE_DIR", None)

from jaxtyping import install_import_hook  # noqa: E402

install_import_hook(["seqmodels", "experiments"], "beartype.beartype")

import jax  # noqa: E402
import pytest  # noqa: E402

jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")

from hypothesis import settings  # noqa: E402

settings.register_profile("tests", deadline=None, max_examples=50)  # no deadline on a busy machine
settings.load_profile("tests")


@pytest.fixture(autouse=True, scope="session")
def _empty_cache(tmp_path_factory):
    """Hide the caches of the user, which may hold kernels and data."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


def pytest_collection_modifyitems(items):
    """Send the tests of an ``xdist_group`` to one worker.

    pytest-xdist 3.8 stores the group where pytest 9.2 no longer reads it.
    """
    for item in items:
        if hasattr(item, "_id") and hasattr(item, "_nodeid"):
            item._id = type(item._id).parse(item._nodeid)
