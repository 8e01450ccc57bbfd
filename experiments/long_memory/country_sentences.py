"""Generated sentences in which a country at the beginning determines the language at the end."""

import numpy as np

LANGUAGE_OF_COUNTRY = {
    "china": "chinese",
    "finland": "finnish",
    "france": "french",
    "germany": "german",
    "greece": "greek",
    "italy": "italian",
    "japan": "japanese",
    "poland": "polish",
    "russia": "russian",
    "spain": "spanish",
    "sweden": "swedish",
    "turkey": "turkish",
}
COUNTRIES, LANGUAGES = list(LANGUAGE_OF_COUNTRY), list(LANGUAGE_OF_COUNTRY.values())
FIRST_WORDS, LAST_WORDS = ["i", "grew", "up", "in"], ["so", "i", "speak", "fluent"]
FILLERS = [
    "where the winters were long",
    "my friend comes from {}",
    "we played outside until dark",
    "my mother sang in a choir",
    "a letter came from {} once",
    "and the trains were always late",
    "my sister moved to {}",
    "there was a garden with old trees",
]
FILLER_WORDS = " ".join(FILLERS).replace("{}", "").split()
SENTENCE_WORDS = sorted({*FIRST_WORDS, *LAST_WORDS, *COUNTRIES, *FILLER_WORDS})


def country_sentence(random: np.random.Generator, length: int) -> tuple[list[str], str]:
    """Return for example "i grew up in france ... so i speak fluent" and its next word, "french".

    Country and language are ``length`` words apart. Other countries occur in between.
    """
    home = random.integers(len(COUNTRIES))
    count = length - 1 - len(LAST_WORDS)
    between: list[str] = []
    while len(between) < count:
        between += random.choice(FILLERS).format(random.choice(COUNTRIES)).split()
    return [*FIRST_WORDS, COUNTRIES[home], *between[:count], *LAST_WORDS], LANGUAGES[home]
