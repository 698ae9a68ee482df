from datetime import date
from typing import Any

import pytest
from unit.fhir_adapters.conftest import MapOne

from rules.facts import Coding, DateRange

ICD = "http://hl7.org/fhir/sid/icd-10-cm"


def status(kind: str, code: str) -> dict[str, Any]:
    return {"coding": [{"system": f"http://terminology.hl7.org/CodeSystem/condition-{kind}", "code": code}]}


def condition(**elements: Any) -> dict[str, Any]:
    return {
        "resourceType": "Condition",
        "id": "c1",
        "clinicalStatus": status("clinical", "active"),
        "verificationStatus": status("ver-status", "confirmed"),
        "code": {"coding": [{"system": ICD, "code": "Z59.41"}]},
        "subject": {"reference": "Patient/p1"},
    } | elements


def test_a_problem(map_one: MapOne) -> None:
    result = map_one(condition(onsetDateTime="2024-01", abatementDateTime="2024-06-01", recordedDate="2024-02-01T10:00:00-05:00"))
    event = result.event
    assert (event.table, event.codes, event.status) == ("conditions", (Coding(ICD, "Z59.41"),), "active")
    assert event.start == DateRange(date(2024, 1, 1), date(2024, 1, 31))
    assert event.end == DateRange(date(2024, 6, 1), date(2024, 6, 1))
    assert event.issued is not None
    assert result.defects == []


@pytest.mark.parametrize(
    ("verification", "clinical", "found"),
    [
        ("refuted", "active", "refuted"),
        ("entered-in-error", None, "entered-in-error"),
        ("provisional", "resolved", "resolved"),
        (None, "relapse", "relapse"),
        ("confirmed", None, None),
        ("bogus", "active", None),
        ("confirmed", "bogus", None),
    ],
)
def test_the_status_is_clinical_unless_the_verification_denies_it(
    map_one: MapOne, verification: str | None, clinical: str | None, found: str | None
) -> None:
    result = map_one(
        condition(
            verificationStatus=verification and status("ver-status", verification), clinicalStatus=clinical and status("clinical", clinical)
        )
    )
    assert result.event.status == found
    assert len(result.defects) == (verification, clinical).count("bogus")


def test_the_verification_is_kept_for_rules_that_ask_for_it(map_one: MapOne) -> None:
    system = "http://terminology.hl7.org/CodeSystem/condition-ver-status"
    assert map_one(condition()).event.tags == (("verification", Coding(system, "confirmed")),)
    assert map_one(condition(verificationStatus=None)).event.tags == ()
    assert map_one(condition(verificationStatus=status("ver-status", "bogus"))).event.tags == ()


def test_a_status_of_another_code_system_is_not_understood(map_one: MapOne) -> None:
    result = map_one(condition(clinicalStatus={"coding": [{"system": "urn:local", "code": "active"}]}))
    assert (result.event.status, result.defects) == (None, [("clinicalStatus", "code outside the required value set")])


@pytest.mark.parametrize(
    "onset", [{}, {"onsetAge": {"value": 40}}, {"onsetString": "as a child"}, {"onsetRange": {}}, {"onsetDateTime": "2024-02-30"}]
)
def test_without_a_day_of_onset_it_began_some_time_before_it_was_recorded(map_one: MapOne, onset: dict[str, Any]) -> None:
    event = map_one(condition(recordedDate="2024-05-02", meta={"lastUpdated": "2025-01-01T00:00:00Z"}, **onset)).event
    assert event.start == DateRange(date.min, date(2024, 5, 2))
    assert event.instant is None


def test_or_before_it_was_last_updated(map_one: MapOne) -> None:
    assert map_one(condition(meta={"lastUpdated": "2025-01-01T00:00:00Z"})).event.start == DateRange(date.min, date(2025, 1, 1))
    assert map_one(condition()).event.start is None


def test_an_onset_period_means_some_day_within(map_one: MapOne) -> None:
    event = map_one(condition(onsetPeriod={"start": "2024-01-01", "end": "2024-03"})).event
    assert event.start == DateRange(date(2024, 1, 1), date(2024, 3, 31))
    early = map_one(condition(onsetPeriod={"end": "2024-03"})).event
    assert (early.start, early.instant) == (DateRange(date.min, date(2024, 3, 31)), None)


def test_a_condition_without_code_is_no_defect_but_an_unreadable_one_is(map_one: MapOne) -> None:
    assert map_one(condition(code=None)).defects == []
    assert map_one(condition(code={"text": "hungry"})).event.codes == ()
    assert map_one(condition(code="Z59.41")).event.opaque
