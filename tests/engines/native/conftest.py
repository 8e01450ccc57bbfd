"""The kernels for the tests of this folder, compiled once per session."""

import os
import shutil
import subprocess
import sys

import pytest

from seqmodels.engines.native import build


def run_command(*arguments, **environment):
    """Run ``python -m seqmodels.engines.native`` in another process."""
    return subprocess.run(
        [sys.executable, "-m", "seqmodels.engines.native", *arguments],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def command():
    return run_command


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    """Keep the kernels of these tests in a separate folder."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "native"))
    build.library.cache_clear()
    yield
    build.library.cache_clear()


@pytest.fixture
def compiled(request, monkeypatch):
    """Compile the kernels; by the command with its own flags if exhaustive tests were requested.

    The fast tests compile without optimization, which takes a quarter of the time.
    """
    if shutil.which(os.environ.get("CXX", "c++")) is None:
        pytest.skip("no C++ compiler (c++, or $CXX)")
    if not any(item.get_closest_marker("exhaustive") for item in request.session.items):
        monkeypatch.setattr(build, "FLAGS", [*build.FLAGS, "-O0"])
        if not build.library_path().exists():
            build.build()
    elif not build.library_path().exists():
        result = run_command()
        assert result.returncode == 0, result.stderr
        assert result.stdout == f"compiled {build.library_path()}\n"
    build.library.cache_clear()
