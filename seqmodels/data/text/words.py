"""Text to words."""

import re

# Letters and digits of any alphabet, with apostrophes inside or before ("don't", "n't", "'s");
# every other mark is a word of its own.
WORD = re.compile(r"\w+(?:['’]\w+)*|['’]\w+|[^\w\s]")


def words(text: str) -> list[str]:
    """The words and marks of a text, in lower case.

    >>> words("It's good, isn't it?")
    ["it's", 'good', ',', "isn't", 'it', '?']
    """
    return [word.lower() for word in written(text)]


def written(text: str) -> list[str]:
    """The words and marks of a text as they stand in it."""
    return WORD.findall(text)
