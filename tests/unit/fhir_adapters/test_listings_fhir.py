"""HealthcareService, Organization, Location and VerificationResult become services."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from support.listings import capacity, fhir, read, read_one, write_json

from fhir_adapters.directory.areas import Area
from fhir_adapters.directory.model import Capacity, Closure, Contact, Identifier, Language, Service
from fhir_adapters.gravity import CATEGORIES
from fhir_adapters.mapping import Outcome
from fhir_adapters.quarantine import Reason

BOUNDARY = "http://hl7.org/fhir/StructureDefinition/location-boundary-geojson"
ACCESS = "http://hl7.org/fhir/us/davinci-pdex-plan-net/StructureDefinition/accessibility"


def bundle(*resources: dict[str, Any]) -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": resource} for resource in resources]}


def listed(tmp_path: Path, *resources: dict[str, Any]) -> Service:
    return read_one(write_json(tmp_path / "directory.json", bundle(*resources)))


def defects(tmp_path: Path) -> list[tuple[str, Reason]]:
    _, report = read(tmp_path / "directory.json")
    return [(entry.path, entry.reason) for entry in report.quarantine.entries]


def test_a_service_brings_its_agency_its_places_and_its_area(tmp_path: Path) -> None:
    service = listed(
        tmp_path,
        fhir(
            providedBy={"reference": "Organization/o1"},
            location=[{"reference": "https://ehr.example.org/fhir/Location/l1"}],
            coverageArea=[{"reference": "Location/a1"}, {"reference": "#inside"}, {"display": "Greater Town"}],
            contained=[{"resourceType": "Location", "id": "inside", "address": {"district": "County 1", "state": "S1"}}],
            identifier=[{"system": "http://example.org/services", "value": "7"}, {"value": "no system"}],
            communication=[{"coding": [{"system": "urn:ietf:bcp:47", "code": "es", "display": "Spanish"}]}],
            program=[{"text": "Winter help"}],
            characteristic=[{"coding": [{"display": "Wheelchair access"}]}],
            serviceProvisionCode=[{"coding": [{"code": "cost", "display": "Fees apply"}]}],
            eligibility=[{"code": {"text": "Households"}, "comment": "in the town"}],
            referralMethod=[{"text": "Phone"}],
            appointmentRequired=False,
        ),
        {
            "resourceType": "Organization",
            "id": "o1",
            "active": True,
            "name": "Food bank 1",
            "type": [{"text": "food bank"}],
            "telecom": [{"system": "phone", "value": "555-0102"}],
        },
        {
            "resourceType": "Location",
            "id": "l1",
            "name": "Hall 1",
            "address": {"line": ["1 Example Street"], "postalCode": "00001"},
            "position": {"latitude": 51.5, "longitude": -0.12},
            "extension": [{"url": ACCESS, "valueCodeableConcept": {"text": "step-free"}}],
            "hoursOfOperation": [{"daysOfWeek": ["mon"], "openingTime": "09:00:00", "closingTime": "12:00:00"}],
        },
        {"resourceType": "Location", "id": "a1", "address": {"postalCode": "00001, 00002"}},
    )
    assert service.organization is not None
    assert (service.organization.name, service.organization.contacts) == ("Food bank 1", (Contact("phone", "555-0102"),))
    (place,) = service.locations
    assert (place.latitude, place.longitude, place.accessibility) == (51.5, -0.12, ("step-free",))
    assert service.areas == (
        Area("postcode", "00001"),
        Area("postcode", "00002"),
        Area("county", "County 1"),
        Area("name", "Greater Town"),
    )
    assert service.identifiers == (Identifier("http://example.org/services", "7"),)
    assert service.languages == (Language("es", "Spanish"),)
    assert (service.programs, service.accessibility) == (("Winter help",), ("Wheelchair access",))
    assert [str(cost) for cost in service.costs] == ["Fees apply"]
    assert service.eligibility == ("Households", "in the town")
    assert service.application == "Phone, no appointment required"
    assert (service.open_on(date(2026, 6, 1)), service.open_on(date(2026, 6, 2))) == (True, False)


def test_a_bundle_may_name_its_entries_by_urn(tmp_path: Path) -> None:
    urn = "urn:uuid:0f0f0f0f-1111-4222-8333-444455556666"
    document = bundle(fhir(providedBy={"reference": urn}))
    document["entry"].append({"fullUrl": urn, "resource": {"resourceType": "Organization", "name": "Charity 1"}})
    service = read_one(write_json(tmp_path / "directory.json", document))
    assert service.organization is not None
    assert service.organization.name == "Charity 1"


def test_what_it_refers_to_and_is_not_there_is_reported(tmp_path: Path) -> None:
    service = listed(
        tmp_path, fhir(providedBy={"reference": "Organization/gone", "display": "Charity 1"}, location=[{"reference": "Location/gone"}])
    )
    assert service.organization is not None
    assert (service.organization.name, service.locations) == ("Charity 1", ())
    assert defects(tmp_path) == [("providedBy", Reason.DANGLING), ("location[0]", Reason.DANGLING)]


@pytest.mark.requirement("gravity:cap-1")
@pytest.mark.parametrize("status", ["capacity", "waitlist", "no-capacity", "additional-assessment-required"])
def test_gravitys_capacity_is_as_old_as_the_resource(tmp_path: Path, status: str) -> None:
    assert listed(tmp_path, fhir(extension=[capacity(status)])).capacity == (Capacity(status, None, date(2026, 6, 20)),)


def test_a_capacity_outside_the_value_set_is_unknown(tmp_path: Path) -> None:
    assert listed(tmp_path, fhir(extension=[capacity("at-capacity")])).capacity == (Capacity(None, None, date(2026, 6, 20)),)
    assert defects(tmp_path) == [("extension[0]", Reason.NOT_IN_BINDING)]


def test_somebody_who_verified_a_listing_makes_it_assured(tmp_path: Path) -> None:
    checks = [
        {
            "resourceType": "VerificationResult",
            "id": f"v{number}",
            "target": [{"reference": "HealthcareService/h1"}],
            "status": status,
            "lastPerformed": f"2026-0{number}-10",
        }
        for number, status in ((1, "attested"), (2, "validated"), (3, "val-fail"))
    ]
    assert listed(tmp_path, fhir(meta=None), *checks).assured == date(2026, 2, 10)


def test_times_of_closing_are_whole_days(tmp_path: Path) -> None:
    service = listed(
        tmp_path,
        fhir(
            availableTime=[{"daysOfWeek": ["mon", "tue"], "allDay": True}],
            notAvailable=[{"description": "Holidays", "during": {"start": "2026-12-24", "end": "2026-12"}}, {"description": "Staff days"}],
        ),
    )
    assert service.closures == (Closure(date(2026, 12, 24), date(2026, 12, 31), "Holidays"), Closure(None, None, "Staff days"))
    assert [service.open_on(date(2026, 12, day)) for day in (22, 23, 28)] == [True, False, False]


def test_a_boundary_is_an_area_that_only_a_map_can_tell(tmp_path: Path) -> None:
    place = {"resourceType": "Location", "id": "a1", "name": "North", "extension": [{"url": BOUNDARY, "valueAttachment": {"data": "e30="}}]}
    assert listed(tmp_path, fhir(coverageArea=[{"reference": "Location/a1"}]), place).areas == (
        Area("outline", "North"),
        Area("name", "North"),
    )


@pytest.mark.parametrize(
    ("changes", "path", "reason"),
    [
        ({"active": "yes"}, "active", Reason.WRONG_TYPE),
        ({"comment": 7}, "comment", Reason.WRONG_TYPE),
        ({"category": ["food"]}, "category[0]", Reason.NOT_AN_OBJECT),
        ({"telecom": [{"value": "555"}]}, "telecom[0].system", Reason.MISSING),
        ({"availableTime": [{"daysOfWeek": ["someday"]}]}, "availableTime[0].daysOfWeek", Reason.NOT_IN_BINDING),
        ({"notAvailable": [{"during": {"start": "soon"}}]}, "notAvailable[0].during.start", Reason.INVALID_DATE),
        ({"meta": {"lastUpdated": "yesterday"}}, "meta.lastUpdated", Reason.INVALID_DATE),
    ],
)
def test_an_element_that_cannot_be_read_is_reported_and_the_service_kept(
    tmp_path: Path, changes: dict[str, Any], path: str, reason: Reason
) -> None:
    assert listed(tmp_path, fhir(**changes)).name == "Food parcels"
    assert (path, reason) in defects(tmp_path)


def test_a_service_without_a_name_or_an_id_is_set_aside(tmp_path: Path) -> None:
    file = write_json(tmp_path / "directory.json", bundle(fhir(name=" "), fhir(id="not an id")))
    services, report = read(file)
    assert services == []
    assert report.total(Outcome.QUARANTINED) == 2


def test_the_newest_version_of_a_resource_counts(tmp_path: Path) -> None:
    newer, older = fhir(name="Meals"), fhir(meta={"lastUpdated": "2025-01-01T00:00:00Z"})
    for order in ((newer, older), (older, newer)):
        assert listed(tmp_path, *order).name == "Meals"
    assert defects(tmp_path) == [("id", Reason.DUPLICATE_ID)]


def test_gravitys_example_is_read_whole(shared_data: Path) -> None:
    services, report = read(shared_data / "gravity-examples", "gravity")
    (service,) = services
    assert service.name == "Family Counseling Services"
    assert [contact.appointments for contact in service.contacts] == [True, True, False, False]
    assert service.locations[0].address is not None
    assert service.locations[0].address.postcode == "62223"
    assert report.quarantine.counts == {}


def test_the_core_examples_are_read_and_accounted_for(shared_data: Path) -> None:
    services, report = read(shared_data / "r4-core-examples.ndjson.gz", "core")
    assert [service.name for service in services] == ["Consulting psychologists and/or psychology services"]
    assert services[0].areas == (Area("name", "Greater Denburg area"),)
    assert services[0].open_on(date(2015, 12, 25)) is False
    rows = {row.resource_type: row for row in report.rows()}
    assert rows["HealthcareService"].mapped == rows["HealthcareService"].read == 1
    assert (rows["Location"].mapped, rows["Location"].duplicate, rows["Organization"].mapped) == (7, 1, 13)


def test_terms_of_every_coding_are_kept(tmp_path: Path) -> None:
    service = listed(tmp_path, fhir(type=[{"coding": [{"system": "http://example.org/t", "code": "1"}]}, {"text": "parcels"}]))
    assert [(term.system, term.code, term.text) for term in service.terms] == [
        (CATEGORIES, "food-insecurity", "Food Insecurity"),
        ("http://example.org/t", "1", ""),
        ("", "", "parcels"),
    ]


def test_a_defect_of_what_several_services_share_is_counted_once(tmp_path: Path) -> None:
    area = {"resourceType": "Location", "id": "a1", "name": 7}
    services = [fhir(id=f"h{n}", coverageArea=[{"reference": "Location/a1"}]) for n in range(3)]
    read(write_json(tmp_path / "directory.json", bundle(area, *services)))
    assert defects(tmp_path).count(("name", Reason.WRONG_TYPE)) == 1
