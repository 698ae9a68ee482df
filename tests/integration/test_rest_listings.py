"""The directory goes to a server that we did not write and comes back from it."""

from dataclasses import replace
from pathlib import Path

import pytest
from support.ehr_server import Ehr
from support.faulty_ehr import body, page, serving
from support.listings import AS_OF, directory, fhir, read, write_json

from fhir_adapters import FhirServer
from fhir_adapters.directory import Service, read_server
from fhir_adapters.directory.authoring import bundle
from fhir_adapters.errors import IncompleteSearch, UnsafeRedirect
from fhir_adapters.synthetic import agencies


def as_listed(service: Service) -> Service:
    """Without what a server stamps on every resource."""
    return replace(service, updated=None, capacity=tuple(each._replace(updated=None) for each in service.capacity))


def test_what_was_sent_to_a_server_is_found_on_it(ehr: Ehr, tmp_path: Path) -> None:
    made = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": resource} for resource in agencies(7, AS_OF)]}
    listed, _ = read(write_json(tmp_path / "made.json", made))
    sent = bundle(directory(listed))
    ehr.put(entry["resource"] for entry in sent["entry"])
    from_file, _ = read(write_json(tmp_path / "sent.json", sent), "peer")
    found, report = read_server(FhirServer(ehr.base_url), "peer", page_size=10)
    assert report.balances()
    assert [as_listed(service) for service in found] == [as_listed(service) for service in from_file]
    assert len(found) == 36


def test_a_server_that_shows_less_than_it_says_is_not_believed() -> None:
    with serving() as faulty:
        faulty.behaviours["HealthcareService"] = lambda *_: body(page([fhir()], 2))
        with pytest.raises(IncompleteSearch, match="the server said 2 and showed 1"):
            read_server(FhirServer(faulty.base_url))


def test_pages_that_run_in_a_circle_are_left() -> None:
    with serving() as faulty:
        faulty.behaviours["HealthcareService"] = lambda *_: body(page([fhir()], next="HealthcareService?_count=200"))
        with pytest.raises(IncompleteSearch, match="in a circle"):
            read_server(FhirServer(faulty.base_url))


def test_a_link_to_another_host_is_not_followed() -> None:
    with serving() as faulty:
        faulty.behaviours["HealthcareService"] = lambda *_: body(page([fhir()], next="https://elsewhere.example.org/else"))
        with pytest.raises(UnsafeRedirect):
            read_server(FhirServer(faulty.base_url))


def test_a_server_without_places_still_lists_services() -> None:
    with serving() as faulty:
        faulty.behaviours["HealthcareService"] = lambda *_: body(page([fhir(location=[{"reference": "Location/l1"}])], 1))
        faulty.behaviours["Location"] = lambda *_: body({"resourceType": "OperationOutcome"}, 404)
        services, report = read_server(FhirServer(faulty.base_url))
    assert [service.name for service in services] == ["Food parcels"]
    assert report.notes == ["Location: HTTP 404"]
    assert report.balances()
