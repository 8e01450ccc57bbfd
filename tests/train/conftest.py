"""Fewer devices than the eight that all tests have."""

import jax
import pytest


@pytest.fixture
def only(monkeypatch):
    """Pretend that there are so many devices."""
    every = jax.devices()

    def choose(count):
        found = every[:count]
        monkeypatch.setattr(jax, "devices", lambda *kind: found)
        monkeypatch.setattr(jax, "device_count", lambda: count)

    return choose


@pytest.fixture
def one_device(only):
    """Programs for one device compile sooner; test_devices.py has those for eight."""
    only(1)
