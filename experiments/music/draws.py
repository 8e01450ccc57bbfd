"""Options of random draws. This module imports nothing heavy."""

from typing import NamedTuple


class Draws(NamedTuple):
    """Temperature and seed of draws; temperature 0 takes what is most likely."""

    temperature: float = 1.0
    seed: int = 0
