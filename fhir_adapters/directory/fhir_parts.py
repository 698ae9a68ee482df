"""The pieces that HealthcareService, Organization and Location are made of, read leniently: what cannot be read is reported and unknown."""

from collections.abc import Iterator
from datetime import date
from typing import Any, Final

from fhir_adapters.codes import read_coding
from fhir_adapters.dates import read_moment
from fhir_adapters.directory.hours import Day, Hours
from fhir_adapters.directory.model import Address, Contact, Identifier, Term
from fhir_adapters.gravity import APPOINTMENT_TELECOM
from fhir_adapters.quarantine import Json, Reading, Reason

_SYSTEMS: Final = ("phone", "fax", "email", "pager", "url", "sms", "other")
_WEEKDAYS: Final = {name: Day(number) for number, name in enumerate(("mon", "tue", "wed", "thu", "fri", "sat", "sun"))}


def words(reading: Reading, value: Any, path: str) -> str | None:
    """A string without the space around it."""
    if value is None:
        return None
    if not isinstance(value, str):
        reading.bad(path, Reason.WRONG_TYPE)
        return None
    return " ".join(value.split()) or None


def objects(reading: Reading, value: Any, path: str) -> Iterator[tuple[Json, str]]:
    """The objects of a list, each with its path; one object alone counts as a list of one."""
    for index, item in enumerate(value if isinstance(value, list) else [] if value is None else [value]):
        place = f"{path}[{index}]"
        if isinstance(item, dict):
            yield item, place
        else:
            reading.bad(place, Reason.NOT_AN_OBJECT)


def day(reading: Reading, value: Any, path: str) -> date | None:
    """A date; the first day of a partial one."""
    moment = read_moment(reading, value, path)
    return None if moment is None else moment.days.low


def extensions(reading: Reading, element: Json, url: str, path: str = "") -> Iterator[tuple[Json, str]]:
    """The extensions of an element with this URL."""
    found = objects(reading, element.get("extension"), f"{path}extension")
    return ((each, place) for each, place in found if each.get("url") == url)


def concepts(reading: Reading, value: Any, path: str) -> Iterator[Term]:
    """Every coding of CodeableConcepts as a term; a concept without codings by its text."""
    for concept, place in objects(reading, value, path):
        text = words(reading, concept.get("text"), f"{place}.text")
        codings = list(objects(reading, concept.get("coding"), f"{place}.coding"))
        for coding, at in codings:
            code = read_coding(reading, coding, at)
            display = words(reading, coding.get("display"), f"{at}.display") or text
            if code is not None or display is not None:
                yield Term(code.system if code else "", code.code if code else "", display or "")
        if not codings and text is not None:
            yield Term("", "", text)


def texts(reading: Reading, value: Any, path: str) -> tuple[str, ...]:
    """What CodeableConcepts say in words, else by their codes."""
    return tuple(dict.fromkeys(term.text or term.code for term in concepts(reading, value, path)))


def identifiers(reading: Reading, value: Any) -> tuple[Identifier, ...]:
    """Identifiers with a system; a bare value identifies nothing outside its source."""
    found = (
        (words(reading, each.get("system"), f"{place}.system"), words(reading, each.get("value"), f"{place}.value"))
        for each, place in objects(reading, value, "identifier")
    )
    return tuple(Identifier(system, given) for system, given in found if system and given)


def contacts(reading: Reading, value: Any, path: str = "telecom") -> tuple[Contact, ...]:
    """ContactPoints."""
    found = []
    for each, place in objects(reading, value, path):
        given, system = words(reading, each.get("value"), f"{place}.value"), each.get("system")
        kind = next((known for known in _SYSTEMS if known == system), None)
        if kind is None:
            reading.bad(f"{place}.system", Reason.MISSING if system is None else Reason.NOT_IN_BINDING)
        books = any(mark.get("valueBoolean") is True for mark, _ in extensions(reading, each, APPOINTMENT_TELECOM, f"{place}."))
        if given is not None:
            found.append(Contact(kind or "other", given, None, books))
    return tuple(dict.fromkeys(found))


def address(reading: Reading, value: Any, path: str) -> Address | None:
    """An Address."""
    for each, place in objects(reading, value, path):
        lines = each.get("line")
        parts = (words(reading, each.get(name), f"{place}.{name}") for name in ("city", "district", "state", "postalCode", "country"))
        given = tuple(filter(None, (words(reading, line, f"{place}.line") for line in (lines if isinstance(lines, list) else []))))
        return Address(given, *parts)
    return None


def hours(reading: Reading, value: Any, path: str, opens: str, closes: str) -> tuple[Hours, ...]:
    """``availableTime`` of a service or ``hoursOfOperation`` of a place; ``opens`` and ``closes`` are the names of the two times."""
    found = []
    for each, place in objects(reading, value, path):
        names = each.get("daysOfWeek")
        listed = names if isinstance(names, list) else []
        days = tuple(_WEEKDAYS[name] for name in listed if isinstance(name, str) and name in _WEEKDAYS)
        if len(days) < len(listed):
            reading.bad(f"{place}.daysOfWeek", Reason.NOT_IN_BINDING)
        found.append(
            Hours(
                opens=words(reading, each.get(opens), f"{place}.{opens}"),
                closes=words(reading, each.get(closes), f"{place}.{closes}"),
                all_day=each.get("allDay") is True,
                frequency="WEEKLY" if days else None,
                days=days,
                unclear=len(days) < len(listed),
            )
        )
    return tuple(found)
