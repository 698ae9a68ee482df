"""Patient: who the events belong to."""

import hashlib
import hmac
import unicodedata
from typing import Any, Final

from fhir_adapters.codes import NO, YES, read_codes, read_coding, read_status
from fhir_adapters.dates import Moment, read_instant, read_moment
from fhir_adapters.quarantine import Json, Reading, Reason
from rules.facts import Person

DEFAULT_KEY: Final = b"almoner"
"""Keys the household hash when a site sets none. A site that stores the hash should set its own."""

_RACE: Final = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-race"
_ETHNICITY: Final = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-ethnicity"
_INTERPRETER: Final = (
    "http://hl7.org/fhir/us/core/StructureDefinition/us-core-interpreter-needed",
    "http://hl7.org/fhir/StructureDefinition/patient-interpreterRequired",
)
_NOT_SAID: Final = frozenset({"UNK", "ASKU", "NI"})
_YES: Final = frozenset({YES.code, "373066001"})
_NO: Final = frozenset({NO.code, "373067005"})
_PHONE_USES: Final = ("mobile", "home")
_NAME_USES: Final = ("usual", "official")


def person(resource: Json, reading: Reading, household_key: bytes = DEFAULT_KEY) -> Person:
    """The person. What is missing or cannot be understood is ``None``; without any note of death they count as living."""
    deceased, death = _death(resource, reading)
    address = _home(_objects(resource, "address", reading))
    birth = read_instant(reading, resource, "birthDate")
    extensions = _objects(resource, "extension", reading)
    return Person(
        id=reading.id,
        birth=birth.days if birth else None,
        sex=None if resource.get("gender") is None else read_status(reading, resource["gender"], "gender"),
        deceased=deceased,
        died=death.days if death else None,
        language=_language(resource, reading),
        postcode=_postcode(address) or None,
        household=_household(address, household_key),
        race=_omb(extensions, _RACE, reading),
        ethnicity=next(iter(_omb(extensions, _ETHNICITY, reading)), None),
        name=_name(_objects(resource, "name", reading)),
        phone=_phone(_objects(resource, "telecom", reading)),
        interpreter=_interpreter(extensions, reading),
    )


def _objects(parent: Json, name: str, reading: Reading) -> list[Json]:
    """The objects in a list; what is not one is reported."""
    value = parent.get(name)
    if value is None:
        return []
    items = value if isinstance(value, list) else [value]
    found = [item for item in items if isinstance(item, dict)]
    if len(found) < len(items) or not isinstance(value, list):
        reading.bad(name, Reason.NOT_AN_OBJECT if isinstance(value, list) else Reason.NOT_A_LIST)
    return found


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


def _language(resource: Json, reading: Reading) -> str | None:
    """Of the preferred language, else of the only one."""
    spoken = _objects(resource, "communication", reading)
    chosen = [item for item in spoken if item.get("preferred") is True] or (spoken if len(spoken) == 1 else [])
    for item in chosen:
        for coding in read_codes(reading, item.get("language"), "communication.language").found:
            return coding.code
    return None


def _home(addresses: list[Json]) -> Json | None:
    """The current home: not old, not ended, not a mailing or billing address; one marked as home comes first."""
    current = [
        address
        for address in addresses
        if address.get("use") not in ("old", "billing", "temp", "work") and address.get("type") != "postal" and not _ended(address)
    ]
    return next((address for address in current if address.get("use") == "home"), current[0] if current else None)


def _ended(item: Json) -> bool:
    period = item.get("period")
    return isinstance(period, dict) and period.get("end") is not None


def _postcode(address: Json | None) -> str:
    value = address.get("postalCode") if address else None
    return value.strip().upper() if isinstance(value, str) else ""


def _household(address: Json | None, key: bytes) -> str | None:
    """A keyed hash of street lines and postcode; ``None`` without either. All lines: one house number may hold many flats."""
    lines = address.get("line") if address else None
    street = " ".join(line for line in lines if isinstance(line, str)) if isinstance(lines, list) else ""
    place, postcode = _plain(street), _plain(_postcode(address))
    if not place or not postcode:
        return None
    return hmac.new(key, f"{place}|{postcode}".encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()[:16]


def _plain(text: str) -> str:
    letters = unicodedata.normalize("NFKC", text).casefold()
    return " ".join("".join(c if c.isalnum() else " " for c in letters).split())


def _omb(extensions: list[Json], url: str, reading: Reading) -> tuple[str, ...]:
    """The OMB categories of a US Core extension; *unknown* and *asked but unknown* are no category."""
    parts = (part for item in extensions if item.get("url") == url for part in _objects(item, "extension", reading))
    codings = (read_coding(reading, part.get("valueCoding"), "extension") for part in parts if part.get("url") == "ombCategory")
    return tuple(dict.fromkeys(coding.code for coding in codings if coding is not None and coding.code not in _NOT_SAID))


def _interpreter(extensions: list[Json], reading: Reading) -> bool | None:
    for item in extensions:
        if item.get("url") not in _INTERPRETER:
            continue
        if isinstance(item.get("valueBoolean"), bool):
            return bool(item["valueBoolean"])
        coding = read_coding(reading, item["valueCoding"], "extension") if item.get("valueCoding") is not None else None
        if coding is not None and coding.code in _YES | _NO:
            return coding.code in _YES
    return None


def _by_use(items: list[Json], uses: tuple[str, ...]) -> list[Json]:
    """The current ones, preferred uses first; otherwise in the order given."""
    current = [item for item in items if item.get("use") != "old" and not _ended(item)]
    return sorted(current, key=lambda item: uses.index(item["use"]) if item.get("use") in uses else len(uses))


def _name(names: list[Json]) -> str:
    for name in _by_use(names, _NAME_USES):
        given: Any = name.get("given")
        parts = [*(given if isinstance(given, list) else []), name.get("family")]
        text = name.get("text") or " ".join(part for part in parts if isinstance(part, str))
        if isinstance(text, str) and text.strip():
            return text.strip()
    return ""


def _phone(telecom: list[Json]) -> str:
    numbers = [item for item in telecom if item.get("system") in ("phone", "sms") and isinstance(item.get("value"), str)]
    return next((item["value"].strip() for item in _by_use(numbers, _PHONE_USES)), "")
