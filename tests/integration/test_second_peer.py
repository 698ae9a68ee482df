"""A server in another language, with other habits: opaque versions, no links to the next page. Runs where Medplum's packages are."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.hand_made import HAND_MADE
from support.medplum import MODULES, node, why_not

from fhir_adapters import FhirServer, Limits, read_directory, read_patients
from fhir_adapters.capability import read_capability
from fhir_adapters.errors import EhrUnavailable
from fhir_adapters.mapping import MAPPED_TYPES
from fhir_adapters.search import Plan, Query, find

NEEDED = ("@medplum/fhir-router", "express")
WHY_NOT = why_not() or ", ".join(f"{name} is missing" for name in NEEDED if not (Path(os.environ.get(MODULES, "")) / name).is_dir())
pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT or "they run")]
SCRIPT = Path(__file__).resolve().parents[1] / "support" / "medplum_server.mjs"


@pytest.fixture(scope="module")
def server() -> Iterator[FhirServer]:
    with subprocess.Popen([node(), SCRIPT, os.environ[MODULES]], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        base_url = f"http://127.0.0.1:{int(process.stdout.readline())}/fhir"
        strange = FhirServer(base_url, limits=Limits(attempts=1))
        try:
            for resource in HAND_MADE:
                strange.ask("PUT", f"{resource['resourceType']}/{resource['id']}", resource)
            yield strange
        finally:
            process.terminate()


def test_everybody_is_read_as_from_files(server: FhirServer, tmp_path: Path) -> None:
    (tmp_path / "all.ndjson").write_text("".join(json.dumps(resource) + "\n" for resource in HAND_MADE))
    read = read_patients(server, plan=Plan(page_size=1000))
    filed = read_directory(tmp_path, loaded=MAPPED_TYPES)
    assert read.report.not_loaded == {}
    assert [r.person.id for r in read.records] == [r.person.id for r in filed.records]
    assert [sorted(e.source for e in r.events) for r in read.records] == [sorted(e.source for e in r.events) for r in filed.records]


def test_an_answer_without_its_other_pages_is_never_a_short_one(server: FhirServer) -> None:
    """It says how many there are and shows the first ones, and no way to the rest."""
    dataset = read_patients(server, patient_ids=["ann"], plan=Plan(page_size=2))
    assert "showed 2" in dataset.report.not_loaded["observations"]
    (record,) = dataset.records
    assert "observations" in record.not_loaded


def test_versions_are_opaque_and_a_stale_one_is_refused(server: FhirServer) -> None:
    first = server.ask("GET", "Goal/ann-g")
    assert first.body is not None
    assert first.etag is not None
    server.ask("PUT", "Goal/ann-g", first.body | {"lifecycleStatus": "on-hold"}, headers={"If-Match": first.etag})
    with pytest.raises(EhrUnavailable) as stale:
        server.ask("PUT", "Goal/ann-g", first.body | {"lifecycleStatus": "active"}, headers={"If-Match": first.etag})
    assert stale.value.status == 412


def test_a_condition_on_creating_is_kept(server: FhirServer) -> None:
    task = {
        "resourceType": "Task",
        "status": "requested",
        "intent": "order",
        "identifier": [{"system": "urn:almoner:north", "value": "1"}],
    }
    condition = {"If-None-Exist": "identifier=urn:almoner:north|1"}
    for _ in range(3):
        server.ask("POST", "Task", task, headers=condition)
    assert len(find(server, Query("Task", (("identifier", "urn:almoner:north|1"),)), lambda _: True)) == 1


def test_what_does_not_say_what_it_can_do_is_not_guessed_at(server: FhirServer) -> None:
    with pytest.raises(EhrUnavailable, match="not a CapabilityStatement"):
        read_capability(server)
