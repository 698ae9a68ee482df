"""How to speak to a person: language, interpreter, phone, e-mail address, and the way in which they want to be reached."""

from collections.abc import Iterator
from typing import Final

from fhir_adapters.codes import NO, YES, read_codes, read_coding
from fhir_adapters.mapping.addresses import ended
from fhir_adapters.mapping.lists import objects
from fhir_adapters.quarantine import Json, Reading
from rules.facts import Coding

TELECOM: Final = "http://hl7.org/fhir/contact-point-system"
_INTERPRETER: Final = (
    "http://hl7.org/fhir/us/core/StructureDefinition/us-core-interpreter-needed",
    "http://hl7.org/fhir/StructureDefinition/patient-interpreterRequired",
)
_UK: Final = "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-"
_NHS_COMMUNICATION: Final = f"{_UK}NHSCommunication"
_PREFERENCE: Final = f"{_UK}ContactPreference"
_YES: Final = frozenset({YES.code, "373066001"})
_NO: Final = frozenset({NO.code, "373067005"})
_PHONE_USES: Final = ("mobile", "home")
_EMAIL_USES: Final = ("home", "mobile")
_LONGEST_EMAIL: Final = 254
"""Characters: no longer one can be written to (RFC 5321)."""


def language(spoken: list[Json], extensions: list[Json], reading: Reading) -> str | None:
    """Of the preferred language, else of the only one; else the one that the NHS has noted for communication."""
    chosen = [item for item in spoken if item.get("preferred") is True] or (spoken if len(spoken) == 1 else [])
    concepts = [item.get("language") for item in chosen]
    concepts += [] if spoken else [part.get("valueCodeableConcept") for part in _parts(extensions, _NHS_COMMUNICATION, "language", reading)]
    for concept in concepts:
        for coding in read_codes(reading, concept, "communication.language").found:
            return coding.code
    return None


def interpreter(spoken: list[Json], extensions: list[Json], reading: Reading) -> bool | None:
    """Whether an interpreter is needed, as the person's record or one of their languages says; ``None`` if none does, or says so."""
    of_one = [item for language in spoken for item in objects(language, "extension", reading)]
    said = [item for item in [*extensions, *of_one] if item.get("url") in _INTERPRETER]
    for item in [*said, *_parts(extensions, _NHS_COMMUNICATION, "interpreterRequired", reading)]:
        if isinstance(item.get("valueBoolean"), bool):
            return bool(item["valueBoolean"])
        coding = read_coding(reading, item["valueCoding"], "extension") if item.get("valueCoding") is not None else None
        if coding is not None and coding.code in _YES | _NO:
            return coding.code in _YES
    return None


def preferred_contact(telecom: list[Json], extensions: list[Json], reading: Reading) -> Coding | None:
    """How they want to be reached: as UK Core says it, else the kind of the telecom that is ranked first; ``None``: not said."""
    for part in _parts(extensions, _PREFERENCE, "PreferredContactMethod", reading):
        for coding in read_codes(reading, part.get("valueCodeableConcept"), "extension").found:
            return coding
    ranked = [item for item in telecom if _rank(item) < _UNRANKED and _current(item) and isinstance(item.get("system"), str)]
    return Coding(TELECOM, min(ranked, key=_rank)["system"]) if ranked else None


def phone(telecom: list[Json]) -> str:
    """The number to call: the one ranked first, else a mobile, else one at home; empty if there is none."""
    return _first(telecom, ("phone", "sms"), _PHONE_USES)


def email(telecom: list[Json]) -> str:
    """The address to write to: the one ranked first, else one at home, else a mobile's; empty if there is none that can be written to."""
    written = [item for item in telecom if isinstance(item.get("value"), str) and _is_address(item["value"].strip())]
    return _first(written, ("email",), _EMAIL_USES)


def _is_address(value: str) -> bool:
    return "@" in value and len(value) <= _LONGEST_EMAIL


def _first(telecom: list[Json], systems: tuple[str, ...], uses: tuple[str, ...]) -> str:
    """The value of these systems that is ranked first, else of the first of ``uses``; never one that is past."""
    found = [item for item in telecom if item.get("system") in systems and isinstance(item.get("value"), str) and _current(item)]
    chosen = min(found, key=lambda item: (_rank(item), _place(item, uses)), default=None)
    return chosen["value"].strip() if chosen else ""


_UNRANKED: Final = 1 << 31


def _rank(item: Json) -> int:
    rank = item.get("rank")
    return rank if isinstance(rank, int) and not isinstance(rank, bool) and rank > 0 else _UNRANKED


def _place(item: Json, uses: tuple[str, ...]) -> int:
    return uses.index(item["use"]) if item.get("use") in uses else len(uses)


def _current(item: Json) -> bool:
    return item.get("use") != "old" and not ended(item)


def _parts(extensions: list[Json], url: str, name: str, reading: Reading) -> Iterator[Json]:
    for item in extensions:
        if item.get("url") == url:
            yield from (part for part in objects(item, "extension", reading) if part.get("url") == name)
