"""Who lives together, and what is true of them before anybody records it.

Deprivation is drawn per household and raises the risk of hunger, of a cold or damp home, of smoking, diabetes and low mood.
Records (the other modules) see this truth only through screening, which may be late, missing, refused or wrong.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random
from typing import Final

from fhir_adapters.synthetic.draws import Mix, seeded

CANARY: Final = "ZZCANARY"
"""Stands in every family name, record number and address line; must never be seen in a log."""

ADULT: Final = 18

_AREAS: Final = tuple((f"000{n:02}", 0.08 * n) for n in range(1, 11))
"""Postcode (ZIP prefix 000 is not assigned) and how deprived the area is."""
POSTCODES: Final = tuple(postcode for postcode, _ in _AREAS)
"""Where the population lives."""

_SIZE = Mix[int]((1, 22), (2, 33), (3, 18), (4, 17), (5, 7), (6, 3))
_LANGUAGE = Mix[str](("es", 60), ("zh", 15), ("vi", 11), ("ar", 8), ("ht", 6))
_OFFSET = Mix[str](("-05:00", 68), ("Z", 20), ("+01:00", 12))
_RACE = Mix[str](("2106-3", 60), ("2054-5", 17), ("2028-9", 11), ("1002-5", 3), ("2076-8", 2), ("UNK", 7))
_SEX = Mix[str](("female", 500), ("male", 490), ("other", 6), ("unknown", 4))


@dataclass(frozen=True, slots=True)
class Household:
    """People at one address and what they share."""

    seed: int
    number: int
    postcode: str
    deprivation: float
    """0 (none) to 1 (most)."""
    hungry: bool
    """They worry about food."""
    damp: bool
    """The home is cold, mouldy or wet."""
    address_known: bool
    language: str
    race: str
    """OMB code, or UNK."""
    hispanic: bool
    offset: str
    """Time zone in which their clinic writes."""

    @property
    def name(self) -> str:
        """Family name of its members."""
        return f"{CANARY}-{self.number}"


@dataclass(frozen=True, slots=True)
class Resident:
    """A member of a household and the truth about their health."""

    household: Household
    id: str
    birth: date
    last_day: date
    """The day they died, or the ``as_of`` of the population: nothing true happens later."""
    dead: bool
    sex: str
    age: int
    diabetes: bool
    asthma: bool
    copd: bool
    smoker: bool
    low_mood: bool

    @property
    def adult(self) -> bool:
        """Aged 18 or more."""
        return self.age >= ADULT

    @property
    def reference(self) -> dict[str, str]:
        """A FHIR Reference to the Patient."""
        return {"reference": f"Patient/{self.id}"}

    def after_birth(self, day: date) -> date:
        """``day``, or the birthday if that is later."""
        return max(day, self.birth)

    def soon_after(self, day: date, days: int) -> date:
        """``days`` after ``day``, but not after the last day (nor before ``day``)."""
        return max(day, min(day + timedelta(days=days), self.last_day))


def household(seed: int, number: int) -> tuple[Household, list[int]]:
    """The ``number``-th household and the ages of its members."""
    rng = seeded(seed, number)
    postcode, area = rng.choice(_AREAS)
    deprivation = (area + rng.random()) / 2
    home = Household(
        seed=seed,
        number=number,
        postcode=postcode,
        deprivation=deprivation,
        hungry=rng.random() < 0.01 + 0.26 * deprivation,
        damp=rng.random() < 0.01 + 0.185 * deprivation,
        address_known=rng.random() < 0.985,
        language=_LANGUAGE.draw(rng) if rng.random() < 0.04 + 0.166 * deprivation else "en",
        race=_RACE.draw(rng),
        hispanic=rng.random() < 0.16,
        offset=_OFFSET.draw(rng),
    )
    return home, list(_ages(rng, _SIZE.draw(rng)))


def _ages(rng: Random, size: int) -> Iterator[int]:
    if size == 1:
        yield rng.randint(20, 92)
        return
    first = rng.randint(22, 88) if size == 2 else rng.randint(24, 52)
    yield first
    single_parent = rng.random() < 0.2
    if not single_parent:
        yield max(20, min(95, first + rng.randint(-7, 7)))
    for _ in range(size - (1 if single_parent else 2)):
        yield rng.randint(62, 90) if rng.random() < 0.1 else rng.randint(0, 19)


def resident(home: Household, member: int, age: int, as_of: date, rng: Random) -> Resident:
    """The ``member``-th person of a household; ``rng`` is theirs alone."""
    rougher = 0.7 + 0.7 * home.deprivation
    adult = age >= ADULT
    smoker = adult and rng.random() < 0.06 + 0.18 * home.deprivation
    dead = rng.random() < (0.08 if age >= 70 else 0.006)
    birth = as_of - timedelta(days=age * 365 + age // 4 + 1 + rng.randrange(364))
    return Resident(
        household=home,
        id=f"s{home.seed}h{home.number}m{member}",
        birth=birth,
        last_day=max(birth, as_of - timedelta(days=rng.randrange(1, 900))) if dead else as_of,
        dead=dead,
        sex=_SEX.draw(rng),
        age=age,
        diabetes=adult and rng.random() < (0.04 if age < 40 else 0.125 if age < 65 else 0.22) * rougher,
        asthma=rng.random() < 0.08 * rougher * (1.7 if home.damp else 0.95),
        copd=age >= 45 and rng.random() < (0.2 if smoker else 0.05),
        smoker=smoker,
        low_mood=age >= 12 and rng.random() < 0.045 + 0.11 * home.deprivation,
    )
