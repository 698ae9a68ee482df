"""What a resource leaves to others to say (a Medication, a form, whose it is) is so in a warehouse too, whatever comes first."""

import pytest
from support.ehr_history import EhrHistory, answers, condition, known_by, medication, numbered, patient, prescription, questionnaire
from unit.fhir_adapters.warehouse.conftest import ADDING, Store

from fhir_adapters.linking import Excluded
from fhir_adapters.mapping import Outcome
from fhir_adapters.quarantine import Reason
from fhir_adapters.warehouse.read import people_batches, read_warehouse

TYPES = ("Patient", "Condition", "MedicationRequest", "Medication", "QuestionnaireResponse", "Questionnaire")
TEST = {"tag": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "HTEST"}]}


@pytest.fixture
def wide(store: Store) -> Store:
    """A server that has these types; one person in it."""
    wider = Store(EhrHistory(types=TYPES), store.folder, ADDING)
    wider.ehr.put(patient("p1", identifier=[numbered("1")]))
    return wider


def then(store: Store, *resources: dict[str, object]) -> None:
    """Pull what changes when these come."""
    last = store.ehr.clock
    for resource in resources:
        store.ehr.put(resource)
    store.pull(last)


def test_a_prescription_has_the_codes_of_its_medication_as_long_as_that_says_them(wide: Store) -> None:
    wide.ehr.put(prescription("r1", "p1", "m1"))
    wide.pull()
    (event,) = wide.records()["p1"].events
    assert event.opaque
    assert wide.read().report.quarantine.counts == {("MedicationRequest", Reason.NO_MEDICATION): 1}
    assert wide.read().report.total(Outcome.QUARANTINED) == 1
    then(wide, medication("m1"))
    (event,) = wide.records()["p1"].events
    assert ([coding.code for coding in event.codes], event.opaque) == (["582620"], False)
    assert wide.read().report.quarantine.counts == {}
    assert (wide.read().report.total(Outcome.QUARANTINED), wide.read().report.balances()) == (0, True)
    then(wide, medication("m1", None))
    assert wide.records()["p1"].events[0].opaque
    then(wide, medication("m1"))
    last = wide.ehr.clock
    wide.ehr.delete("Medication/m1")
    wide.pull(last)
    assert wide.records()["p1"].events[0].opaque


def test_answers_are_understood_by_their_form_as_it_is_now(wide: Store) -> None:
    wide.ehr.put(answers("q1", "p1"))
    wide.pull()
    before = wide.records()["p1"].events[0]
    then(wide, questionnaire("f"))
    event = wide.records()["p1"].events[0]
    assert (event.unit, [coding.code for coding in event.codes][-1]) == ("kg", "88122-7")
    then(wide, questionnaire("f", unit="g"))
    assert wide.records()["p1"].events[0].unit == "g"
    last = wide.ehr.clock
    wide.ehr.delete("Questionnaire/f")
    wide.pull(last)
    assert wide.records()["p1"].events == (before,)


def test_an_identifier_is_whose_it_is_now(wide: Store) -> None:
    wide.ehr.put(condition("c1", "") | known_by("7"))
    wide.pull()
    assert wide.sources() == {"p1": []}
    assert wide.read().report.quarantine.counts == {("Patient", Reason.NO_PATIENT): 1}
    then(wide, patient("p2", identifier=[numbered("7")]))
    assert wide.sources() == {"p1": [], "p2": ["Condition/c1"]}
    then(wide, patient("p1", identifier=[numbered("7")]))
    assert wide.sources() == {"p1": [], "p2": []}
    assert wide.read().report.quarantine.counts == {("Patient", Reason.AMBIGUOUS): 1}
    then(wide, patient("p2"))
    assert wide.sources() == {"p1": ["Condition/c1"], "p2": []}
    assert wide.read().report.balances()


def test_an_identifier_leads_to_the_surviving_record(wide: Store) -> None:
    wide.ehr.put(condition("c1", "") | known_by("1"))
    wide.pull()
    then(wide, patient("new", link=[{"type": "replaces", "other": {"reference": "Patient/p1"}}]))
    assert wide.sources() == {"new": ["Condition/c1"]}
    assert wide.read().report.merged == 1


def test_links_in_a_circle_merge_nobody_and_are_counted(wide: Store) -> None:
    wide.pull()
    link = {"type": "replaced-by", "other": {"reference": "Patient/p1"}}
    then(wide, patient("p1", link=[link]))
    assert list(wide.records()) == ["p1"]
    assert wide.read().report.quarantine.counts == {("Patient", Reason.UNCLEAR_MERGE): 1}


def test_inactive_and_test_patients_are_left_out_and_counted(wide: Store) -> None:
    wide.ehr.put(condition("c1", "p1"))
    wide.ehr.put(patient("p2", meta=TEST))
    wide.pull()
    assert list(wide.records()) == ["p1"]
    then(wide, patient("p1", active=False))
    report = wide.read().report
    assert report.excluded == {Excluded.INACTIVE: 1, Excluded.TEST: 1}
    assert (report.total(Outcome.EXCLUDED), report.orphans, report.balances()) == (3, 0, True)
    assert [len(batch) for batch in people_batches(wide.root) if batch] == []
    everybody = read_warehouse(wide.root, left_out=frozenset())
    assert [record.person.id for record in everybody.records] == ["p1", "p2"]
    then(wide, patient("p1"))
    assert wide.sources() == {"p1": ["Condition/c1"]}
