"""Detection of NVIDIA Hopper GPUs."""

import jax


def on_hopper() -> bool:
    """Return whether the default device has ``wgmma``, which only compute capability 9.0 has."""
    device = jax.devices()[0]
    return device.platform == "gpu" and getattr(device, "compute_capability", "") == "9.0"


def multiprocessors() -> int:
    """Return the number of multiprocessors of the only device.

    With several devices it is 0, because XLA cannot partition a kernel among them.
    """
    return getattr(jax.devices()[0], "core_count", 0) if jax.device_count() == 1 else 0
