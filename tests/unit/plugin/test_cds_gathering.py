"""One record from what the call brought and what the EHR adds."""

from collections.abc import Collection
from typing import Any, Final

import pytest
from support.cds_calls import PATIENT, condition, hook_call, observation, patient, prefetch, referral, resources, searchset

from fhir_adapters import Dataset, FhirServer, records_from_resources
from fhir_adapters.errors import EhrUnavailable, WrongPatient
from fhir_adapters.report import Report
from plugin.cds import gathering
from plugin.cds.gathering import PatientUnavailable, gather
from plugin.cds.prefetch import templates
from plugin.cds.request import parse_call
from plugin.cds.service import HOOK
from rules.facts import HOUSEHOLD, TABLES, PersonRecord
from rules.pack import BUILT_IN, load_packs

TEMPLATES: Final = templates(pack.program for pack in load_packs(BUILT_IN))
SERVER: Final = "https://ehr.example/fhir"
READ: Final = {"observations", "conditions", "encounters", "procedures", "referrals", "goals"}
ALWAYS_MISSING: Final = {HOUSEHOLD, *TABLES.keys() - READ}
ERROR: Final = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "exception"}]}


def gathered(keys: dict[str, Any] | None, allowed: Collection[str] = (SERVER,), **members: Any) -> PersonRecord:
    return gather(parse_call(hook_call(keys, **members), HOOK), TEMPLATES, allowed)


class Ehr:
    """Stands for the reader of a FHIR server: what it was asked, and what it answers."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: list[str] = []
        self.answer: Dataset | Exception = Dataset([], Report())
        monkeypatch.setattr(gathering, "read_patients", self.read)

    def holds(self, *found: dict[str, Any], not_loaded: Collection[str] = ()) -> Report:
        self.answer = Dataset([records_from_resources(found, PATIENT, not_loaded)], Report())
        return self.answer.report

    def read(self, server: FhirServer, *, patient_ids: Collection[str], types: Collection[str]) -> Dataset:
        assert (list(patient_ids), set(types)) == ([PATIENT], {template.resource_type for template in TEMPLATES})
        self.asked.append(server.base_url)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
def ehr(monkeypatch: pytest.MonkeyPatch) -> Ehr:
    return Ehr(monkeypatch)


def test_a_full_prefetch_needs_no_ehr(ehr: Ehr) -> None:
    record = gathered(prefetch(), fhirServer=SERVER)
    assert ehr.asked == []
    assert record.not_loaded == ALWAYS_MISSING
    assert {event.source for event in record.events} == {
        "Condition/asthma",
        "Condition/dm",
        "Goal/food",
        "Observation/hba1c",
        "Observation/home",
        "Observation/hunger",
    }


@pytest.mark.parametrize("key", ["condition", "encounter", "goal", "observation", "procedure", "serviceRequest"])
@pytest.mark.parametrize("value", [..., ERROR, searchset(link=[{"relation": "next", "url": "x"}])], ids=["absent", "failed", "partial"])
def test_what_was_not_told_is_not_loaded(key: str, value: Any) -> None:
    table = {t.key: t.table for t in TEMPLATES}[key]
    assert gathered(prefetch(**{key: value})).not_loaded == ALWAYS_MISSING | {table}


@pytest.mark.parametrize("key", ["condition", "encounter", "goal", "observation", "procedure", "serviceRequest"])
def test_null_is_known_to_be_empty(key: str) -> None:
    assert gathered(prefetch(**{key: None})).not_loaded == ALWAYS_MISSING


def test_questionnaire_responses_only_add(ehr: Ehr) -> None:
    assert gathered(prefetch(questionnaireResponse=...)).not_loaded == ALWAYS_MISSING


def test_a_resource_of_nobody_makes_its_table_unknown() -> None:
    nobodys = referral("r1", "710911006")
    del nobodys["subject"]
    assert gathered(prefetch(serviceRequest=searchset(nobodys))).not_loaded == ALWAYS_MISSING | {"referrals"}


@pytest.mark.parametrize("key", ["condition", "goal", "questionnaireResponse"])
def test_data_of_another_patient_refuses_everything(key: str) -> None:
    foreign = condition("c1", "44054006", subject={"reference": "Patient/p2"})
    with pytest.raises(WrongPatient):
        gathered(prefetch(**{key: searchset(foreign)}))


def test_another_patient_refuses_everything() -> None:
    with pytest.raises(WrongPatient):
        gathered(prefetch(patient=patient(id="p2")))


@pytest.mark.parametrize("value", [..., None, ERROR, {"resourceType": "Patient"}], ids=["absent", "null", "failed", "without id"])
def test_without_a_patient_nothing_can_be_said(value: Any) -> None:
    with pytest.raises(PatientUnavailable) as missing:
        gathered(prefetch(patient=value, goal=...))
    assert missing.value.keys == ("patient", "goal")


def test_what_is_missing_is_read_from_the_ehr(ehr: Ehr) -> None:
    ehr.holds(*resources(prefetch()))
    complete = gathered(prefetch())
    for keys in (None, {}, prefetch(patient=...), prefetch(observation=...), prefetch(observation=ERROR, condition=ERROR)):
        assert gathered(keys, fhirServer=SERVER) == complete
    assert ehr.asked == [f"{SERVER}/"] * 5


def test_what_was_read_replaces_an_incomplete_answer_and_nothing_else(ehr: Ehr) -> None:
    ehr.holds(patient(), condition("new", "44054006"), observation("new", "4548-4", "2026-01-01"), not_loaded={"goals"})
    keys = prefetch(condition=condition("one", "44054006"), goal=...)
    record = gathered(keys, fhirServer=SERVER)
    assert {event.source for event in record.events if event.table == "conditions"} == {"Condition/new"}
    assert "Observation/new" not in {event.source for event in record.events}
    assert record.not_loaded == ALWAYS_MISSING | {"goals"}


def test_what_cannot_be_read_either_is_not_loaded(ehr: Ehr) -> None:
    for answer in (EhrUnavailable("HTTP 503", 503), Dataset([], Report())):
        ehr.answer = answer
        assert gathered(prefetch(goal=...), fhirServer=SERVER).not_loaded == ALWAYS_MISSING | {"goals"}
        with pytest.raises(PatientUnavailable):
            gathered({}, fhirServer=SERVER)


def test_questionnaire_responses_that_could_not_be_read_keep_those_that_came_along(ehr: Ehr) -> None:
    response = {"resourceType": "QuestionnaireResponse", "id": "q1", "subject": {"reference": "Patient/p1"}, "status": "completed"}
    item = {"linkId": "/88122-7", "answer": [{"valueCoding": {"system": "http://loinc.org", "code": "LA28397-0"}}]}
    keys = prefetch(questionnaireResponse=searchset(response | {"item": [item]}, total=2))
    ehr.holds(*resources(prefetch())).notes.append("QuestionnaireResponse: HTTP 404")
    assert "QuestionnaireResponse/q1" in {event.source for event in gathered(keys, fhirServer=SERVER).events}


@pytest.mark.parametrize(
    "server",
    [
        "http://169.254.169.254/latest",
        "file:///etc/passwd",
        "http://localhost:5432",
        "https://ehr.example/fhir/../admin",
        "https://ehr.example/fhir?x=",
        "https://ehr.example.evil.example/fhir",
        "https://user@ehr.example/fhir",
        "HTTPS://ehr.example/fhir",
        "",
    ],
)
def test_a_server_that_is_not_on_the_list_is_never_asked(ehr: Ehr, server: str) -> None:
    ehr.holds(*resources(prefetch()))
    with pytest.raises(PatientUnavailable):
        gathered({}, fhirServer=server)
    assert ehr.asked == []


def test_an_unusable_authorization_keeps_us_from_reading(ehr: Ehr) -> None:
    with pytest.raises(PatientUnavailable):
        gathered({}, fhirServer=SERVER, fhirAuthorization={"access_token": ""})
    assert ehr.asked == []


def test_a_slow_ehr_is_not_asked_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def get(self: FhirServer, link: str, *, strict: bool = False) -> dict[str, Any]:
        asked.append(link)
        clock.append(clock[-1] + 2.0)
        return patient() if link.startswith("Patient") else searchset()

    clock = [0.0]
    monkeypatch.setattr(FhirServer, "get", get)
    monkeypatch.setattr(gathering.time, "monotonic", lambda: clock[-1])
    record = gathered({}, fhirServer=SERVER)
    assert len(asked) == 2
    assert record.not_loaded > ALWAYS_MISSING
