"""What is written of a directory is valid FHIR, always the same, and says what was read."""

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from fhir.resources.R4B import get_fhir_model_class
from hypothesis import given
from hypothesis import strategies as st
from support.listings import AS_OF, HSDS_2, directory, hsds_3, read, read_one, write_json, write_tables

from fhir_adapters.directory import Inquiry, Service, find
from fhir_adapters.directory.authoring import bundle
from fhir_adapters.directory.hsds.nested import add_document
from fhir_adapters.directory.hsds.rows import Tables
from fhir_adapters.directory.hsds.services import services
from fhir_adapters.directory.model import Contact, Language
from fhir_adapters.directory.source import Intake
from fhir_adapters.gravity import CATEGORIES
from fhir_adapters.quarantine import Quarantine
from fhir_adapters.report import Part, Report
from fhir_adapters.synthetic import agencies


def written(*listed: Service) -> dict[str, list[dict[str, Any]]]:
    """The resources of the Bundle by type; each is validated anew."""
    found: dict[str, list[dict[str, Any]]] = {}
    for entry in bundle(directory(listed)).get("entry", []):
        resource = entry["resource"]
        get_fhir_model_class(resource["resourceType"])(**resource)
        assert entry["request"] == {"method": "PUT", "url": f"{resource['resourceType']}/{resource['id']}"}
        found.setdefault(resource["resourceType"], []).append(resource)
    return found


def test_a_directory_in_hsds_becomes_resources_that_a_referral_can_point_to(tmp_path: Path) -> None:
    found = written(read_one(write_tables(tmp_path, HSDS_2)))
    (service,), (organization,), (location,) = found["HealthcareService"], found["Organization"], found["Location"]
    assert service["providedBy"] == {"reference": f"Organization/{organization['id']}"}
    assert service["location"] == [{"reference": f"Location/{location['id']}"}]
    codes = [(coding["system"], coding["code"]) for coding in service["category"][0]["coding"]]
    assert codes == [("http://hl7.org/fhir/us/core/CodeSystem/us-core-category", "sdoh"), (CATEGORIES, "food-insecurity")]
    assert (service["active"], service["name"]) == (True, "Food parcels")
    assert service["meta"] == {"lastUpdated": "2026-05-01T00:00:00Z"}
    assert service["availableTime"] == [{"daysOfWeek": ["mon", "wed"], "availableStartTime": "09:00:00", "availableEndTime": "12:00:00"}]
    assert service["availabilityExceptions"] == "-1.Fr 18:00 to 20:00"
    assert "Document needed: a voucher" in service["extraDetails"]
    assert location["position"] == {"latitude": 51.5, "longitude": -0.12}
    assert organization["name"] == "Food bank 1"


def test_the_same_listings_give_the_same_bundle(tmp_path: Path) -> None:
    one, other = (bundle(directory(read(write_tables(tmp_path / name, HSDS_2))[0])) for name in ("x", "y"))
    assert one == other


def test_what_was_confirmed_stays_confirmed(tmp_path: Path) -> None:
    found = written(read_one(write_json(tmp_path / "a.json", hsds_3(assured_date="2026-06-01"))))
    assert [(r["lastPerformed"], r["target"]) for r in found["VerificationResult"]] == [
        ("2026-06-01", [{"reference": f"HealthcareService/{found['HealthcareService'][0]['id']}"}])
    ]


def test_what_was_written_is_read_back_and_known_as_the_same(tmp_path: Path) -> None:
    source = hsds_3(
        assured_date="2026-06-01",
        service_areas=[{"id": "r1", "name": "00001"}],
        languages=[{"id": "g1", "code": "es", "name": "Spanish"}],
        capacities=[{"id": "k1", "unit": {"id": "u1", "name": "bed"}, "available": 0, "updated": "2026-06-29T10:00:00Z"}],
        attributes=[{"id": "a1", "taxonomy_term": {"id": "t1", "name": "Food insecurity", "description": ""}}],
    )
    one = read_one(write_json(tmp_path / "a.json", source), "a")
    other = read_one(write_json(tmp_path / "b.json", bundle(directory([one]))), "b")
    for name in ("name", "status", "areas", "languages", "identifiers", "assured"):
        assert getattr(one, name) == getattr(other, name), name
    assert [each.status for each in other.capacity] == ["no-capacity"]
    both = directory([one, other])
    assert len(both.entries) == 1
    assert both.entries[0].conflicts() == ()
    (match,) = find(both, Inquiry(AS_OF, "food-insecurity"))
    assert match.verdict == "left out"


def test_synthetic_agencies_survive_being_written_and_read(tmp_path: Path) -> None:
    file = write_json(
        tmp_path / "a.json", {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": r} for r in agencies(3, AS_OF)]}
    )
    listed, _ = read(file, "a")
    found = written(*listed)
    assert len(found["HealthcareService"]) == len(listed) == 36
    again, _ = read(write_json(tmp_path / "b.json", bundle(directory(listed))), "b")
    assert sorted(service.name for service in again) == sorted(service.name for service in listed)


def test_the_published_examples_become_valid_resources(shared_data: Path) -> None:
    hsds = read_one(shared_data / "hsds" / "examples" / "service_full.json", "hsds")
    gravity, _ = read(shared_data / "gravity-examples", "gravity")
    core, _ = read(shared_data / "r4-core-examples.ndjson.gz", "core")
    found = written(hsds, *gravity, *core)
    assert len(found["HealthcareService"]) == 3
    (organization,) = [each for each in found["Organization"] if each["name"] == "Example Organization Inc."]
    assert organization["identifier"] == [{"type": {"text": "GB-COH"}, "value": "1234567"}]


def test_what_fhir_cannot_say_is_left_out_rather_than_bent() -> None:
    service = Service("one#service/1", "Food parcels", languages=(Language("two words", None),), contacts=(Contact("phone", "555"),))
    (resource,) = written(replace(service, updated=date(2026, 1, 1)))["HealthcareService"]
    assert resource["communication"] == [{"text": "two words"}]
    assert "active" not in resource


def test_a_directory_of_nothing_is_a_bundle_of_nothing() -> None:
    assert bundle(directory([])) == {"resourceType": "Bundle", "type": "transaction"}


WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=8)
ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-200, 200)
    | st.floats(allow_nan=False)
    | WORDS
    | st.sampled_from(["2026-06-01", "09:00", "MO,TU", "WEEKLY", "es"]),
    lambda inner: st.lists(inner, max_size=2),
    max_leaves=3,
)
PROPERTIES = [
    "status",
    "description",
    "alert",
    "minimum_age",
    "maximum_age",
    "assured_date",
    "last_modified",
    "wait_time",
    "fees_description",
    "eligibility_description",
    "interpretation_services",
    "application_process",
    "url",
    "email",
]
INNER = {
    "phones": ("number", "type", "extension"),
    "schedules": ("freq", "byday", "opens_at", "closes_at", "count", "dtstart", "valid_to"),
    "service_areas": ("name", "extent", "extent_type"),
    "languages": ("code", "name"),
    "cost_options": ("amount", "currency", "option"),
    "capacities": ("available", "updated", "description"),
    "required_documents": ("document",),
}


def odd(names: tuple[str, ...] | list[str]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({"id": st.just("i")}, optional=dict.fromkeys(names, ANYTHING))


@given(
    st.fixed_dictionaries({}, optional=dict.fromkeys(PROPERTIES, ANYTHING) | {k: st.lists(odd(v), max_size=1) for k, v in INNER.items()})
)
def test_whatever_hsds_says_is_read_accounted_for_and_written_as_valid_fhir(changes: dict[str, Any]) -> None:
    tables, part = Tables("any", Quarantine()), Part("any", lines=1)
    add_document(hsds_3(**changes), tables, part)
    tables.settle()
    assert part.balances()
    listed = list(services(tables))
    find(directory(listed), Inquiry(AS_OF, "food-insecurity"))
    written(*listed)


FHIR_ELEMENTS = [
    "active",
    "category",
    "type",
    "location",
    "comment",
    "extraDetails",
    "telecom",
    "coverageArea",
    "serviceProvisionCode",
    "eligibility",
    "program",
    "characteristic",
    "communication",
    "referralMethod",
    "availableTime",
    "notAvailable",
    "availabilityExceptions",
    "meta",
    "extension",
    "identifier",
    "providedBy",
]
OBJECTS = st.dictionaries(
    st.sampled_from(
        [
            "system",
            "value",
            "code",
            "text",
            "display",
            "coding",
            "daysOfWeek",
            "availableStartTime",
            "during",
            "reference",
            "url",
            "use",
            "start",
        ]
    ),
    ANYTHING,
    max_size=4,
)


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(FHIR_ELEMENTS, ANYTHING | OBJECTS | st.lists(OBJECTS, max_size=2))))
def test_whatever_a_healthcare_service_says_is_read_accounted_for_and_written_as_valid_fhir(changes: dict[str, Any]) -> None:
    intake = Intake("any", Report())
    part = intake.report.part("any")
    part.lines = 1
    intake.resource({"resourceType": "HealthcareService", "id": "h1", "name": "Food parcels"} | changes, part)
    assert part.balances()
    (service,) = intake.services()
    find(directory([service]), Inquiry(AS_OF, "food-insecurity"))
    written(service)


@pytest.mark.parametrize("count", [0, 2])
def test_fewer_agencies_are_a_beginning_of_none(count: int) -> None:
    made = [resource for resource in agencies(1, AS_OF, count) if resource["resourceType"] == "Organization"]
    assert len(made) == 7 * count
