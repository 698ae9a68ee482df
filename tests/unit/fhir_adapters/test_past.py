"""What lies too far back is recognised by its date alone; what might count is mapped, and whose everything is still matters."""

from datetime import date
from typing import Any, Final

import pytest

from fhir_adapters import records_from_resources
from fhir_adapters.errors import WrongPatient
from fhir_adapters.mapping import DATED, NO_PAST, Outcome, Past, map_resource
from fhir_adapters.quarantine import Quarantine
from fhir_adapters.synthetic import population
from rules.facts import Coding

LOINC: Final = "http://loinc.org"
PAST: Final = Past(dict.fromkeys(DATED, date(2020, 3, 1)), frozenset({Coding(LOINC, "96780-2")}))


def concept(code: str) -> dict[str, Any]:
    return {"coding": [{"system": LOINC, "code": code}]}


def observed(**members: Any) -> dict[str, Any]:
    about: dict[str, Any] = {"id": "o", "status": "final", "subject": {"reference": "Patient/p"}, "code": concept("4548-4")}
    return {"resourceType": "Observation"} | about | members


OLD: Final = {"effectiveDateTime": "2020-02-29T23:59:00-05:00"}


@pytest.mark.parametrize(
    "resource",
    [
        observed(**OLD),
        observed(effectiveDateTime="2020-02"),
        observed(effectiveDateTime="2019"),
        observed(effectivePeriod={"start": "2020-02-29", "end": "2026-01-01"}),
        observed(effectiveInstant="2020-02-29T23:59:00Z"),
        observed(component=[{"code": concept("8480-6")}], **OLD),
        observed(code="x", **OLD),
        observed(code={"coding": [{"system": LOINC}, {"code": "4548-4"}]}, **OLD),
        observed(code={"coding": [{"system": "urn:other", "code": "96780-2"}]}, **OLD),
        observed(effectiveDateTime=" 2020-02-29 ", effectivePeriod=None),
        {"resourceType": "Encounter", "period": {"start": "x", "end": "2019-01-01"}},
        {"resourceType": "Encounter", "period": {"start": "2019-01-01"}},
        {"resourceType": "Encounter", "period": {"end": "2019-01-01"}},
        {"resourceType": "Procedure", "performedDateTime": "2019-01-01"},
        {"resourceType": "Immunization", "occurrenceDateTime": "2019-01-01"},
        {"resourceType": "DiagnosticReport", "effectiveDateTime": "2019-01-01"},
    ],
)
def test_what_surely_began_before_is_past(resource: dict[str, Any]) -> None:
    assert PAST.holds(resource, resource["resourceType"])
    assert not NO_PAST.holds(resource, resource["resourceType"])


@pytest.mark.parametrize(
    "resource",
    [
        observed(effectiveDateTime="2020-03-01"),
        observed(effectiveDateTime="2020-03"),
        observed(effectiveDateTime="2020"),
        observed(effectiveDateTime="2019-02-30"),
        observed(effectiveDateTime=2019),
        observed(),
        observed(effectiveInstant="2019-01-01T00:00:00Z", **OLD),
        observed(effectiveDateTime={"start": "2019-01-01"}),
        observed(code={"coding": {"system": LOINC, "code": " 96780-2 "}}, **OLD),
        observed(code={"coding": [{"display": "none"}, {"system": LOINC, "code": "96780-2"}]}, **OLD),
        observed(code={"concept": concept("96780-2")}, **OLD),
        observed(code=[concept("96780-2")], **OLD),
        {"resourceType": "Encounter", "period": "2019-01-01"},
        observed(code=concept("96780-2"), **OLD),
        observed(component=[{"code": concept("8480-6")}, "x", {"code": concept("96780-2")}], **OLD),
        {"resourceType": "Encounter"},
        {"resourceType": "Encounter", "actualPeriod": {"start": "2019-01-01"}},
        {"resourceType": "Procedure", "occurrenceDateTime": "2019-01-01"},
        {"resourceType": "Condition", "onsetDateTime": "2019-01-01"},
    ],
)
def test_what_may_have_begun_later_or_lasts_is_not(resource: dict[str, Any]) -> None:
    assert not PAST.holds(resource, resource["resourceType"])


def test_only_what_began_before_is_left_out_of_a_population() -> None:
    first = date(2025, 9, 1)
    lies_back, left_out = Past(dict.fromkeys(DATED, first)), 0
    for resource in population(200, 7, date(2026, 6, 30)):
        whole = map_resource(resource, Quarantine())
        mapped = map_resource(resource, Quarantine(), past=lies_back)
        if mapped.outcome is Outcome.EXCLUDED:
            left_out += 1
            assert whole.events
            assert all(event.start and event.start.high < first for event in whole.events)
            assert mapped == whole._replace(outcome=Outcome.EXCLUDED, events=())
        else:
            assert mapped == whole
    assert left_out > 20


def test_what_is_past_must_be_the_patients_too() -> None:
    with pytest.raises(WrongPatient):
        records_from_resources([observed(subject={"reference": "Patient/other"}, **OLD)], "p", (), None, PAST)
    assert records_from_resources([observed(**OLD)], "p", (), None, PAST).events == ()


@pytest.mark.parametrize("newest_last", [True, False])
def test_a_newer_version_that_is_past_stands_for_the_older_one(newest_last: bool) -> None:
    versions = [
        observed(effectiveDateTime="2026-01-01", meta={"versionId": "1"}),
        observed(meta={"versionId": "2"}, **OLD),
    ]
    assert records_from_resources(versions if newest_last else versions[::-1], "p", (), None, PAST).events == ()


def test_nothing_is_reported_twice() -> None:
    quarantine = Quarantine()
    map_resource(observed(effectiveDateTime="2019-02-30"), quarantine, past=PAST)
    assert [entry.path for entry in quarantine.entries] == ["effectiveDateTime"]
