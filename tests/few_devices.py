"""Fewer devices than the eight that all tests have."""

import jax

EVERY = jax.devices()


def pretend(patch, count):
    """Let jax tell of so many devices."""
    patch.setattr(jax, "devices", lambda *kind: EVERY[:count])
    patch.setattr(jax, "device_count", lambda: count)
