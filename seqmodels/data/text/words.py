"""Words of a text."""

import re

# Letters and digits of any alphabet, with apostrophes inside or before ("don't", "n't", "'s").
# Every punctuation mark is a word.
WORD = re.compile(r"\w+(?:['’]\w+)*|['’]\w+|[^\w\s]")


def split_words(text: str) -> list[str]:
    """Split a text into words and punctuation, in lower case.

    >>> split_words("It's good, isn't it?")
    ["it's", 'good', ',', "isn't", 'it', '?']
    """
    return [word.lower() for word in split_cased_words(text)]


def split_cased_words(text: str) -> list[str]:
    """Split a text into words and punctuation in their original case."""
    return WORD.findall(text)
