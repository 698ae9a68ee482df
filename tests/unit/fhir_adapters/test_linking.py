"""Who is who: merged records, identifiers, contained and test patients, medications written down elsewhere."""

from itertools import permutations
from typing import Any

import pytest
from unit.fhir_adapters.conftest import WriteFile

from fhir_adapters.dataset import Collector, Dataset, records_from_resources
from fhir_adapters.directory_source import read_directory
from fhir_adapters.errors import WrongPatient
from fhir_adapters.linking import Excluded, owners
from fhir_adapters.mapping import Outcome
from fhir_adapters.mapping.identities import Identity
from fhir_adapters.quarantine import Quarantine, Reason
from fhir_adapters.references import literal
from fhir_adapters.report import Report
from rules.facts import Coding

MRN = "urn:oid:1.2.36.146.595.217.0.1"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
DRUG = {"coding": [{"system": RXNORM, "code": "582620"}]}


def patient(id: str, **elements: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", "id": id} | elements


def replaced(kind: str, *others: str) -> dict[str, Any]:
    return {"link": [{"type": kind, "other": {"reference": f"Patient/{other}"}} for other in others]}


def condition(id: str, subject: Any, **elements: Any) -> dict[str, Any]:
    reference = {"reference": subject} if isinstance(subject, str) else subject
    return {"resourceType": "Condition", "id": id, "subject": reference} | elements


def found(dataset: Dataset) -> dict[str, list[str]]:
    return {record.person.id: [event.source for event in record.events] for record in dataset.records}


# ---------------------------------------------------------------- merges


def test_events_of_a_merged_record_are_the_survivors_whatever_came_first(ndjson: WriteFile) -> None:
    resources = [
        patient("old", active=False, **replaced("replaced-by", "new")),
        patient("new"),
        condition("c1", "Patient/old"),
        condition("c2", "Patient/new"),
    ]
    for order in permutations(resources):
        dataset = read_directory(ndjson("all.ndjson", *order))
        assert found(dataset) == {"new": ["Condition/c1", "Condition/c2"]}
        assert (dataset.report.merged, dataset.report.excluded, dataset.report.balances()) == (1, {}, True)


def test_a_chain_of_merges_ends_at_one_person(ndjson: WriteFile) -> None:
    chain = [patient(f"p{i}", **replaced("replaced-by", f"p{i + 1}")) for i in range(5)]
    dataset = read_directory(ndjson("all.ndjson", *chain, patient("p5"), *(condition(f"c{i}", f"Patient/p{i}") for i in range(6))))
    assert {id: len(events) for id, events in found(dataset).items()} == {"p5": 6}


def test_the_survivor_may_say_it_alone_even_of_a_record_that_is_gone(ndjson: WriteFile) -> None:
    dataset = read_directory(ndjson("all.ndjson", patient("new", **replaced("replaces", "gone")), condition("c1", "Patient/gone")))
    assert found(dataset) == {"new": ["Condition/c1"]}
    assert dataset.report.orphans == 0


def test_a_survivor_who_was_not_read_takes_nobody_away(ndjson: WriteFile) -> None:
    dataset = read_directory(ndjson("all.ndjson", patient("old", **replaced("replaced-by", "elsewhere")), condition("c1", "Patient/old")))
    assert found(dataset) == {"old": ["Condition/c1"]}


@pytest.mark.parametrize("kind", ["seealso", "refer"])
def test_other_links_merge_nothing(ndjson: WriteFile, kind: str) -> None:
    assert found(read_directory(ndjson("all.ndjson", patient("a", **replaced(kind, "b")), patient("b")))) == {"a": [], "b": []}


def test_a_circle_or_two_survivors_merge_nothing_and_are_reported(ndjson: WriteFile) -> None:
    circle = [patient("a", **replaced("replaced-by", "b")), patient("b", **replaced("replaced-by", "a"))]
    torn = [patient("t", **replaced("replaced-by", "c", "d")), patient("c"), patient("d")]
    dataset = read_directory(ndjson("all.ndjson", *circle, *torn))
    assert list(found(dataset)) == ["a", "b", "c", "d", "t"]
    assert dataset.report.quarantine.counts["Patient", Reason.UNCLEAR_MERGE] == 3


def test_a_link_that_names_nobody_is_reported(ndjson: WriteFile) -> None:
    report = read_directory(ndjson("all.ndjson", patient("a", link=[{"type": "replaced-by", "other": {"display": "x"}}]))).report
    assert report.quarantine.counts == {("Patient", Reason.NO_SUBJECT): 1}


def test_two_ways_to_one_survivor_are_one() -> None:
    said = {"a": Identity(replaced_by=("b", "c")), "b": Identity(replaced_by=("c",)), "c": Identity(replaces=("a", "b"))}
    assert owners(said).survivor == {"a": "c", "b": "c"}


def test_a_long_chain_needs_no_deep_stack() -> None:
    said = {f"p{i}": Identity(replaced_by=(f"p{i + 1}",)) for i in range(2_000)} | {"p2000": Identity()}
    assert set(owners(said).survivor.values()) == {"p2000"}


def test_the_chart_of_a_survivor_holds_what_belonged_to_the_merged_record() -> None:
    record = records_from_resources([patient("new", **replaced("replaces", "old")), condition("c1", "Patient/old")], "new", ())
    assert [event.source for event in record.events] == ["Condition/c1"]
    with pytest.raises(WrongPatient):
        records_from_resources([patient("old", **replaced("replaced-by", "new")), patient("new")], "old", ())


# ---------------------------------------------------------------- who does not belong to a population


def test_inactive_and_test_patients_are_left_out_and_counted(ndjson: WriteFile) -> None:
    test = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "HTEST"}
    people = [patient("a", active=False), patient("b", meta={"tag": [test]}), patient("c", meta={"security": [test]}), patient("d")]
    path = ndjson("all.ndjson", *people, condition("c1", "Patient/b"), condition("c2", "Patient/d"))
    dataset = read_directory(path)
    assert found(dataset) == {"d": ["Condition/c2"]}
    assert dataset.report.excluded == {Excluded.INACTIVE: 1, Excluded.TEST: 2}
    assert (dataset.report.total(Outcome.EXCLUDED), dataset.report.balances(), dataset.report.orphans) == (4, True, 0)
    assert list(found(read_directory(path, left_out=frozenset({Excluded.TEST})))) == ["a", "d"]


def test_who_was_named_is_not_left_out() -> None:
    collector = Collector(Report())
    collector.add(patient("a", active=False), collector.report.part("Patient"))
    assert [record.person.id for record in collector.records(())] == ["a"]


def test_whose_chart_is_open_is_not_left_out() -> None:
    assert records_from_resources([patient("a", active=False, birthDate="1960")], "a", ()).person.birth is not None


# ---------------------------------------------------------------- references


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("Patient/1", ("Patient", "1", "")),
        ("https://ehr.example/fhir/r4/Patient/1", ("Patient", "1", "")),
        ("https://ehr.example/fhir/Patient/1/_history/2", ("Patient", "1", "2")),
        ("Observation/a.b-c_d", ("Observation", "a.b-c_d", "")),
        ("urn:uuid:0", ("Medication", "m", "")),
        ("#m", None),
        ("Patient?identifier=a|b", None),
        ("Patient/1?x=y", None),
        ("patient/1", None),
        ("Patient/", None),
    ],
)
def test_a_reference_leads_to_a_type_and_an_id(text: str, target: tuple[str, str, str] | None) -> None:
    assert literal({"reference": text}, {"urn:uuid:0": "Medication/m"}) == target


@pytest.mark.parametrize(
    "subject",
    [
        {"identifier": {"system": MRN, "value": "12345"}},
        {"identifier": {"system": MRN, "value": "12345"}, "type": "Patient", "reference": "urn:uuid:unknown"},
        {"reference": f"Patient?identifier={MRN}|12345"},
        {"reference": f"Patient?identifier={MRN}%7C12345"},
        {"reference": "#who"},
    ],
)
def test_an_identifier_says_who_is_meant(ndjson: WriteFile, subject: dict[str, Any]) -> None:
    inside = patient("who", identifier=[{"system": MRN, "value": "12345"}])
    numbered = patient("a", identifier=[{"value": "12345"}, {"system": MRN, "value": "12345"}])
    dataset = read_directory(ndjson("all.ndjson", condition("c1", subject, contained=[inside]), numbered, patient("b")))
    assert found(dataset) == {"a": ["Condition/c1"], "b": []}


def test_an_identifier_leads_to_the_surviving_record(ndjson: WriteFile) -> None:
    old = patient("old", identifier=[{"system": MRN, "value": "1"}], **replaced("replaced-by", "new"))
    dataset = read_directory(ndjson("all.ndjson", old, patient("new"), condition("c1", {"identifier": {"system": MRN, "value": "1"}})))
    assert found(dataset) == {"new": ["Condition/c1"]}


@pytest.mark.parametrize(
    ("people", "reason"),
    [
        ([patient("a", identifier=[{"system": "urn:other", "value": "1"}])], Reason.NO_PATIENT),
        ([patient(id, identifier=[{"system": MRN, "value": "1"}]) for id in "ab"], Reason.AMBIGUOUS),
    ],
)
def test_an_identifier_of_nobody_or_of_two_is_counted_without_its_number(
    ndjson: WriteFile, people: list[dict[str, Any]], reason: Reason
) -> None:
    report = read_directory(ndjson("all.ndjson", *people, condition("c1", {"identifier": {"system": MRN, "value": "1"}}))).report
    assert report.quarantine.counts == {("Patient", reason): 1}
    assert [entry.id for entry in report.quarantine.entries] == ["?"]
    assert (report.total(Outcome.QUARANTINED), report.balances()) == (1, True)


@pytest.mark.parametrize(
    "subject",
    [
        {"identifier": {"value": "1"}},
        {"identifier": {"system": MRN, "value": "1"}, "type": "Group"},
        {"reference": "Group/1", "identifier": {"system": MRN, "value": "1"}},
        {"reference": "#nobody"},
        {"reference": "Patient?family=x"},
        {"display": "x"},
    ],
)
def test_what_names_no_patient_stays_nobodys(ndjson: WriteFile, subject: dict[str, Any]) -> None:
    report = read_directory(ndjson("all.ndjson", patient("a"), condition("c1", subject))).report
    assert report.quarantine.counts == {("Condition", Reason.NO_SUBJECT): 1}


def test_in_a_chart_an_identifier_may_name_its_patient_and_nobody_else() -> None:
    numbered = patient("a", identifier=[{"system": MRN, "value": "1"}])
    quarantine = Quarantine()
    own, other = ({"identifier": {"system": MRN, "value": value}} for value in "12")
    record = records_from_resources([numbered, condition("c1", own), condition("c2", other)], "a", (), quarantine)
    assert [event.source for event in record.events] == ["Condition/c1"]
    assert quarantine.counts == {("Patient", Reason.NO_SUBJECT): 1}


# ---------------------------------------------------------------- medications written down elsewhere


def prescription(reference: str) -> dict[str, Any]:
    given = {"medicationReference": {"reference": reference}, "subject": {"reference": "Patient/a"}, "authoredOn": "2024-01-01"}
    return {"resourceType": "MedicationRequest", "id": "r", "status": "active", "intent": "order"} | given


def test_a_prescription_gets_the_codes_of_its_medication_whatever_came_first(ndjson: WriteFile) -> None:
    for order in permutations([patient("a"), prescription("Medication/m"), {"resourceType": "Medication", "id": "m", "code": DRUG}]):
        dataset = read_directory(ndjson("all.ndjson", *order))
        (event,) = dataset.records[0].events
        assert (event.codes, event.opaque) == ((Coding(RXNORM, "582620"),), False)
        assert (dataset.report.total(Outcome.QUARANTINED), dataset.report.balances()) == (0, True)


def test_inside_a_bundle_a_medication_is_found_by_its_full_url(ndjson: WriteFile) -> None:
    entries = [
        {"fullUrl": "urn:uuid:1", "resource": prescription("urn:uuid:2")},
        {"fullUrl": "urn:uuid:2", "resource": {"resourceType": "Medication", "code": DRUG}},
        {"resource": patient("a")},
    ]
    (record,) = read_directory(ndjson("all.ndjson", {"resourceType": "Bundle", "type": "transaction", "entry": entries})).records
    assert record.events[0].codes == (Coding(RXNORM, "582620"),)


@pytest.mark.parametrize("medication", [{"resourceType": "Medication", "id": "m"}, {"resourceType": "Medication", "id": "n", "code": DRUG}])
def test_a_medication_that_is_not_there_or_says_nothing_might_be_any(ndjson: WriteFile, medication: dict[str, Any]) -> None:
    dataset = read_directory(ndjson("all.ndjson", patient("a"), prescription("Medication/m"), medication))
    assert [event.opaque for event in dataset.records[0].events] == [True]
    assert dataset.report.quarantine.counts == {("MedicationRequest", Reason.NO_MEDICATION): 1}
    assert (dataset.report.total(Outcome.QUARANTINED), dataset.report.balances()) == (1, True)
