"""Patient resources: US Core demographics, with the gaps and oddities of real registration desks."""

from random import Random
from typing import Final

from fhir_adapters.synthetic.draws import Mix
from fhir_adapters.synthetic.fragments import SNOMED, TERMINOLOGY, Resource, coding, us_core
from fhir_adapters.synthetic.households import CANARY, Resident
from fhir_adapters.synthetic.moments import days_before, partial

_OMB: Final = "urn:oid:2.16.840.1.113883.6.238"
_RACES: Final = {
    "2106-3": coding(_OMB, "2106-3", "White"),
    "2054-5": coding(_OMB, "2054-5", "Black or African American"),
    "2028-9": coding(_OMB, "2028-9", "Asian"),
    "1002-5": coding(_OMB, "1002-5", "American Indian or Alaska Native"),
    "2076-8": coding(_OMB, "2076-8", "Native Hawaiian or Other Pacific Islander"),
    "UNK": coding(f"{TERMINOLOGY}/v3-NullFlavor", "UNK", "Unknown"),
}
_ASKED_BUT_UNKNOWN: Final = coding(f"{TERMINOLOGY}/v3-NullFlavor", "ASKU", "Asked but no answer")
_HISPANIC: Final = coding(_OMB, "2135-2", "Hispanic or Latino")
_NOT_HISPANIC: Final = coding(_OMB, "2186-5", "Not Hispanic or Latino")
_MEDICAL_RECORD_NUMBER: Final = {"coding": [coding(f"{TERMINOLOGY}/v2-0203", "MR", "Medical Record Number")]}
_YES: Final = coding(SNOMED, "373066001", "Yes")
_NO: Final = coding(SNOMED, "373067005", "No")

_GIVEN: Final = ("Sample", "Mock", "Fictia", "Synthea", "Pseudo", "Exempla", "Demo", "Invented", "Placeholder", "Specimen")
_STREET: Final = ("Example Street", "Sample Avenue", "Invented Lane", "Fictional Road")
_BIRTH_PRECISION = Mix[str](("day", 955), ("month", 18), ("year", 20), ("missing", 7))
_BIRTH_SEX: Final = {"female": "F", "male": "M"}


def patient(person: Resident, rng: Random) -> Resource:
    """The Patient of ``person``; ``rng`` is theirs alone."""
    home = person.household
    resource: Resource = {
        "resourceType": "Patient",
        "id": person.id,
        "meta": {
            "lastUpdated": f"{person.after_birth(days_before(rng, person.last_day, 0, 400)).isoformat()}T03:15:00Z",
            "profile": [us_core("patient")],
        },
        "extension": _extensions(person, rng),
        "identifier": [{"use": "usual", "type": _MEDICAL_RECORD_NUMBER, "system": "urn:example:mrn", "value": f"{CANARY}-{person.id}"}],
        "active": True,
        "name": [{"use": "official", "family": home.name, "given": [rng.choice(_GIVEN)]}],
    }
    if rng.random() < 0.997:
        resource["gender"] = person.sex
    birth = partial(person.birth, _BIRTH_PRECISION.draw(rng))
    if birth is not None:
        resource["birthDate"] = birth
    resource |= _death(person, rng) | _contact(person, rng)
    if rng.random() < 0.98:
        resource["communication"] = [
            {"language": {"coding": [{"system": "urn:ietf:bcp:47", "code": home.language}]}, "preferred": True},
        ]
    return resource


def _extensions(person: Resident, rng: Random) -> list[Resource]:
    extensions = []
    if rng.random() < 0.97:
        extensions.append(_race(person, rng))
    if rng.random() < 0.96:
        ethnicity = _HISPANIC if person.household.hispanic else _NOT_HISPANIC
        extensions.append(_omb("ethnicity", [ethnicity], ethnicity["display"]))
    if person.sex in _BIRTH_SEX and rng.random() < 0.9:
        extensions.append({"url": us_core("birthsex"), "valueCode": _BIRTH_SEX[person.sex]})
    if person.household.language != "en":
        extensions += _interpreter(rng)
    return extensions


def _race(person: Resident, rng: Random) -> Resource:
    race = person.household.race
    if race == "UNK":
        return _omb("race", [_RACES["UNK"] if rng.random() < 0.7 else _ASKED_BUT_UNKNOWN], "Unknown")
    if rng.random() >= 0.06:
        return _omb("race", [_RACES[race]], _RACES[race]["display"])
    other = rng.choice([code for code in _RACES if code not in (race, "UNK")])
    return _omb("race", [_RACES[race], _RACES[other]], "Mixed")


def _omb(kind: str, categories: list[Resource], text: str) -> Resource:
    parts: list[Resource] = [{"url": "ombCategory", "valueCoding": category} for category in categories]
    return {"extension": [*parts, {"url": "text", "valueString": text}], "url": us_core(kind)}


def _interpreter(rng: Random) -> list[Resource]:
    draw = rng.random()
    if draw < 0.2:
        return []
    needed = draw < 0.75
    if rng.random() < 0.15:
        return [{"url": "http://hl7.org/fhir/StructureDefinition/patient-interpreterRequired", "valueBoolean": needed}]
    return [{"url": us_core("interpreter-needed"), "valueCoding": _YES if needed else _NO}]


def _death(person: Resident, rng: Random) -> Resource:
    if not person.dead:
        return {"deceasedBoolean": False} if rng.random() < 0.05 else {}
    if rng.random() < 0.3:
        return {"deceasedBoolean": True}
    return {"deceasedDateTime": person.last_day.isoformat()}


def _contact(person: Resident, rng: Random) -> Resource:
    contact: Resource = {}
    telecom = []
    if rng.random() < 0.93:
        number = f"{rng.choice((201, 312, 415, 617))}-555-01{rng.randrange(100):02}"
        telecom.append({"system": "phone", "value": number, "use": rng.choice(("home", "mobile"))})
    if person.adult and rng.random() < 0.5:
        telecom.append({"system": "email", "value": f"{CANARY}.{person.id}@example.org"})
    if telecom:
        contact["telecom"] = telecom
    if person.household.address_known:
        contact["address"] = [_address(person, shouting=rng.random() < 0.03)]
    return contact


def _address(person: Resident, *, shouting: bool) -> Resource:
    """The home's address; the same home is sometimes spelt in capitals, so that households must be matched with care."""
    home = person.household
    line, city = f"{home.number + 1} {CANARY} {_STREET[home.number % len(_STREET)]}", "Sampleton"
    return {
        "use": "home",
        "line": [line.upper() if shouting else line],
        "city": city.upper() if shouting else city,
        "state": "MA",
        "postalCode": home.postcode,
        "country": "US",
    }
