"""Hand-made listings of services, in FHIR and in both versions of HSDS."""

import csv
import json
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Any

from fhir_adapters.directory import Directory, Service, assemble, crosswalk, read_source
from fhir_adapters.directory.source import Source
from fhir_adapters.gravity import CAPACITY_STATUS, CATEGORIES, category
from fhir_adapters.report import Report

AS_OF = date(2026, 6, 30)
Json = dict[str, Any]

HSDS_2: dict[str, list[Json]] = {
    "organizations": [{"id": "o1", "name": "Food bank 1", "description": "Food", "url": "https://example.org", "email": "o1@example.org"}],
    "programs": [{"id": "p1", "organization_id": "o1", "name": "Winter help", "alternate_name": ""}],
    "services": [
        {
            "id": "s1",
            "organization_id": "o1",
            "program_id": "p1",
            "name": "Food parcels",
            "description": "Three days of food",
            "status": "active",
            "interpretation_services": "by telephone",
            "application_process": "Ask your doctor for a voucher",
            "wait_time": "two days",
            "fees": "free",
        }
    ],
    "service_attributes": [{"id": "a1", "service_id": "s1", "taxonomy_term_id": "t1"}],
    "other_attributes": [{"id": "a2", "link_id": "o1", "link_type": "organization", "taxonomy_term_id": "t2"}],
    "taxonomies": [{"id": "x1", "name": "Local terms"}],
    "taxonomy_terms": [
        {"id": "t1", "term": "Food parcels", "description": "", "parent_id": "t0", "taxonomy_id": "x1", "language": "en"},
        {"id": "t0", "term": "Food insecurity", "description": "", "parent_id": "", "taxonomy_id": "x1", "language": "en"},
        {"id": "t2", "term": "Food bank", "description": "", "parent_id": "", "taxonomy_id": "x1", "language": "en"},
    ],
    "services_at_location": [{"id": "l1s1", "service_id": "s1", "location_id": "l1", "description": ""}],
    "locations": [
        {"id": "l1", "organization_id": "o1", "name": "Hall 1", "latitude": "51.5", "longitude": "-0.12", "transportation": "bus"}
    ],
    "physical_addresses": [
        {"id": "d1", "location_id": "l1", "address_1": "1 Example Street", "city": "Town 1", "state_province": "", "postal_code": "AB1 2CD"}
    ],
    "postal_addresses": [{"id": "d2", "location_id": "l1", "address_1": "Box 1", "city": "Town 1", "postal_code": "AB9 9ZZ"}],
    "phones": [{"id": "n1", "service_id": "s1", "number": "555-0101", "type": "voice"}],
    "contacts": [{"id": "c1", "service_id": "s1", "title": "Reception", "email": "c1@example.org"}],
    "schedules": [
        {"id": "h1", "service_id": "s1", "freq": "WEEKLY", "byday": "MO,WE", "opens_at": "09:00", "closes_at": "12:00"},
        {"id": "h2", "service_id": "s1", "freq": "MONTHLY", "byday": "-1FR", "opens_at": "18:00", "closes_at": "20:00"},
    ],
    "service_areas": [{"id": "r1", "service_id": "s1", "service_area": "AB1, AB2", "description": ""}],
    "eligibilities": [{"id": "e1", "service_id": "s1", "eligibility": "Households in the town"}],
    "payments_accepted": [{"id": "m1", "service_id": "s1", "payment": "cash"}],
    "required_documents": [{"id": "q1", "service_id": "s1", "document": "a voucher"}],
    "languages": [{"id": "g1", "service_id": "s1", "location_id": "", "language": "es"}],
    "accessibility_for_disabilities": [{"id": "b1", "location_id": "l1", "accessibility": "step-free", "details": ""}],
    "metadata": [
        {"id": "z1", "resource_id": "s1", "resource_type": "service", "last_action_date": "2026-05-01", "last_action_type": "update"}
    ],
}
"""A directory of one service in the tables of HSDS 2.0.1."""


def write_tables(folder: Path, tables: dict[str, list[Json]]) -> Path:
    """One CSV file for each table."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in tables.items():
        with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]) if rows else ["id"])
            writer.writeheader()
            writer.writerows(rows)
    return folder


def write_json(file: Path, document: Any) -> Path:
    """One JSON document."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(document), encoding="utf-8")
    return file


def read(path: Path, name: str = "here") -> tuple[list[Service], Report]:
    """The services of a file or folder; whatever was read must be accounted for."""
    services, report = read_source(Source(name, path))
    assert report.balances(), [part for part in report.parts if not part.balances()]
    return services, report


def read_one(path: Path, name: str = "here") -> Service:
    """The only service of a file or folder."""
    (service,), _ = read(path, name)
    return service


def hsds_3(**changes: Any) -> Json:
    """One service as the API of HSDS 3.x gives it."""
    identity = "7d3f0f6e-1f2a-4b53-9d4e-0c0b6f6a1c11"
    return {
        "id": identity,
        "name": "Food parcels",
        "status": "active",
        "organization": {"id": "1c4e8f1c-51ce-4f51-8d2d-6f6a4b2c9a01", "name": "Food bank 1", "description": "Food"},
    } | changes


def fhir(**changes: Any) -> Json:
    """One HealthcareService for people short of food, confirmed ten days before `AS_OF`."""
    service = {
        "resourceType": "HealthcareService",
        "id": "h1",
        "meta": {"lastUpdated": "2026-06-20T10:00:00Z"},
        "active": True,
        "name": "Food parcels",
        "category": [{"coding": [category("food-insecurity")]}],
    }
    return {name: value for name, value in (service | changes).items() if value is not None}


def capacity(status: str) -> Json:
    """Gravity's capacity status."""
    concept = {"coding": [{"system": CATEGORIES, "code": status}]}
    return {"url": CAPACITY_STATUS, "extension": [{"url": "capacityStatus", "valueCodeableConcept": concept}]}


def directory(services: Iterable[Service], **further: Any) -> Directory:
    """A directory with the crosswalk that comes along, as of `AS_OF`."""
    return assemble(services, crosswalk(), AS_OF, **further)
