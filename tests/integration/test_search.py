"""Searching servers with habits of their own: everything is found, or the search says that it is not complete."""

import json
from collections.abc import Iterator
from itertools import count
from typing import Any
from urllib.parse import parse_qs

import pytest
from support.faulty_ehr import Answer, Faulty, body, fixed, in_turn, page, serving
from support.hand_made import HAND_MADE, about

from fhir_adapters import FhirServer, Limits, read_patients
from fhir_adapters.errors import EhrUnavailable, IncompleteSearch
from fhir_adapters.search import Plan, Query, find, pages
from fhir_adapters.vendors import Split, Vendor

QUICK = Limits(attempt=60, call=60, attempts=2, longest_wait=0.01)


def goal(id: str, subject: str = "ann") -> dict[str, Any]:
    return {"resourceType": "Goal", "id": id, "lifecycleStatus": "active", "subject": about(subject)}


@pytest.fixture
def faulty() -> Iterator[Faulty]:
    with serving() as server:
        yield server


def found(faulty: Faulty, query: Query) -> list[str]:
    return [match["id"] for match in find(FhirServer(faulty.base_url, limits=QUICK), query, lambda _: True)]


def asked(faulty: Faulty, name: str) -> list[str]:
    return [path.removeprefix("/fhir/") for path, _ in faulty.asked if path.startswith(f"/fhir/{name}")]


# ---------------------------------------------------------------- pages


def test_a_next_link_with_the_name_behind_the_proxy_is_followed_at_the_server_that_we_know(faulty: Faulty) -> None:
    inside = "http://fhir.internal:8080/fhir/Goal?page=2"
    faulty.behaviours["Goal"] = in_turn(body(page([goal("1")], 2, next=inside)), body(page([goal("2")], 2)))
    assert found(faulty, Query("Goal")) == ["1", "2"]
    assert asked(faulty, "Goal") == ["Goal", "Goal?page=2"]


@pytest.mark.parametrize("status", [404, 410])
def test_pages_that_are_gone_are_read_again_from_the_first_one(faulty: Faulty, status: int) -> None:
    first = body(page([goal("1")], 2, next="Goal?page=2"))
    faulty.behaviours["Goal"] = in_turn(first, body({}, status), first, body(page([goal("2")], 2)))
    assert found(faulty, Query("Goal")) == ["1", "1", "2"]
    faulty.behaviours["Goal"] = lambda path, query, _: body({}, status) if query else first
    with pytest.raises(EhrUnavailable, match=str(status)):
        found(faulty, Query("Goal"))


def test_a_server_without_next_links_is_found_out(faulty: Faulty) -> None:
    faulty.behaviours["Goal"] = fixed(body(page([goal(str(n)) for n in range(7)], 30)))
    with pytest.raises(IncompleteSearch, match="said 30 and showed 7"):
        found(faulty, Query("Goal"))


def test_the_next_link_of_the_last_page_that_fails_is_no_end(faulty: Faulty) -> None:
    faulty.behaviours["Goal"] = in_turn(body(page([goal("1")], next="Goal?page=2")), body({}, 500))
    with pytest.raises(EhrUnavailable, match="500"):
        found(faulty, Query("Goal"))


# ---------------------------------------------------------------- parameters


def test_a_parameter_that_was_left_out_is_noticed(faulty: Faulty) -> None:
    """A server that does not know ``date`` answers another question: labs since January become all labs ever."""
    faulty.behaviours["Goal"] = fixed(body(page([goal("1")], 1, self="http://x/fhir/Goal?patient=ann")))
    with pytest.raises(IncompleteSearch, match="ignored the date parameter"):
        found(faulty, Query("Goal", (("patient", "ann"), ("date", "ge2026-01-01"))))
    assert found(faulty, Query("Goal", (("subject", "Patient/ann"), ("_count", "5")))) == ["1"]
    faulty.behaviours["Goal"] = fixed(body(page([goal("1")], 1, self="http://x/fhir/Goal?subject%3APatient.name=ann")))
    assert found(faulty, Query("Goal", (("subject:Patient.name", "ann"),))) == ["1"]


def test_unknown_parameters_are_to_be_refused_but_a_server_may_not_know_how(faulty: Faulty) -> None:
    strictness: list[str | None] = []

    def behave(path: str, query: dict[str, list[str]], headers: dict[str, str]) -> Answer:
        strictness.append(headers.get("Prefer"))
        return body({}, 400) if headers.get("Prefer") else body(page([goal("1")], 1))

    faulty.behaviours["Goal"] = behave
    assert found(faulty, Query("Goal")) == ["1"]
    assert strictness == ["handling=strict", None]


def test_what_a_lenient_server_adds_is_left_out_by_the_one_who_asked(faulty: Faulty) -> None:
    faulty.behaviours["Goal"] = fixed(body(page([goal("1"), goal("2")], 2)))
    server = FhirServer(faulty.base_url)
    assert [m["id"] for m in find(server, Query("Goal", (("_id", "2"),)), lambda m: m["id"] == "2")] == ["2"]


def test_a_search_by_post_shows_nobody_in_the_address(faulty: Faulty) -> None:
    faulty.behaviours["Goal"] = fixed(body(page([goal("1")], 1)))
    assert found(faulty, Query("Goal", (("patient", "ann"),), by_post=True)) == ["1"]
    ((path, headers),) = faulty.asked
    assert (path, headers["Content-Type"]) == ("/fhir/Goal/_search", "application/x-www-form-urlencoded")
    assert faulty.posted == [b"patient=ann"]


def test_what_came_along_is_told_from_what_was_found(faulty: Faulty) -> None:
    focus = {"resourceType": "ServiceRequest", "id": "s", "status": "active", "subject": about("ann")}
    bundle = page([goal("1"), focus, {"resourceType": "OperationOutcome"}], 1)
    bundle["entry"].append({"fullUrl": "urn:x"})
    faulty.behaviours["Goal"] = fixed(body(bundle))
    (shown,) = pages(FhirServer(faulty.base_url), Query("Goal", (("_include", "Goal:x"),)))
    assert ([m["id"] for m in shown.matches], [i["id"] for i in shown.included]) == (["1"], ["s"])
    assert (shown.remarks, shown.unreadable) == (1, 1)


# ---------------------------------------------------------------- habits of vendors


def test_a_type_that_needs_a_category_is_asked_for_category_by_category(faulty: Faulty) -> None:
    habits = Vendor(name="x", title="X", splits={"Goal": Split(parameter="category", values=("a", "b"))}, page_size=50)
    shown = {"a": page([goal("1")], 1), "b": page([goal("1"), goal("2")], 2)}
    faulty.behaviours["Goal"] = lambda _, query, __: body(shown[query["category"][0]])
    (record,) = read_patients(faulty.base_url, patient_ids=["ann"], plan=Plan(habits)).records
    assert [e.source for e in record.events if e.table == "goals"] == ["Goal/1", "Goal/2"]
    assert asked(faulty, "Goal") == ["Goal?patient=ann&category=a&_count=50", "Goal?patient=ann&category=b&_count=50"]


def test_patients_are_read_one_after_another_where_the_whole_cannot_be_asked_for(faulty: Faulty) -> None:
    one_by_one = read_patients(faulty.base_url, plan=Plan(Vendor(name="x", title="X", whole_population=False)))
    assert [r.person.id for r in one_by_one.records] == ["ann", "bob", "cleo"]
    assert one_by_one.records == read_patients(faulty.base_url).records
    assert all("patient=" in path for path in asked(faulty, "Observation")[:3])


def test_a_failure_for_one_patient_is_unknown_for_that_patient_only(faulty: Faulty) -> None:
    faulty.behaviours["Goal"] = lambda _, query, __: body({}, 400) if query["patient"] == ["bob"] else body(page([], 0))
    dataset = read_patients(faulty.base_url, plan=Plan(Vendor(name="x", title="X", whole_population=False)))
    assert ["goals" in record.not_loaded for record in dataset.records] == [False, True, False]
    assert dataset.report.balances()


def test_a_cohort_is_a_search_for_patients(faulty: Faulty) -> None:
    people = [r for r in HAND_MADE if r["resourceType"] == "Patient"]

    def patients(path: str, query: dict[str, list[str]], _: dict[str, str]) -> Answer:
        return body(page([people[1]], 1)) if "_has:Condition:patient:code" in query else body(people[1])

    faulty.behaviours["Patient"] = patients
    dataset = read_patients(faulty.base_url, cohort={"_has:Condition:patient:code": "44054006"})
    assert [r.person.id for r in dataset.records] == ["bob"]


def test_the_members_of_a_group_are_read(faulty: Faulty) -> None:
    members = [{"entity": about("cleo")}, {"entity": {"reference": "Device/1"}}, {"entity": {"display": "?"}}]
    faulty.behaviours["Group"] = fixed(body({"resourceType": "Group", "id": "g", "member": members}))
    assert [r.person.id for r in read_patients(faulty.base_url, group="g").records] == ["cleo"]


def test_a_type_that_the_server_does_not_offer_is_not_asked_for_and_not_loaded(faulty: Faulty) -> None:
    habits = Vendor(name="x", title="X", without=frozenset({"Goal"}))
    offers = {r["resourceType"]: ["patient"] for r in HAND_MADE} | {"Task": ["subject"]}
    dataset = read_patients(faulty.base_url, patient_ids=["ann"], plan=Plan(habits, offers))
    assert dataset.report.not_loaded["goals"] == "Goal: X does not offer Goal"
    assert "says that it does not offer" in dataset.report.not_loaded["immunizations"]
    assert not asked(faulty, "Goal")
    assert asked(faulty, "Task") == ["Task?subject=ann&_count=200"]


def test_one_request_carries_the_searches_of_a_patient(faulty: Faulty) -> None:
    habits = Vendor(name="x", title="X", batches=True)
    alone = read_patients(faulty.base_url, patient_ids=["ann"]).records
    faulty.asked.clear()

    def batch(*_: Any) -> Answer:
        answers = []
        for entry in json.loads(faulty.posted[-1])["entry"]:
            name, _, query = entry["request"]["url"].partition("?")
            if name == "Goal":
                answers.append({"response": {"status": "503 Busy"}})
                continue
            _, _, content = faulty.good(f"/fhir/{name}", parse_qs(query), {})
            answers.append({"response": {"status": "200 OK"}, "resource": json.loads(content)})
        return body({"resourceType": "Bundle", "type": "batch-response", "entry": answers})

    faulty.behaviours[""] = batch
    assert read_patients(faulty.base_url, patient_ids=["ann"], plan=Plan(habits)).records == alone
    assert [path.split("?")[0] for path, _ in faulty.asked] == ["/fhir/Patient/ann", "/fhir/", "/fhir/Goal"]


def test_a_batch_that_fails_is_no_loss(faulty: Faulty) -> None:
    numbers = count()
    faulty.behaviours[""] = lambda *_: body({"resourceType": "Bundle", "entry": []}, 200 if next(numbers) else 500)
    habits = Vendor(name="x", title="X", batches=True)
    dataset = read_patients(FhirServer(faulty.base_url, limits=QUICK), patient_ids=["ann"], plan=Plan(habits))
    assert dataset.report.not_loaded == {}
    assert any(note.startswith("batch: ") for note in dataset.report.notes)


def test_a_medication_that_prescriptions_only_refer_to_is_read_once(faulty: Faulty) -> None:
    given = {
        "resourceType": "MedicationRequest",
        "status": "active",
        "intent": "order",
        "medicationReference": {"reference": "Medication/m1"},
        "subject": about("ann"),
        "authoredOn": "2026-01-05",
    }
    metformin = {"resourceType": "Medication", "id": "m1", "code": {"coding": [{"system": "urn:x", "code": "1"}]}}
    faulty.behaviours["MedicationRequest"] = fixed(body(page([given | {"id": "1"}, given | {"id": "2"}], 2)))
    faulty.behaviours["Medication"] = fixed(body(metformin))
    for found in (read_patients(faulty.base_url, patient_ids=["ann"]), read_patients(faulty.base_url)):
        prescribed = [e for e in found.records[0].events if e.table == "medications"]
        assert [[coding.code for coding in e.codes] for e in prescribed] == [["1"], ["1"]]
        assert found.report.balances()
    assert asked(faulty, "Medication/") == ["Medication/m1", "Medication/m1"]
    faulty.behaviours["Medication"] = fixed(body({}, 403))
    unread = read_patients(faulty.base_url, patient_ids=["ann"])
    assert [e.opaque for e in unread.records[0].events if e.table == "medications"] == [True, True]
    assert "Medication: 1 of 1 that prescriptions refer to could not be read" in unread.report.notes
