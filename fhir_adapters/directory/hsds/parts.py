"""What hangs on a service in HSDS: its organization, its places, ways of contact, languages, terms, capacity."""

from collections.abc import Iterable, Iterator
from typing import Final

from fhir_adapters.directory.hsds.cells import day, number, text
from fhir_adapters.directory.hsds.rows import Row, Tables
from fhir_adapters.directory.hsds.schedules import schedule
from fhir_adapters.directory.model import Address, Capacity, Contact, Identifier, Language, Location, Organization, Term

_PHONES: Final = {"fax": "fax", "pager": "pager", "text": "sms", "sms": "sms", "textphone": "sms", "video": "other"}
"""HSDS's type of phone → FHIR's contact point system, as the Human Services Directory guide has it; any other is a phone."""
_DEEPEST: Final = 12
_MOST: Final = 1e9


def organization(row: Row, tables: Tables) -> Organization:
    """An agency."""
    own = [Contact(system, value) for system, name in (("email", "email"), ("url", "website")) if (value := text(row, name)) is not None]
    return Organization(
        key=f"{tables.source}#organization/{row.id}",
        name=text(row, "name"),
        identifiers=tuple(
            Identifier(scheme or kind or "", value)
            for each in tables.children("organization_identifier", row)
            for scheme, kind, value in [(text(each, "identifier_scheme"), text(each, "identifier_type"), text(each, "identifier"))]
            if value is not None
        ),
        terms=terms(row, tables),
        description=text(row, "description"),
        contacts=distinct((*contacts(row, tables), *own)),
        # The table holds no status: whoever is listed is there.
        active=True,
    )


def location(row: Row, tables: Tables) -> Location:
    """A place. Coordinates count only as a pair."""
    reading = tables.reading(row)
    latitude, longitude = number(row, "latitude", reading, -90, 90), number(row, "longitude", reading, -180, 180)
    known = latitude is not None and longitude is not None
    addresses = sorted(tables.children("address", row), key=lambda each: text(each, "address_type") != "physical")
    return Location(
        key=f"{tables.source}#location/{row.id}",
        name=text(row, "name"),
        address=_address(addresses[0]) if addresses else None,
        latitude=latitude if known else None,
        longitude=longitude if known else None,
        accessibility=accessibilities(row, tables),
        transportation=text(row, "transportation"),
        contacts=contacts(row, tables),
        hours=tuple(tables.once(schedule, each) for each in tables.children("schedule", row)),
    )


def _address(row: Row) -> Address:
    lines = tuple(filter(None, (text(row, "attention"), text(row, "address_1"), text(row, "address_2"))))
    return Address(
        lines, text(row, "city"), text(row, "region"), text(row, "state_province"), text(row, "postal_code"), text(row, "country")
    )


def accessibilities(row: Row, tables: Tables) -> tuple[str, ...]:
    """What is said about access for people with disabilities."""
    found = tables.children("accessibility", row)
    return tuple(words for each in found if (words := " ".join(filter(None, (text(each, "description"), text(each, "details"))))))


def contacts(row: Row, tables: Tables) -> tuple[Contact, ...]:
    """The phones of a row, and the phones and addresses of its contacts."""
    found = list(_phones(row, tables, None))
    for each in tables.children("contact", row):
        label = ", ".join(filter(None, (text(each, "name"), text(each, "title"), text(each, "department")))) or None
        found += _phones(each, tables, label)
        if (email := text(each, "email")) is not None:
            found.append(Contact("email", email, label))
    return distinct(found)


def distinct(contacts: Iterable[Contact]) -> tuple[Contact, ...]:
    """Each number and address once, with what was first said about it."""
    found: dict[tuple[str, str], Contact] = {}
    for contact in contacts:
        found.setdefault((contact.system, contact.value), contact)
    return tuple(found.values())


def _phones(row: Row, tables: Tables, label: str | None) -> Iterator[Contact]:
    for phone in tables.children("phone", row):
        given = (text(phone, "number") or "").strip('"')
        extension = text(phone, "extension")
        if given:
            kind = _PHONES.get((text(phone, "type") or "").lower(), "phone")
            yield Contact(kind, f"{given} ext. {extension}" if extension else given, label or text(phone, "description"))


def languages(row: Row, tables: Tables) -> tuple[Language, ...]:
    """In which languages the service is given; those of a place or a phone alone do not count."""
    found = (Language(text(each, "code"), text(each, "name")) for each in tables.children("language", row))
    return tuple(dict.fromkeys(language for language in found if any(language)))


def programs(row: Row, tables: Tables) -> tuple[str, ...]:
    """The programme that the service is part of."""
    found = tables.one("program", row)
    name = None if found is None else text(found, "name")
    return () if name is None else (name,)


def terms(row: Row, tables: Tables) -> tuple[Term, ...]:
    """The taxonomy terms that are attached to a row."""
    found = (tables.one("taxonomy_term", each) for each in tables.children("attribute", row))
    return tuple(dict.fromkeys(_term(each, tables, _DEEPEST) for each in found if each is not None))


def _term(row: Row, tables: Tables, depth: int) -> Term:
    taxonomy = tables.one("taxonomy", row)
    system = None if taxonomy is None else text(taxonomy, "uri") or text(taxonomy, "name")
    above = tables.broader(row) if depth else None
    return Term(
        system or text(row, "taxonomy") or "",
        text(row, "code") or "",
        text(row, "name") or "",
        None if above is None else _term(above, tables, depth - 1),
    )


def capacities(row: Row, tables: Tables) -> Iterator[Capacity]:
    """How many can be taken (HSDS 3.1)."""
    for each in tables.children("service_capacity", row):
        reading, unit = tables.reading(each), tables.one("unit", each)
        available = number(each, "available", reading, 0, _MOST)
        yield Capacity(
            None if available is None else "capacity" if available > 0 else "no-capacity",
            text(each, "description"),
            day(each, "updated", reading),
            available,
            number(each, "maximum", reading, 0, _MOST),
            None if unit is None else text(unit, "name"),
        )
