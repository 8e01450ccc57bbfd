"""Made-up classified ads in English and Russian: title, description, price, city, year.

An ad names what it would be swapped for as well as what it offers, so the words that occur do not
suffice; and whether a flat is sold or let often stands in its price alone.
"""

from typing import NamedTuple

import numpy as np

from seqmodels.data.splits import Splits
from seqmodels.data.text.labelled import Example


class Kind(NamedTuple):
    """A subcategory: its names, what is said of it, what it costs, whether it has a year."""

    label: str
    english: tuple[str, ...]
    russian: tuple[str, ...]
    said: tuple[str, ...]
    said_russian: tuple[str, ...]
    price: tuple[int, int]
    year: bool = False


KINDS = (
    Kind(
        "transport:car", ("car", "family car", "hatchback"), ("машину", "автомобиль", "хэтчбек"),
        ("low mileage", "new tyres"), ("малый пробег", "новые шины"), (1500, 40_000), True,
    ),
    Kind(
        "transport:motorcycle", ("motorcycle", "scooter"), ("мотоцикл", "скутер"),
        ("low mileage", "two helmets"), ("малый пробег", "два шлема"), (500, 9000), True,
    ),
    Kind(
        "transport:bicycle", ("bicycle", "mountain bike"), ("велосипед", "горный велосипед"),
        ("new tyres", "21 gears"), ("новые шины", "21 скорость"), (40, 900),
    ),
    Kind(
        "electronics:phone", ("phone", "smartphone"), ("телефон", "смартфон"),
        ("good battery", "with charger"), ("хорошая батарея", "с зарядкой"), (50, 900), True,
    ),
    Kind(
        "electronics:laptop", ("laptop", "notebook"), ("ноутбук", "ультрабук"),
        ("good battery", "fast disk"), ("хорошая батарея", "быстрый диск"), (150, 1800), True,
    ),
    Kind(
        "electronics:camera", ("camera", "video camera"), ("фотоаппарат", "видеокамеру"),
        ("with charger", "sharp lens"), ("с зарядкой", "резкий объектив"), (60, 1500),
    ),
    Kind(
        "home:sofa", ("sofa", "corner sofa"), ("диван", "угловой диван"),
        ("no stains", "soft"), ("без пятен", "мягкий"), (60, 900),
    ),
    Kind(
        "home:table", ("table", "writing desk"), ("стол", "письменный стол"),
        ("solid oak", "no stains"), ("массив дуба", "без пятен"), (30, 700),
    ),
    Kind(
        "property:sale", ("flat", "house", "studio"), ("квартиру", "дом", "студию"),
        ("city centre", "quiet street"), ("центр города", "тихая улица"), (40_000, 400_000), True,
    ),
    Kind(
        "property:rent", ("flat", "house", "studio"), ("квартиру", "дом", "студию"),
        ("city centre", "quiet street"), ("центр города", "тихая улица"), (200, 2500), True,
    ),
    Kind(
        "animals:dog", ("puppy", "shepherd dog"), ("щенка", "овчарку"),
        ("vaccinated", "loves children"), ("привит", "любит детей"), (10, 600),
    ),
    Kind(
        "animals:cat", ("kitten", "siamese cat"), ("котёнка", "сиамскую кошку"),
        ("vaccinated", "quiet"), ("привит", "спокойный"), (5, 400),
    ),
)  # fmt: skip

OPENINGS = ("offer", "for you", "hand over", "part with", "owner gives up")
OPENINGS_RUSSIAN = ("предлагаю", "отдаю", "уступлю", "для вас", "от хозяина")
REASONS = (
    "we are moving",
    "bought another one",
    "no time for it",
    "as good as new",
    "call any day",
)
REASONS_RUSSIAN = (
    "переезжаем",
    "куплен другой",
    "нет времени",
    "как новый",
    "звоните в любой день",
)
CITIES = ("London", "Leeds", "York", "Bristol")
CITIES_RUSSIAN = ("Москва", "Казань", "Тверь", "Омск")


def ads(count: int = 20_000, seed: int = 0) -> Splits:
    """Lists of distinct train, dev and test examples, 80 / 10 / 10 %."""
    random = np.random.default_rng(seed)
    found: dict[tuple, Example] = {}
    while len(found) < count:
        example = ad(random)
        found.setdefault((example.text, example.attributes), example)
    made = list(found.values())
    return Splits(made[: -count // 5], made[-count // 5 : -count // 10], made[-count // 10 :])


def ad(random: np.random.Generator) -> Example:
    """One ad; its attributes are price, city and year, empty where it tells none."""
    kind, other = (KINDS[i] for i in random.choice(len(KINDS), 2, replace=False))
    russian = bool(random.random() < 0.5)
    opening = pick(random, OPENINGS_RUSSIAN if russian else OPENINGS)
    parts = [
        pick(random, kind.said_russian if russian else kind.said),
        pick(random, REASONS_RUSSIAN if russian else REASONS),
    ]
    if random.random() < 0.5:
        parts.append(
            ("обменяю на " if russian else "or swap for a ") + noun(random, other, russian)
        )
    order = random.permutation(len(parts))
    text = f"{opening} {noun(random, kind, russian)} . {', '.join(parts[i] for i in order)}"
    return Example(text, kind.label, attributes(random, kind, russian))


def attributes(random: np.random.Generator, kind: Kind, russian: bool) -> tuple[str, str, str]:
    """Price, spread evenly in its logarithm; city; year."""
    price = np.exp(random.uniform(*np.log(kind.price)))
    year = str(random.integers(1995, 2026)) if kind.year and random.random() < 0.8 else ""
    return f"{price:.0f}", pick(random, CITIES_RUSSIAN if russian else CITIES), year


def noun(random: np.random.Generator, kind: Kind, russian: bool) -> str:
    """What is offered, in one of its names."""
    return pick(random, kind.russian if russian else kind.english)


def pick(random: np.random.Generator, choices: tuple[str, ...]) -> str:
    """One of the choices."""
    return choices[int(random.integers(len(choices)))]
