"""The recurrence as one kernel launch per pass on NVIDIA Hopper GPUs, in Pallas (Mosaic GPU).

It is the ``fused`` engine with another loop.  A cluster of thread blocks processes ``rows`` rows of
the batch, and each warpgroup of a block owns a share of the units with all their gates, so that it
computes ``update`` independently.  A warpgroup keeps its part of the recurrent kernel in shared
memory and registers and streams the rest from the L2 cache.

``engine.py`` is the engine.  ``kernel_scan.py`` records the step of a scan on a tape (``tape.py``).
``layout.py`` distributes arrays and ``matmul.py`` the recurrent matmul over the warpgroups.
``kernel.py`` is the kernel, which replays the tape on fragments of arrays (``fragments.py``).
``warpgroup.py`` is a warpgroup, either on a device (``gpu.py`` and ``intrinsics.py``) or in Pallas'
interpreter (``interpreter.py``).
"""
