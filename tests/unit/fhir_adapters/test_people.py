from datetime import date
from typing import Any

import pytest
from unit.fhir_adapters.conftest import MapOne

from fhir_adapters.mapping.people import person
from fhir_adapters.quarantine import Quarantine, Reading
from rules.facts import Coding, DateRange, Person

CORE = "http://hl7.org/fhir/us/core/StructureDefinition/"
HOME = {"use": "home", "line": ["12 High St.", "Flat 3"], "postalCode": "01940"}


def read(map_one: MapOne, **elements: Any) -> Person:
    found = map_one({"resourceType": "Patient", "id": "p1"} | elements).person
    assert found is not None
    return found


def household(*addresses: Any, key: bytes = b"k") -> str | None:
    return person({"address": list(addresses)}, Reading(Quarantine(), "Patient", "p1"), key).household


def omb(name: str, *codes: str) -> dict[str, Any]:
    parts = [{"url": "ombCategory", "valueCoding": {"system": "urn:oid:2.16.840.1.113883.6.238", "code": code}} for code in codes]
    return {"url": CORE + name, "extension": [*parts, {"url": "text", "valueString": "x"}]}


def test_a_patient_of_whom_nothing_is_known_counts_as_living(map_one: MapOne) -> None:
    assert read(map_one) == Person("p1", deceased=False)


def test_demographics(map_one: MapOne) -> None:
    found = read(
        map_one,
        birthDate="1957-03",
        gender="female",
        extension=[omb("us-core-race", "2106-3", "2028-9"), omb("us-core-ethnicity", "2186-5")],
        address=[{"use": "old", "postalCode": "99999"}, HOME],
        name=[{"use": "old", "text": "Old Name"}, {"use": "official", "given": ["Ada", "B."], "family": "Lov"}],
        telecom=[
            {"system": "email", "value": "x"},
            {"system": "phone", "use": "home", "value": "1"},
            {"system": "phone", "use": "mobile", "value": "2"},
        ],
    )
    assert found.birth == DateRange(date(1957, 3, 1), date(1957, 3, 31))
    assert (found.sex, found.race, found.ethnicity, found.postcode) == ("female", ("2106-3", "2028-9"), "2186-5", "01940")
    assert (found.name, found.phone) == ("Ada B. Lov", "2")
    assert "Ada" not in repr(found)


def test_gender_unknown_is_unknown_and_an_invented_one_is_reported(map_one: MapOne) -> None:
    assert read(map_one, gender="unknown").sex is None
    result = map_one({"resourceType": "Patient", "id": "p1", "gender": "Female"})
    assert result.person == Person("p1", deceased=False)
    assert result.defects == [("gender", "code outside the required value set")]


@pytest.mark.parametrize("code", ["UNK", "ASKU"])
def test_asked_but_unknown_is_no_category(map_one: MapOne, code: str) -> None:
    assert read(map_one, extension=[omb("us-core-race", code), omb("us-core-ethnicity", code)]).race == ()


@pytest.mark.parametrize(
    ("elements", "deceased", "died"),
    [
        ({"deceasedBoolean": True}, True, None),
        ({"deceasedBoolean": False}, False, None),
        ({"deceasedDateTime": "2024-01"}, True, DateRange(date(2024, 1, 1), date(2024, 1, 31))),
        ({"deceasedDateTime": "2024-02-30"}, True, None),
        ({"deceasedBoolean": False, "deceasedDateTime": "2024-01"}, None, None),
        ({"deceasedBoolean": "no"}, None, None),
        ({"_deceasedBoolean": {"extension": []}}, None, None),
    ],
)
def test_death(map_one: MapOne, elements: dict[str, Any], deceased: bool | None, died: DateRange | None) -> None:
    found = read(map_one, **elements)
    assert (found.deceased, found.died) == (deceased, died)


def language(code: str, **elements: Any) -> dict[str, Any]:
    return {"language": {"coding": [{"system": "urn:ietf:bcp:47", "code": code}]}} | elements


@pytest.mark.parametrize(
    ("spoken", "found"),
    [
        ([language("es")], "es"),
        ([language("en"), language("es", preferred=True)], "es"),
        ([language("en"), language("es")], None),
        ([{"language": {"text": "Spanish"}}], None),
        ([], None),
    ],
)
def test_language_is_the_preferred_or_the_only_one(map_one: MapOne, spoken: list[Any], found: str | None) -> None:
    assert read(map_one, communication=spoken).language == found


@pytest.mark.parametrize(
    ("extension", "needed"),
    [
        ({"url": CORE + "us-core-interpreter-needed", "valueCoding": {"system": "http://snomed.info/sct", "code": "373066001"}}, True),
        ({"url": CORE + "us-core-interpreter-needed", "valueCoding": {"system": "http://snomed.info/sct", "code": "373067005"}}, False),
        ({"url": CORE + "us-core-interpreter-needed", "valueCoding": {"code": "UNK"}}, None),
        ({"url": "http://hl7.org/fhir/StructureDefinition/patient-interpreterRequired", "valueBoolean": True}, True),
        ({"url": "urn:else", "valueBoolean": True}, None),
    ],
)
def test_interpreter(map_one: MapOne, extension: dict[str, Any], needed: bool | None) -> None:
    assert read(map_one, extension=[extension]).interpreter is needed


UK = "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-"


def uk(name: str, **parts: dict[str, Any]) -> dict[str, Any]:
    return {"url": UK + name, "extension": [{"url": url} | value for url, value in parts.items()]}


def coded(code: str, system: str = "urn:x") -> dict[str, Any]:
    return {"valueCodeableConcept": {"coding": [{"system": system, "code": code}]}}


def test_language_and_interpreter_as_the_nhs_notes_them(map_one: MapOne) -> None:
    noted = uk("NHSCommunication", language=coded("fr"), interpreterRequired={"valueBoolean": True})
    found = read(map_one, extension=[noted])
    assert (found.language, found.interpreter) == ("fr", True)
    assert read(map_one, extension=[noted], communication=[language("en")]).language == "en"


def test_an_interpreter_may_be_needed_for_one_language(map_one: MapOne) -> None:
    needed = {"url": CORE + "us-core-interpreter-needed", "valueCoding": {"code": "373066001"}}
    assert read(map_one, communication=[language("es", extension=[needed])]).interpreter is True


@pytest.mark.parametrize(("code", "ethnicity"), [("A", "A"), ("CL", "CL"), ("Z", None)])
def test_ethnic_category_of_the_uk(map_one: MapOne, code: str, ethnicity: str | None) -> None:
    said = {"url": UK + "EthnicCategory"} | coded(code, "https://fhir.hl7.org.uk/CodeSystem/UKCore-EthnicCategory")
    assert read(map_one, extension=[said]).ethnicity == ethnicity


def test_how_they_want_to_be_reached(map_one: MapOne) -> None:
    methods = "https://fhir.hl7.org.uk/CodeSystem/UKCore-PreferredContactMethod"
    telecom = [
        {"system": "phone", "value": "1", "use": "mobile", "rank": 2},
        {"system": "sms", "value": "2", "rank": 1},
        {"system": "email", "value": "3", "rank": 1, "use": "old"},
        {"system": "phone", "value": "4", "rank": 0},
    ]
    found = read(map_one, telecom=telecom)
    assert (found.contact, found.phone) == (Coding("http://hl7.org/fhir/contact-point-system", "sms"), "2")
    letter = uk("ContactPreference", PreferredContactMethod=coded("1", methods))
    assert read(map_one, telecom=telecom, extension=[letter]).contact == Coding(methods, "1")
    assert read(map_one, telecom=telecom[3:]).contact is None


@pytest.mark.parametrize(
    ("telecom", "email"),
    [
        pytest.param([{"value": "b@x.org", "use": "home"}, {"value": " a@x.org ", "rank": 1, "use": "work"}], "a@x.org", id="ranked first"),
        pytest.param([{"value": "b@x.org", "rank": 3}, {"value": "a@x.org", "rank": 2}], "a@x.org", id="by rank"),
        pytest.param([{"value": "b@x.org", "use": "work"}, {"value": "a@x.org", "use": "home"}], "a@x.org", id="at home before at work"),
        pytest.param([{"value": "b@x.org", "rank": 1, "use": "old"}, {"value": "a@x.org"}], "a@x.org", id="never an old one"),
        pytest.param(
            [{"value": "b@x.org", "rank": 1, "period": {"end": "2001-01-01"}}, {"value": "a@x.org"}], "a@x.org", id="never a past one"
        ),
        pytest.param([{"value": "none", "rank": 1}, {"value": "a@x.org"}], "a@x.org", id="no address is none"),
        pytest.param([{"value": f"{'a' * 250}@x.org"}], "", id="too long to be one"),
        pytest.param([{"system": "phone", "value": "1@x.org"}, {"use": "home"}], "", id="none"),
    ],
)
def test_the_address_to_write_to(map_one: MapOne, telecom: list[dict[str, object]], email: str) -> None:
    found = read(map_one, telecom=[{"system": "email"} | each for each in telecom])
    assert found.email == email
    assert "x.org" not in repr(found)


def test_a_census_tract_is_taken_from_the_home(map_one: MapOne) -> None:
    located = {"url": "http://hl7.org/fhir/StructureDefinition/iso21090-ADXP-censusTract", "valueString": "25009217200"}
    assert read(map_one, address=[HOME | {"extension": [located]}]).tract == "25009217200"
    assert read(map_one, address=[HOME, {"use": "old", "extension": [located]}]).tract is None


def test_a_household_is_one_address_however_it_is_spelt() -> None:
    assert household(HOME) == household({"line": ["12  HIGH ST", "flat-3"], "postalCode": " 01940 "})
    assert household(HOME) != household(HOME | {"line": ["12 High St.", "Flat 4"]})
    assert household(HOME) != household(HOME | {"postalCode": "01941"})
    assert household(HOME) != household(HOME, key=b"other")


@pytest.mark.parametrize(
    "address",
    [
        *({"line": ["12 High St."]}, {"postalCode": "01940"}, {"line": [], "postalCode": "01940"}, {"line": ["-"], "postalCode": "01940"}),
        *(HOME | {"use": "old"}, HOME | {"period": {"end": "2020"}}, HOME | {"type": "postal"}, "12 High St."),
    ],
)
def test_an_address_that_is_not_the_current_home_gives_no_household(address: object) -> None:
    assert household(address) is None


def test_a_patient_without_id_cannot_be_used(map_one: MapOne) -> None:
    result = map_one({"resourceType": "Patient"})
    assert (result.outcome, result.person, result.defects) == ("quarantined", None, [("id", "missing")])
