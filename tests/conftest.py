"""How many devices a test of the trainer has."""

import pytest
from few_devices import pretend


@pytest.fixture
def only(monkeypatch):
    """``only(count)``: pretend that there are so many devices."""
    return lambda count: pretend(monkeypatch, count)


@pytest.fixture
def one_device(only):
    """Programs for one device compile sooner; test_devices.py has those for eight."""
    only(1)
