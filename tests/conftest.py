"""Fixtures that several folders of tests share."""

import jax
import pytest
from few_devices import pretend

SETTINGS = ("jax_platforms", "jax_compilation_cache_dir", "jax_disable_jit", "jax_debug_nans")


@pytest.fixture
def only(monkeypatch):
    """``only(count)``: pretend that this many devices exist."""
    return lambda count: pretend(monkeypatch, count)


@pytest.fixture
def one_device(only):
    """Programs for one device compile faster; train/distributed tests several."""
    only(1)


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    """An empty working directory for a command line, which may change jax's settings."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    before = {name: getattr(jax.config, name) for name in SETTINGS}
    yield tmp_path
    for name, value in before.items():
        jax.config.update(name, value)
