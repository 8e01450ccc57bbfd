"""Tests of the experiments use one device, for which programs compile faster.

Each experiment's tests run in one worker, because they share a trained run.
"""

from pathlib import Path

import pytest
from few_devices import pretend


@pytest.fixture(autouse=True, scope="module")
def _one_device():
    with pytest.MonkeyPatch.context() as patch:
        pretend(patch, 1)
        yield


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config, items):
    """Group the tests of each experiment, except where a test names its own group."""
    if not config.pluginmanager.hasplugin("xdist"):
        return
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents and not item.get_closest_marker("xdist_group"):
            group = item.path.relative_to(here).parts[0].removesuffix(".py")
            item.add_marker(pytest.mark.xdist_group(group))
