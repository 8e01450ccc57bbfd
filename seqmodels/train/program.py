"""A jitted function that measures its compile time."""

import time
from collections.abc import Callable
from typing import Any

import jax

from seqmodels.train.feed import shape_of


class Program:
    """A jitted function, compiled ahead of time for each new shape; ``seconds`` is the total."""

    def __init__(self, function: Callable, donate: tuple[int, ...] = ()):
        self.jitted = jax.jit(function, donate_argnums=donate)
        self.function = function
        self.compiled: dict[Any, Any] = {}
        self.seconds = 0.0

    def __call__(self, *arguments: Any) -> Any:
        if jax.config.jax_disable_jit or jax.config.jax_debug_nans:  # type: ignore[attr-defined]
            return self.function(*arguments)
        return self.compile(arguments)(*arguments)

    def compile(self, arguments: tuple[Any, ...]) -> Any:
        """Return the program compiled for arguments of these shapes."""
        shapes = shape_of(arguments)
        if shapes not in self.compiled:
            begin = time.perf_counter()
            self.compiled[shapes] = self.jitted.lower(*arguments).compile()
            self.seconds += time.perf_counter() - begin
        return self.compiled[shapes]

    def temporary_bytes(self, *arguments: Any) -> int:
        """Return the temporary memory of one call in bytes; 0 without jit."""
        if jax.config.jax_disable_jit or jax.config.jax_debug_nans:  # type: ignore[attr-defined]
            return 0
        return self.compile(arguments).memory_analysis().temp_size_in_bytes
