"""Generated classified ads in English and Russian: title, description, price, city, year.

An ad may also name what it would be swapped for, so that the words of a text do not determine its
class. Flats for sale and flats for rent often differ in the price alone.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from seqmodels.data.splits import Splits
from seqmodels.data.text.labelled import Example


class Subcategory(NamedTuple):
    """A class: names of the item, phrases that describe it, price range, whether it has a year."""

    label: str
    nouns: tuple[str, ...]
    russian_nouns: tuple[str, ...]
    phrases: tuple[str, ...]
    russian_phrases: tuple[str, ...]
    price: tuple[int, int]
    year: bool = False


SUBCATEGORIES = (
    Subcategory(
        "transport:car", ("car", "family car", "hatchback"), ("машину", "автомобиль", "хэтчбек"),
        ("low mileage", "new tyres"), ("малый пробег", "новые шины"), (1500, 40_000), True,
    ),
    Subcategory(
        "transport:motorcycle", ("motorcycle", "scooter"), ("мотоцикл", "скутер"),
        ("low mileage", "two helmets"), ("малый пробег", "два шлема"), (500, 9000), True,
    ),
    Subcategory(
        "transport:bicycle", ("bicycle", "mountain bike"), ("велосипед", "горный велосипед"),
        ("new tyres", "21 gears"), ("новые шины", "21 скорость"), (40, 900),
    ),
    Subcategory(
        "electronics:phone", ("phone", "smartphone"), ("телефон", "смартфон"),
        ("good battery", "with charger"), ("хорошая батарея", "с зарядкой"), (50, 900), True,
    ),
    Subcategory(
        "electronics:laptop", ("laptop", "notebook"), ("ноутбук", "ультрабук"),
        ("good battery", "fast disk"), ("хорошая батарея", "быстрый диск"), (150, 1800), True,
    ),
    Subcategory(
        "electronics:camera", ("camera", "video camera"), ("фотоаппарат", "видеокамеру"),
        ("with charger", "sharp lens"), ("с зарядкой", "резкий объектив"), (60, 1500),
    ),
    Subcategory(
        "home:sofa", ("sofa", "corner sofa"), ("диван", "угловой диван"),
        ("no stains", "soft"), ("без пятен", "мягкий"), (60, 900),
    ),
    Subcategory(
        "home:table", ("table", "writing desk"), ("стол", "письменный стол"),
        ("solid oak", "no stains"), ("массив дуба", "без пятен"), (30, 700),
    ),
    Subcategory(
        "property:sale", ("flat", "house", "studio"), ("квартиру", "дом", "студию"),
        ("city centre", "quiet street"), ("центр города", "тихая улица"), (40_000, 400_000), True,
    ),
    Subcategory(
        "property:rent", ("flat", "house", "studio"), ("квартиру", "дом", "студию"),
        ("city centre", "quiet street"), ("центр города", "тихая улица"), (200, 2500), True,
    ),
    Subcategory(
        "animals:dog", ("puppy", "shepherd dog"), ("щенка", "овчарку"),
        ("vaccinated", "loves children"), ("привит", "любит детей"), (10, 600),
    ),
    Subcategory(
        "animals:cat", ("kitten", "siamese cat"), ("котёнка", "сиамскую кошку"),
        ("vaccinated", "quiet"), ("привит", "спокойный"), (5, 400),
    ),
)  # fmt: skip

OPENINGS = ("offer", "for you", "hand over", "part with", "owner gives up")
RUSSIAN_OPENINGS = ("предлагаю", "отдаю", "уступлю", "для вас", "от хозяина")
REASONS = (
    "we are moving",
    "bought another one",
    "no time for it",
    "as good as new",
    "call any day",
)
RUSSIAN_REASONS = (
    "переезжаем",
    "куплен другой",
    "нет времени",
    "как новый",
    "звоните в любой день",
)
CITIES = ("London", "Leeds", "York", "Bristol")
RUSSIAN_CITIES = ("Москва", "Казань", "Тверь", "Омск")


def generate_ads(count: int = 20_000, seed: int = 0) -> Splits:
    """Return ``count`` distinct examples in lists of train, dev and test, 80 / 10 / 10 %."""
    random = np.random.default_rng(seed)
    found: dict[tuple, Example] = {}
    while len(found) < count:
        example = generate_ad(random)
        found.setdefault((example.text, example.attributes), example)
    examples = list(found.values())
    dev, test = -count // 5, -count // 10
    return Splits(examples[:dev], examples[dev:test], examples[test:])


def generate_ad(random: np.random.Generator) -> Example:
    """Return an ad in one of the languages; its attributes are price, city and year."""
    item, other = (SUBCATEGORIES[i] for i in random.choice(len(SUBCATEGORIES), 2, replace=False))
    russian = bool(random.random() < 0.5)
    opening = sample_one(random, RUSSIAN_OPENINGS if russian else OPENINGS)
    parts = [
        sample_one(random, item.russian_phrases if russian else item.phrases),
        sample_one(random, RUSSIAN_REASONS if russian else REASONS),
    ]
    if random.random() < 0.5:
        swap = "обменяю на" if russian else "or swap for a"
        parts.append(f"{swap} {sample_noun(random, other, russian)}")
    order = random.permutation(len(parts))
    description = ", ".join(parts[i] for i in order)
    text = f"{opening} {sample_noun(random, item, russian)} . {description}"
    return Example(text, item.label, sample_attributes(random, item, russian))


def sample_attributes(
    random: np.random.Generator, item: Subcategory, russian: bool
) -> tuple[str, str, str]:
    """Return price, log-uniform; city; and year, which may be empty."""
    price = np.exp(random.uniform(*np.log(item.price)))
    year = str(random.integers(1995, 2026)) if item.year and random.random() < 0.8 else ""
    return f"{price:.0f}", sample_one(random, RUSSIAN_CITIES if russian else CITIES), year


def sample_noun(random: np.random.Generator, item: Subcategory, russian: bool) -> str:
    """Return one of the item's names."""
    return sample_one(random, item.russian_nouns if russian else item.nouns)


def sample_one(random: np.random.Generator, choices: Sequence[str]) -> str:
    """Return one of the choices."""
    return choices[int(random.integers(len(choices)))]
