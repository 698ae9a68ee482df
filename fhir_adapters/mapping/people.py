"""Patient: who the events belong to."""

from typing import Any, Final

from fhir_adapters.codes import read_codes, read_coding, read_status
from fhir_adapters.dates import Moment, read_instant, read_moment
from fhir_adapters.mapping.addresses import ended, home, household, postcode, tract
from fhir_adapters.mapping.contact import email, interpreter, language, phone, preferred_contact
from fhir_adapters.mapping.lists import objects
from fhir_adapters.quarantine import Json, Reading, Reason
from rules.facts import Person

DEFAULT_KEY: Final = b"almoner"
"""Keys the household hash when a site sets none. A site that stores the hash should set its own."""

_RACE: Final = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-race"
_ETHNICITY: Final = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-ethnicity"
_UK_ETHNICITY: Final = "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-EthnicCategory"
_NOT_SAID: Final = frozenset({"UNK", "ASKU", "NI", "Z"})
"""Codes that say that the question was not answered; ``Z`` is the NHS's *not stated*."""
_NAME_USES: Final = ("usual", "official")


def person(resource: Json, reading: Reading, household_key: bytes = DEFAULT_KEY) -> Person:
    """The person. What is missing or cannot be understood is ``None``; without any note of death they count as living."""
    deceased, death = _death(resource, reading)
    address = home(objects(resource, "address", reading))
    birth = read_instant(reading, resource, "birthDate")
    extensions = objects(resource, "extension", reading)
    spoken = objects(resource, "communication", reading)
    telecom = objects(resource, "telecom", reading)
    return Person(
        id=reading.id,
        birth=birth.days if birth else None,
        sex=None if resource.get("gender") is None else read_status(reading, resource["gender"], "gender"),
        deceased=deceased,
        died=death.days if death else None,
        language=language(spoken, extensions, reading),
        postcode=postcode(address) or None,
        tract=tract(address) or None,
        household=household(address, household_key),
        race=_omb(extensions, _RACE, reading),
        ethnicity=next(iter(_omb(extensions, _ETHNICITY, reading)), None) or _uk_ethnicity(extensions, reading),
        name=_name(objects(resource, "name", reading)),
        phone=phone(telecom),
        interpreter=interpreter(spoken, extensions, reading),
        contact=preferred_contact(telecom, extensions, reading),
        email=email(telecom),
    )


def _death(resource: Json, reading: Reading) -> tuple[bool | None, Moment | None]:
    flag, day = resource.get("deceasedBoolean"), resource.get("deceasedDateTime")
    if flag is not None and day is not None:
        reading.bad("deceased[x]", Reason.CONTRADICTION)
        return None, None
    if isinstance(day, str):
        # An unreadable day of death is still a note of death.
        return True, read_moment(reading, day, "deceasedDateTime")
    if isinstance(flag, bool):
        return flag, None
    if flag is not None or day is not None:
        reading.bad("deceased[x]", Reason.WRONG_TYPE)
        return None, None
    said = "_deceasedBoolean" in resource or "_deceasedDateTime" in resource
    return (None if said else False), None


def _omb(extensions: list[Json], url: str, reading: Reading) -> tuple[str, ...]:
    """The OMB categories of a US Core extension; *unknown* and *asked but unknown* are no category."""
    parts = (part for item in extensions if item.get("url") == url for part in objects(item, "extension", reading))
    codings = (read_coding(reading, part.get("valueCoding"), "extension") for part in parts if part.get("url") == "ombCategory")
    return tuple(dict.fromkeys(coding.code for coding in codings if coding is not None and coding.code not in _NOT_SAID))


def _uk_ethnicity(extensions: list[Json], reading: Reading) -> str | None:
    """The national code of UK Core; *not stated* is none."""
    for item in extensions:
        if item.get("url") == _UK_ETHNICITY:
            for coding in read_codes(reading, item.get("valueCodeableConcept"), "extension").found:
                return None if coding.code in _NOT_SAID else coding.code
    return None


def _by_use(items: list[Json], uses: tuple[str, ...]) -> list[Json]:
    """The current ones, preferred uses first; otherwise in the order given."""
    current = [item for item in items if item.get("use") != "old" and not ended(item)]
    return sorted(current, key=lambda item: uses.index(item["use"]) if item.get("use") in uses else len(uses))


def _name(names: list[Json]) -> str:
    for name in _by_use(names, _NAME_USES):
        given: Any = name.get("given")
        parts = [*(given if isinstance(given, list) else []), name.get("family")]
        text = name.get("text") or " ".join(part for part in parts if isinstance(part, str))
        if isinstance(text, str) and text.strip():
            return text.strip()
    return ""
