"""From FHIR resources to answers: what the wider tables and the tags say, in every engine."""

from datetime import date
from pathlib import Path
from typing import Any

from support.engines import open_engines
from support.spec import write_pack

from fhir_adapters import records_from_resources
from rules.conformance.comparison import differences
from rules.facts import PersonRecord
from rules.pack import load_packs

DRUG = {"coding": [{"system": "http://snomed.info/sct", "code": "44054006"}]}
DECLINED = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/data-absent-reason", "code": "asked-declined"}]}

RULE = """
    facts:
      ended: {exists: medications, status: [active, completed], within: 30 days, timing: ends}
      going on: {exists: medications, status: [active, completed], within: 30 days, timing: overlaps}
      declined: {exists: observations, reason: {"http://terminology.hl7.org/CodeSystem/data-absent-reason": [asked-declined]}}
      ordered: {exists: medications, intent: {"http://hl7.org/fhir/request-intent": [order]}}
      missed: {exists: appointments, status: [noshow]}
      permitted: {exists: consents}
    when: {any: [ended, going on, declined, ordered, missed, permitted]}
"""


def about(kind: str, **elements: Any) -> dict[str, Any]:
    return {
        "resourceType": kind,
        "id": "x",
        "subject": {"reference": "Patient/p"},
        "code": DRUG,
        "effectiveDateTime": "2026-05-01",
    } | elements


def prescription(**elements: Any) -> dict[str, Any]:
    usual = {"status": "active", "intent": "order", "authoredOn": "2026-01-01", "medicationCodeableConcept": DRUG}
    return about("MedicationRequest", **(usual | elements))


MISSED = {"participant": [{"actor": {"reference": "Patient/p"}}], "start": "2026-05-01T09:00:00Z"}
CONSENT = {"patient": {"reference": "Patient/p"}, "status": "active", "dateTime": "2026-01-01"}

PEOPLE = {
    "prescribed": (prescription(), {"ended": False, "going on": True, "ordered": True}),
    "prescribed, over, nobody knows since when": (prescription(status="completed"), {"ended": None, "going on": None, "ordered": True}),
    "prescribed, nobody knows what": (prescription(medicationCodeableConcept=None), {"going on": None, "ordered": None}),
    "not to be given": (prescription(doNotPerform=True), {"going on": False, "ordered": False}),
    "a plan only": (prescription(intent="plan"), {"going on": True, "ordered": False}),
    "answered": (about("Observation", status="final", valueInteger=1), {"declined": False}),
    "declined": (about("Observation", status="final", dataAbsentReason=DECLINED), {"declined": True}),
    "no value, and no reason": (about("Observation", status="final"), {"declined": None}),
    "did not come": (about("Appointment", status="noshow", **MISSED), {"missed": True}),
    "may not have come": (about("Appointment", **MISSED), {"missed": None}),
    "agreed": (about("Consent", **CONSENT), {"permitted": True}),
    "agreed once": (about("Consent", **(CONSENT | {"status": "inactive"})), {"permitted": False}),
}


def record(number: int, resource: dict[str, Any]) -> PersonRecord:
    text = f"p{number}"
    named = {"resourceType": "Patient", "id": text}
    own = {k: _renamed(v, text) for k, v in resource.items()}
    return records_from_resources([named, own], text, ())


def _renamed(value: Any, name: str) -> Any:
    if isinstance(value, dict):
        return {k: f"Patient/{name}" if v == "Patient/p" else _renamed(v, name) for k, v in value.items()}
    return [_renamed(item, name) for item in value] if isinstance(value, list) else value


def test_every_engine_gives_the_expected_facts(tmp_path: Path) -> None:
    (pack,) = load_packs(write_pack(tmp_path / "pack", RULE))
    people = [record(number, resource) for number, (resource, _) in enumerate(PEOPLE.values())]
    with open_engines() as engines:
        evaluations, different = differences(engines, pack.program, people, date(2026, 6, 1))
    assert different == []
    for evaluation, (name, (_, expected)) in zip(evaluations, PEOPLE.items(), strict=True):
        facts = {fact.removeprefix("spec/"): value for fact, value in evaluation.facts.items()}
        assert {fact: facts[fact] for fact in expected} == expected, name
