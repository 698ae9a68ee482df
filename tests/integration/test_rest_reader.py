"""Reading by REST from a server that we did not write gives what reading the same resources from files gives."""

import gzip
import json
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.ehr_server import Ehr, ehr_server
from support.hand_made import HAND_MADE, person

from fhir_adapters import FhirServer, read_directory, read_patients
from fhir_adapters.errors import EhrUnavailable
from fhir_adapters.mapping import MAPPED_TYPES, Outcome, subject_of
from fhir_adapters.quarantine import Reason
from fhir_adapters.search import Plan
from rules.facts import HOUSEHOLD, Event, PersonRecord


def as_sent(record: PersonRecord) -> PersonRecord:
    """Without what the server adds: it stamps every resource with the time at which it was stored."""
    events = sorted((replace(event, updated=None) for event in record.events), key=by_table)
    return replace(record, events=tuple(events), household=tuple(as_sent(other) for other in record.household))


def by_table(event: Event) -> tuple[str, str, str]:
    return event.table, event.source, event.part


def synthea_people(shared_data: Path, people: int) -> list[dict[str, Any]]:
    """All mapped resources of the people with the shortest histories."""
    by_person: dict[str, list[dict[str, Any]]] = {}
    for name in sorted(MAPPED_TYPES):
        file = shared_data / "synthea" / "sdoh" / f"{name}.ndjson.gz"
        for line in gzip.decompress(file.read_bytes()).splitlines() if file.exists() else []:
            resource = json.loads(line)
            owner = resource["id"] if name == "Patient" else subject_of(resource)
            by_person.setdefault(owner or "", []).append(resource)
    return [resource for own in sorted(by_person.values(), key=len)[:people] for resource in own]


def from_files(resources: list[dict[str, Any]], folder: Path) -> list[PersonRecord]:
    (folder / "all.ndjson").write_text("".join(json.dumps(resource) + "\n" for resource in resources), encoding="utf-8")
    dataset = read_directory(folder, loaded=MAPPED_TYPES)
    return [as_sent(record) for record in dataset.records]


@pytest.mark.slow
def test_a_population_is_the_same_by_rest_and_from_files(ehr: Ehr, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    resources = list(HAND_MADE)
    with suppress(pytest.skip.Exception):
        resources += synthea_people(request.getfixturevalue("shared_data"), 3)
    ehr.put(resources)
    dataset = read_patients(ehr.base_url, plan=Plan(page_size=5))
    assert [as_sent(record) for record in dataset.records] == from_files(resources, tmp_path)
    assert dataset.report.not_loaded == {}
    assert dataset.report.balances()
    assert dataset.report.total(Outcome.MAPPED) == len(resources)


@pytest.mark.slow
def test_one_patient_is_read_alone_and_the_household_is_unknown(ehr: Ehr, tmp_path: Path) -> None:
    ehr.put(HAND_MADE)
    (record,) = read_patients(ehr.base_url, patient_ids=["ann"], plan=Plan(page_size=3)).records
    (expected,) = from_files(person("ann"), tmp_path)
    assert as_sent(record) == replace(expected, household=(), not_loaded=frozenset({HOUSEHOLD}))


@pytest.mark.slow
def test_a_patient_who_does_not_exist_is_reported(ehr: Ehr) -> None:
    dataset = read_patients(ehr.base_url, patient_ids=["nobody"])
    assert dataset.records == []
    assert dataset.report.quarantine.counts == {("Patient", Reason.NO_PATIENT): 1}


@pytest.mark.slow
def test_a_real_server_that_ignores_the_patient_parameter_is_not_believed(peer: Path, tmp_path: Path) -> None:
    with ehr_server(peer, tmp_path, bare=True) as server:
        server.put(HAND_MADE)
        dataset = read_patients(server.base_url, patient_ids=["ann"])
    (record,) = dataset.records
    assert record.not_loaded == {HOUSEHOLD, "goals"}
    assert {event.source.split("-")[0].split("/")[1] for event in record.events} == {"ann"}
    assert [note.split(":")[0] for note in dataset.report.notes] == ["QuestionnaireResponse"]


@pytest.mark.slow
def test_the_versions_of_a_resource_can_be_read_and_a_stale_one_is_not_overwritten(ehr: Ehr) -> None:
    server = FhirServer(ehr.base_url)
    ehr.put(person("ann"))
    first = server.ask("GET", "Goal/ann-g")
    assert first.body is not None
    assert first.etag is not None
    server.ask("PUT", "Goal/ann-g", first.body | {"lifecycleStatus": "on-hold"}, headers={"If-Match": first.etag})
    history = server.get("Goal/ann-g/_history")
    versions = {entry["resource"]["meta"]["versionId"]: entry["resource"]["lifecycleStatus"] for entry in history["entry"]}
    assert versions[first.body["meta"]["versionId"]] == first.body["lifecycleStatus"]
    assert "on-hold" in versions.values()
    with pytest.raises(EhrUnavailable) as stale:
        server.ask("PUT", "Goal/ann-g", first.body, headers={"If-Match": first.etag})
    assert stale.value.status == 412
    assert server.ask("GET", "Goal/ann-g", headers={"If-None-Match": server.ask("GET", "Goal/ann-g").etag or ""}).status == 304
