"""Numbers from 1 to 999 in English and French words."""

ENGLISH_UNITS = """
zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen
sixteen seventeen eighteen nineteen
""".split()
ENGLISH_TENS = """
_ _ twenty thirty forty fifty sixty seventy eighty ninety
""".split()
FRENCH_UNITS = """
zéro un deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize
dix-sept dix-huit dix-neuf
""".split()
FRENCH_TENS = """
_ _ vingt trente quarante cinquante soixante soixante quatre-vingt quatre-vingt
""".split()


def english_number(n: int) -> str:
    """Return a number in words.

    >>> english_number(321)
    'three hundred and twenty-one'
    """
    if n >= 100:
        rest = f" and {english_number(n % 100)}" if n % 100 else ""
        return f"{ENGLISH_UNITS[n // 100]} hundred{rest}"
    if n < 20:
        return ENGLISH_UNITS[n]
    return ENGLISH_TENS[n // 10] + (f"-{ENGLISH_UNITS[n % 10]}" if n % 10 else "")


def french_number(n: int, feminine: bool = False) -> str:
    """Return a number in words, as it is written before a noun of this gender.

    >>> french_number(71), french_number(80), french_number(281, feminine=True)
    ('soixante et onze', 'quatre-vingts', 'deux cent quatre-vingt-une')
    """
    if n >= 100:
        hundreds = FRENCH_UNITS[n // 100] + " " if n >= 200 else ""
        if n % 100 == 0:
            return f"{hundreds}cent" + ("s" if n >= 200 else "")
        return f"{hundreds}cent {french_number(n % 100, feminine)}"
    if n < 20:
        return "une" if n == 1 and feminine else FRENCH_UNITS[n]
    ten, unit = divmod(n, 10)
    if ten in (7, 9):
        unit += 10
    if unit == 0:
        return FRENCH_TENS[ten] + ("s" if n == 80 else "")
    last = "une" if unit == 1 and feminine else FRENCH_UNITS[unit]
    link = " et " if unit in (1, 11) and ten < 8 else "-"
    return FRENCH_TENS[ten] + link + last
