"""Open Referral HSDS, 2.0.1 and 3.x, tables and JSON, becomes services; what cannot be used is counted."""

import json
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from support.listings import HSDS_2, hsds_3, read, read_one, write_json, write_tables

from fhir_adapters.directory.areas import Area
from fhir_adapters.directory.hsds.names import FIELDS_2, NEEDS, table
from fhir_adapters.directory.model import Capacity, Contact, Identifier, Language
from fhir_adapters.errors import SourceUnreadable
from fhir_adapters.mapping import Outcome
from fhir_adapters.quarantine import Reason


def defects(path: Path) -> list[tuple[str, str, Reason]]:
    _, report = read(path)
    return [(entry.resource_type, entry.path, entry.reason) for entry in report.quarantine.entries]


def test_the_tables_of_2_0_1_become_one_service(tmp_path: Path) -> None:
    service = read_one(write_tables(tmp_path, HSDS_2))
    assert (service.key, service.name, service.status) == ("here#service/s1", "Food parcels", "active")
    assert service.organization is not None
    assert (service.organization.name, service.organization.contacts) == (
        "Food bank 1",
        (Contact("email", "o1@example.org"), Contact("url", "https://example.org")),
    )
    assert [term.text for term in service.organization.terms] == ["Food bank"]
    (term,) = service.terms
    assert (term.system, term.text, term.broader and term.broader.text) == ("Local terms", "Food parcels", "Food insecurity")
    assert service.programs == ("Winter help",)
    assert service.areas == (Area("postcode", "AB1"), Area("postcode", "AB2"))
    assert service.languages == (Language(None, "es"),)
    assert service.eligibility == ("Households in the town",)
    assert [str(cost) for cost in service.costs] == ["free", "accepted: cash"]
    assert service.documents == ("a voucher",)
    assert (service.application, service.waiting, service.interpretation) == ("Ask your doctor for a voucher", "two days", "by telephone")
    assert service.contacts == (Contact("phone", "555-0101"), Contact("email", "c1@example.org", "Reception"))
    assert (service.updated, service.assured) == (date(2026, 5, 1), None)
    assert service.identifiers == ()
    (place,) = service.locations
    assert (place.name, place.latitude, place.longitude, place.accessibility) == ("Hall 1", 51.5, -0.12, ("step-free",))
    assert place.address is not None
    assert (place.address.lines, place.address.postcode) == (("1 Example Street",), "AB1 2CD")
    assert [service.open_on(day) for day in (date(2026, 6, 1), date(2026, 6, 2), date(2026, 6, 26), date(2026, 6, 19))] == [
        True,
        False,
        True,
        False,
    ]


def test_every_row_of_2_0_1_is_accounted_for(tmp_path: Path) -> None:
    _, report = read(write_tables(tmp_path, HSDS_2))
    assert report.total(Outcome.MAPPED) == sum(map(len, HSDS_2.values()))
    assert report.quarantine.counts == {}


def test_the_published_example_says_the_same_in_every_serialisation(shared_data: Path) -> None:
    examples = shared_data / "hsds" / "examples"
    tables, package = read_one(examples / "csv"), read_one(examples / "tabular.json")
    assert tables == package
    nested = [read_one(examples / f"{name}_full.json") for name in ("service", "service_at_location")]
    assert len({replace(each, terms=()) == replace(nested[0], terms=()) for each in nested}) == 1
    for one in nested:
        assert (one.name, one.status, one.minimum_age, one.maximum_age) == ("Community Counselling", "active", 12, 100)
        assert (one.assured, one.updated) == (date(2005, 1, 1), date(2023, 3, 15))
        for name in ("key", "identifiers", "areas", "languages", "eligibility", "costs", "documents", "hours", "programs", "application"):
            assert getattr(one, name) == getattr(tables, name), name
        assert [term.text for term in one.terms] == ["name"]


def test_every_published_example_is_read_and_accounted_for(shared_data: Path) -> None:
    for file in sorted((shared_data / "hsds" / "examples").glob("*.json")):
        services, _ = read(file, "example")
        assert len(services) == (0 if file.stem in {"base", "location", "organization_list"} or "taxonomy" in file.stem else 1) or (
            file.stem == "organization_full"
        )


def test_the_published_example_has_a_latitude_that_is_none(shared_data: Path) -> None:
    assert defects(shared_data / "hsds" / "examples" / "service_full.json") == [("location", "latitude", Reason.OUT_OF_RANGE)]
    (place,) = read_one(shared_data / "hsds" / "examples" / "service_full.json").locations
    assert (place.latitude, place.longitude) == (None, None)


def test_a_term_attached_to_nothing_is_set_aside(shared_data: Path) -> None:
    assert ("attribute", "link_id", Reason.DANGLING) in defects(shared_data / "hsds" / "examples" / "csv")


def test_places_left_say_whether_somebody_can_be_taken(tmp_path: Path) -> None:
    unit = {"id": "u1", "name": "bed"}
    for available, status in ((3, "capacity"), (0, "no-capacity")):
        held = [{"id": "k1", "unit": unit, "available": available, "maximum": 10, "updated": "2026-06-29T10:00:00.500+01:00"}]
        service = read_one(write_json(tmp_path / "service.json", hsds_3(capacities=held)))
        assert service.capacity == (Capacity(status, None, date(2026, 6, 29), available, 10, "bed"),)


def test_a_uuid_identifies_a_service_everywhere(tmp_path: Path) -> None:
    service = read_one(write_json(tmp_path / "service.json", hsds_3()))
    assert service.identifiers == (Identifier("urn:ietf:rfc:3986", "urn:uuid:7d3f0f6e-1f2a-4b53-9d4e-0c0b6f6a1c11"),)


def test_pages_of_the_api_and_lists_hold_services(tmp_path: Path) -> None:
    page = {"total_items": 1, "contents": [hsds_3()]}
    assert read_one(write_json(tmp_path / "page.json", page)) == read_one(write_json(tmp_path / "list.json", [hsds_3()]))


def test_services_within_an_organization_are_its_own(tmp_path: Path) -> None:
    organization = {
        "id": "o1",
        "name": "Charity 1",
        "description": "Help",
        "services": [{"id": "s1", "name": "Befriending", "status": "active"}],
    }
    service = read_one(write_json(tmp_path / "organization.json", organization))
    assert service.organization is not None
    assert service.organization.name == "Charity 1"


def test_what_is_said_twice_must_agree(tmp_path: Path) -> None:
    second = hsds_3(name="Parcels")
    service = read_one(write_json(tmp_path / "services.json", [hsds_3(), second]))
    assert service.name == "Food parcels"
    assert defects(tmp_path / "services.json") == [("service", "name", Reason.CONTRADICTION)]


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("minimum_age", "adult", Reason.NOT_A_NUMBER),
        ("minimum_age", -3, Reason.OUT_OF_RANGE),
        ("assured_date", "2026-02-30", Reason.INVALID_DATE),
        ("status", "open", Reason.NOT_IN_BINDING),
    ],
)
def test_an_element_that_cannot_be_read_is_unknown_and_reported(tmp_path: Path, field: str, value: Any, reason: Reason) -> None:
    service = read_one(write_json(tmp_path / "service.json", hsds_3(**{field: value})))
    assert (service.minimum_age, service.assured) == (None, None)
    assert defects(tmp_path / "service.json") == [("service", field, reason)]


def test_a_row_that_belongs_to_nothing_is_set_aside(tmp_path: Path) -> None:
    tables = HSDS_2 | {"phones": [{"id": "n1", "service_id": "gone", "number": "555-0101", "type": "voice"}]}
    assert defects(write_tables(tmp_path, tables)) == [("phone", "organization_id", Reason.DANGLING)]


def test_a_service_without_its_organization_is_kept(tmp_path: Path) -> None:
    tables = {"services": HSDS_2["services"]}
    service = read_one(write_tables(tmp_path, tables))
    assert service.organization is None
    assert defects(tmp_path) == [("service", "organization_id", Reason.DANGLING)]


def test_a_service_without_a_name_or_an_id_is_set_aside(tmp_path: Path) -> None:
    file = write_json(tmp_path / "services.json", [hsds_3(name=""), hsds_3(id=None)])
    assert read(file)[0] == []
    assert {(path, reason) for _, path, reason in defects(file)} == {("name", Reason.MISSING), ("id", Reason.MISSING)}


def test_a_row_with_too_many_cells_is_set_aside(tmp_path: Path) -> None:
    (tmp_path / "services.csv").write_text("id,name,status\ns1,Food, parcels,active\ns2,Meals,active\n", encoding="utf-8")
    services, report = read(tmp_path)
    assert [service.name for service in services] == ["Meals"]
    assert report.quarantine.counts["service", Reason.RAGGED] == 1


def test_a_table_that_is_no_csv_stops_the_read(tmp_path: Path) -> None:
    (tmp_path / "services.csv").write_bytes(b"id,name\ns1,\xff\xfe\n")
    with pytest.raises(SourceUnreadable, match=r"services\.csv: not a CSV file in UTF-8"):
        read(tmp_path)
    (tmp_path / "services.csv").write_text("key,name\ns1,Food\n", encoding="utf-8")
    with pytest.raises(SourceUnreadable, match=r"services\.csv:1: no column is called 'id'"):
        read(tmp_path)


def test_a_folder_without_listings_is_said_to_have_none(tmp_path: Path) -> None:
    (tmp_path / "readme.txt").write_text("nothing", encoding="utf-8")
    with pytest.raises(SourceUnreadable, match="holds no FHIR or HSDS"):
        read(tmp_path)


def test_the_descriptor_of_a_package_is_left_alone(tmp_path: Path) -> None:
    write_json(tmp_path / "datapackage.json", {"name": "human_services_data"})
    _, report = read(write_tables(tmp_path, HSDS_2))
    assert report.notes == ["1 file(s) of other kinds were left alone"]


@pytest.mark.parametrize("document", [7, "text", [[1]], {"id": "x"}, {"resource": {}}, [None]])
def test_json_that_lists_nothing_is_counted(tmp_path: Path, document: Any) -> None:
    services, report = read(write_json(tmp_path / "x.json", document))
    assert services == []
    assert report.total(Outcome.QUARANTINED) == 1


def test_objects_of_no_table_are_counted(tmp_path: Path) -> None:
    file = write_json(tmp_path / "service.json", hsds_3(opening={"monday": "9 to 5"}, phones=["555"]))
    services, report = read(file)
    assert len(services) == 1
    assert [(entry.path, entry.reason) for entry in report.quarantine.entries] == [
        ("opening", Reason.WRONG_TYPE),
        ("phones", Reason.WRONG_TYPE),
    ]


def test_lines_of_json_are_services(tmp_path: Path) -> None:
    file = tmp_path / "services.ndjson"
    file.write_text(json.dumps(hsds_3()) + "\n\nnot json\n", encoding="utf-8")
    services, report = read(file)
    assert len(services) == 1
    assert (report.total(Outcome.BLANK), report.total(Outcome.QUARANTINED)) == (1, 1)


def test_every_table_of_the_published_package_is_known_by_name_and_by_file(shared_data: Path) -> None:
    package = json.loads((shared_data / "hsds" / "datapackage.json").read_text(encoding="utf-8"))
    files = {file.stem for file in (shared_data / "hsds" / "examples" / "csv").glob("*.csv")}
    assert len(files) == len(package["resources"]) == 21
    names = {resource["name"] for resource in package["resources"]}
    assert {table(name) for name in names} == {table(name) for name in files} == names


def test_every_field_that_is_read_is_published(shared_data: Path) -> None:
    """Of the tables of 3.0; what 3.1 added and 3.0 dropped is in tables of its own."""
    package = json.loads((shared_data / "hsds" / "datapackage.json").read_text(encoding="utf-8"))
    fields = {resource["name"]: {field["name"] for field in resource["schema"]["fields"]} for resource in package["resources"]}
    for name, renamed in FIELDS_2.items():
        assert set(renamed.values()) <= fields[name]
    for name, parents in NEEDS.items():
        if name in fields:
            assert {f"{parent}_id" for parent in parents} & fields[name]


def test_an_outline_may_be_as_long_as_a_coast(tmp_path: Path) -> None:
    coast = json.dumps({"type": "Polygon", "coordinates": [[[n / 10_000, n / 20_000] for n in range(10_000)]]})
    assert len(coast) > 131_072
    area = {"id": "r1", "service_id": "s1", "name": "The coast", "extent": coast, "extent_type": "geojson"}
    service = read_one(write_tables(tmp_path, HSDS_2 | {"service_areas": [area]}))
    assert service.areas == (Area("outline", "The coast"), Area("name", "The coast"))
