"""Small areas: where a home lies, by tables of postcodes or census tracts that a site supplies (IMD, SVI, LSOA, ZCTA …)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from rules.facts import Area, Person


@dataclass(frozen=True, slots=True)
class AreaTable:
    """Postcode or tract → area, in one edition."""

    name: str
    vintage: str
    by: str
    """``postcode`` or ``tract``: which piece of an address is looked up."""
    rows: Mapping[str, Area]

    def find(self, person: Person) -> Area | None:
        """The area of a person's home; ``None`` if the table does not have it, or the address is unknown."""
        place = person.postcode if self.by == "postcode" else person.tract
        if place is None:
            return None
        key = spelt(place)
        # A US ZIP+4 lies in the area of its five digits.
        return self.rows.get(key) or (self.rows.get(key[:5]) if len(key) == 9 and key.isdigit() else None)


def spelt(place: str) -> str:
    """A postcode or tract without blanks and hyphens, in capitals."""
    return "".join(character for character in place.upper() if character.isalnum())


def located(person: Person, tables: Iterable[AreaTable]) -> Person:
    """The person with the areas of their home."""
    areas = tuple(area for table in tables if (area := table.find(person)) is not None)
    return replace(person, areas=areas) if areas else person
