"""Arguments of commands that take one text. This module imports nothing heavy."""

from dataclasses import dataclass

from tyro.conf import Positional


@dataclass(frozen=True)
class TextArguments:
    """Input text."""

    text: Positional[str]
    """The text."""
