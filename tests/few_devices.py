"""Fewer devices than the eight that all tests have."""

import jax

ALL_DEVICES = jax.devices()


def pretend(patch, count):
    """Make jax report only ``count`` devices."""
    patch.setattr(jax, "devices", lambda *kind: ALL_DEVICES[:count])
    patch.setattr(jax, "device_count", lambda: count)
