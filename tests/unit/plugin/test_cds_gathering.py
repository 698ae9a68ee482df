"""One record from what the call brought and what the EHR adds."""

from collections.abc import Collection, Sequence
from datetime import date
from typing import Any, Final

import pytest
from support.cds_calls import AS_OF, HOOK, PATIENT, condition, hook_call, observation, patient, prefetch, referral, resources, searchset

from fhir_adapters import FhirServer
from fhir_adapters.errors import WrongPatient
from plugin.cds.availability import State, Supplied
from plugin.cds.fetching import Ehr, Ehrs
from plugin.cds.gathering import Gathered, PatientUnavailable, Use, gather, usage
from plugin.cds.prefetch import Template, templates
from plugin.cds.request import parse_call
from plugin.cds.trust.places import is_trusted
from rules.facts import HOUSEHOLD, TABLES, PersonRecord
from rules.pack import BUILT_IN, load_packs

PROGRAMS: Final = [pack.program for pack in load_packs(BUILT_IN)]
TEMPLATES: Final = templates(PROGRAMS)
SERVER: Final = "https://ehr.example/fhir"
TODAY: Final = date.fromisoformat(AS_OF)
READ: Final = {"observations", "conditions", "encounters", "procedures", "referrals", "goals"}
ALWAYS_MISSING: Final = {HOUSEHOLD, *TABLES.keys() - READ}
ERROR: Final = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "exception"}]}


class FakeEhr(Ehr):
    """Stands for the FHIR server of a call: what it was asked, and what it answers; it fails for ``broken`` keys."""

    __slots__ = ("asked", "broken", "holds")

    def __init__(self, *holds: dict[str, Any], broken: Collection[str] = ()) -> None:
        super().__init__(FhirServer(SERVER), 0.0)
        object.__setattr__(self, "holds", holds)
        object.__setattr__(self, "broken", broken)
        object.__setattr__(self, "asked", [])

    asked: list[str]
    holds: tuple[dict[str, Any], ...]
    broken: Collection[str]

    def read(self, templates: Sequence[Template], patient: str, today: date) -> dict[str, Supplied]:
        assert (patient, today) == (PATIENT, TODAY)
        self.asked.extend(template.key for template in templates)
        return {template.key: self._answer(template) for template in templates}

    def _answer(self, template: Template) -> Supplied:
        found = tuple(r for r in self.holds if r["resourceType"] == template.resource_type)
        if template.key in self.broken:
            return Supplied(template, State.PARTIAL if found else State.FAILED, found)
        return Supplied(template, State.PRESENT if found else State.EMPTY, found)

    def medications(self, places: Collection[str]) -> list[dict[str, Any]]:
        return [r for r in self.holds if f"{r['resourceType']}/{r['id']}" in places]


def all_of(keys: dict[str, Any] | None, ehr: Ehr | None = None, **members: Any) -> Gathered:
    return gather(parse_call(hook_call(keys, **members), HOOK), TEMPLATES, ehr, TODAY)


def gathered(keys: dict[str, Any] | None, ehr: Ehr | None = None, **members: Any) -> PersonRecord:
    return all_of(keys, ehr, **members).record


def test_a_full_prefetch_needs_no_ehr() -> None:
    ehr = FakeEhr()
    record = gathered(prefetch(), ehr)
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


def test_questionnaire_responses_only_add() -> None:
    found = all_of(prefetch(questionnaireResponse=...))
    assert found.record.not_loaded == ALWAYS_MISSING
    assert found.missing == ("questionnaireResponse",)
    assert found.unavailable == frozenset()


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


def test_what_is_missing_is_read_from_the_ehr_and_nothing_else() -> None:
    complete = gathered(prefetch())
    for keys, asked in (
        (None, [template.key for template in TEMPLATES]),
        (prefetch(patient=...), ["patient"]),
        (prefetch(observation=ERROR, condition=ERROR), ["condition", "observation"]),
    ):
        ehr = FakeEhr(*resources(prefetch()))
        assert gathered(keys, ehr) == complete
        assert ehr.asked == asked


def test_what_was_read_replaces_an_incomplete_answer_and_nothing_else() -> None:
    ehr = FakeEhr(patient(), condition("new", "44054006"), observation("new", "4548-4", "2026-01-01"), broken={"goal"})
    record = gathered(prefetch(condition=condition("one", "44054006"), goal=...), ehr)
    assert {event.source for event in record.events if event.table == "conditions"} == {"Condition/new"}
    assert "Observation/new" not in {event.source for event in record.events}
    assert record.not_loaded == ALWAYS_MISSING | {"goals"}


def test_what_cannot_be_read_whole_either_keeps_what_there_is() -> None:
    partial = searchset(condition("one", "44054006"), total=3)
    found = all_of(prefetch(condition=partial), FakeEhr(condition("two", "195967001"), broken={"condition"}))
    assert {event.source for event in found.record.events if event.table == "conditions"} == {"Condition/one", "Condition/two"}
    assert found.missing == ("condition",)
    assert found.unavailable == frozenset({"conditions"})


def test_without_a_patient_on_either_way_nothing_can_be_said() -> None:
    with pytest.raises(PatientUnavailable) as missing:
        gathered({}, FakeEhr(broken={"patient", "goal"}))
    assert missing.value.keys == ("patient", "goal")


def test_prescriptions_that_only_refer_are_completed() -> None:
    order: dict[str, Any] = {
        "resourceType": "MedicationRequest",
        "id": "m1",
        "status": "active",
        "intent": "order",
        "authoredOn": "2026-01-01",
    }
    order |= {"subject": {"reference": f"Patient/{PATIENT}"}, "medicationReference": {"reference": "Medication/metformin"}}
    medication: dict[str, Any] = {"resourceType": "Medication", "id": "metformin"}
    medication["code"] = {"coding": [{"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": "6809"}]}
    asked = (
        *TEMPLATES,
        Template("medicationRequest", "MedicationRequest", "MedicationRequest?patient={{context.patientId}}", "medications"),
    )
    call = parse_call(hook_call(prefetch(medicationRequest=searchset(order))), HOOK)
    (event,) = [e for e in gather(call, asked, FakeEhr(medication), TODAY).record.events if e.table == "medications"]
    assert [coding.code for coding in event.codes] == ["6809"]
    (opaque,) = [e for e in gather(call, asked, None, TODAY).record.events if e.table == "medications"]
    assert opaque.opaque


def test_a_table_is_complete_only_if_every_key_of_its_type_is() -> None:
    bounded = templates(PROGRAMS, "3.0")
    keys = [template.key for template in bounded if template.resource_type == "Observation"]
    assert keys == ["observation", "observationUndated"]
    call = parse_call(hook_call(prefetch(observationUndated=searchset())), HOOK)
    assert "observations" not in gather(call, bounded, None, TODAY).unavailable
    for value in (..., None, ERROR):
        call = parse_call(hook_call(prefetch(observationUndated=value)), HOOK)
        assert "observations" in gather(call, bounded, None, TODAY).unavailable


def test_what_came_and_what_of_it_was_used() -> None:
    unused = condition("ankle", "16114001")
    whole = prefetch(condition=searchset(condition("dm", "44054006"), unused))
    found = usage(all_of(whole), PROGRAMS, TODAY)
    assert (found["condition"], found["goal"], found["encounter"], found["patient"]) == (Use(2, 1), Use(1, 1), Use(0, 0), Use(1, 1))


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
def test_a_server_that_is_not_on_the_list_is_no_server(server: str) -> None:
    assert Ehrs(1.0).named_by(parse_call(hook_call(fhirServer=server), HOOK), [SERVER]) is None
    assert Ehrs(1.0).named_by(parse_call(hook_call(fhirServer=SERVER), HOOK), [SERVER]) is not None


def test_an_unusable_authorization_keeps_us_from_reading() -> None:
    call = parse_call(hook_call(fhirServer=SERVER, fhirAuthorization={"access_token": ""}), HOOK)
    assert Ehrs(1.0).named_by(call, [SERVER]) is None


def test_the_list_holds_to_the_letter_but_for_a_final_slash() -> None:
    assert is_trusted("https://ehr.example/fhir", ["https://ehr.example/fhir/"])
    assert is_trusted("https://ehr.example/fhir/", ["https://ehr.example/fhir"])
    assert is_trusted("http://127.0.0.1:8080/fhir", ["http://127.0.0.1:8080/fhir"])
    assert not is_trusted("http://ehr.example/fhir", ["http://ehr.example/fhir"])
    assert not is_trusted("ftp://127.0.0.1/fhir", ["ftp://127.0.0.1/fhir"])
