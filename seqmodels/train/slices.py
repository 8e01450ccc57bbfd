"""How many members of a population run at the same time."""

import jax


def choose_slice(members: int, parameters: int) -> int:
    """All of them on an accelerator; on CPU one after the other unless the model is tiny."""
    if jax.default_backend() != "cpu":
        return members
    return min(members, 16) if parameters < 10_000 else 1
