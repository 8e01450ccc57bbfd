"""The experiments' tests run on one device, for which programs compile sooner."""

import pytest
from few_devices import pretend


@pytest.fixture(autouse=True, scope="module")
def _one_device():
    with pytest.MonkeyPatch.context() as patch:
        pretend(patch, 1)
        yield
