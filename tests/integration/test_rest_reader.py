"""Reading by REST: from a server that we did not write, and from one that does everything wrong."""

import gzip
import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from threading import Thread
from time import sleep
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from support.ehr_server import Ehr, ehr_server, peer_python

from fhir_adapters import read_directory, read_patients
from fhir_adapters.errors import EhrUnavailable, UnsafeRedirect
from fhir_adapters.mapping import MAPPED_TYPES, Outcome
from fhir_adapters.quarantine import Reason
from fhir_adapters.search import _EVENT_TYPES
from fhir_adapters.transport import FhirServer, Limits, retry_after
from rules.facts import HOUSEHOLD, Event, PersonRecord

LOINC = "http://loinc.org"
GRAVITY = "http://hl7.org/fhir/us/sdoh-clinicalcare/CodeSystem/SDOHCC-CodeSystemTemporaryCodes"


def concept(system: str, code: str) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code}]}


def about(id: str) -> dict[str, str]:
    return {"reference": f"Patient/{id}"}


def person(id: str) -> list[dict[str, Any]]:
    """A patient with something in every table."""
    home = {"use": "home", "line": ["1 High St"], "postalCode": "01940"}
    often = {"valueCoding": {"system": LOINC, "code": "LA28397-0"}}
    return [
        {"resourceType": "Patient", "id": id, "birthDate": "1957-03-04", "gender": "female", "address": [home]},
        *(
            {
                "resourceType": "Observation",
                "id": f"{id}-a1c-{i}",
                "status": "final",
                "code": concept(LOINC, "4548-4"),
                "subject": about(id),
                "effectiveDateTime": f"2024-05-{i + 1:02}T09:00:00-05:00",
                "valueQuantity": {"value": 7.1 + i, "unit": "%", "system": "http://unitsofmeasure.org", "code": "%"},
            }
            for i in range(7)
        ),
        {
            "resourceType": "QuestionnaireResponse",
            "id": f"{id}-q",
            "status": "completed",
            "questionnaire": "http://example.org/Questionnaire/hvs",
            "subject": about(id),
            "authored": "2024-05-01T10:00:00Z",
            "item": [{"linkId": "/88122-7", "answer": [often]}],
        },
        {
            "resourceType": "Condition",
            "id": f"{id}-c",
            "clinicalStatus": concept("http://terminology.hl7.org/CodeSystem/condition-clinical", "active"),
            "code": concept("http://hl7.org/fhir/sid/icd-10-cm", "Z59.41"),
            "subject": about(id),
            "onsetDateTime": "2024",
        },
        {
            "resourceType": "Encounter",
            "id": f"{id}-e",
            "status": "finished",
            "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"},
            "subject": about(id),
            "period": {"start": "2024-05-01T09:00:00Z", "end": "2024-05-01T09:30:00Z"},
        },
        {"resourceType": "Procedure", "id": f"{id}-p", "status": "completed", "subject": about(id), "performedDateTime": "2024-05-03"},
        {
            "resourceType": "ServiceRequest",
            "id": f"{id}-s",
            "status": "active",
            "intent": "order",
            "category": [concept(GRAVITY, "food-insecurity")],
            "subject": about(id),
            "authoredOn": "2024-05-04",
        },
        {"resourceType": "Task", "id": f"{id}-t", "status": "requested", "intent": "order", "for": about(id), "authoredOn": "2024-05-04"},
        {
            "resourceType": "Goal",
            "id": f"{id}-g",
            "lifecycleStatus": "active",
            "description": concept("http://snomed.info/sct", "1078229009"),
            "subject": about(id),
            "startDate": "2024-05-05",
        },
    ]


HAND_MADE = [*person("ann"), *person("bob"), {"resourceType": "Patient", "id": "cleo"}]


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
            owner = resource["id"] if name == "Patient" else resource["subject"]["reference"].removeprefix("Patient/")
            by_person.setdefault(owner, []).append(resource)
    return [resource for own in sorted(by_person.values(), key=len)[:people] for resource in own]


@pytest.fixture(scope="module")
def python() -> Path:
    path = peer_python()
    if path is None:
        pytest.skip("no sekmet-fhir here: make peer, or set ALMONER_PEER_PYTHON")
    return path


@pytest.fixture(scope="module")
def ehr(python: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ehr]:
    with ehr_server(python, tmp_path_factory.mktemp("ehr")) as server:
        yield server


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
    dataset = read_patients(ehr.base_url, page_size=5)
    assert [as_sent(record) for record in dataset.records] == from_files(resources, tmp_path)
    assert dataset.report.not_loaded == {}
    assert dataset.report.balances()
    assert dataset.report.total(Outcome.MAPPED) == len(resources)


@pytest.mark.slow
def test_one_patient_is_read_alone_and_the_household_is_unknown(ehr: Ehr, tmp_path: Path) -> None:
    ehr.put(HAND_MADE)
    (record,) = read_patients(ehr.base_url, patient_ids=["ann"], page_size=3).records
    (expected,) = from_files(person("ann"), tmp_path)
    assert as_sent(record) == replace(expected, household=(), not_loaded=frozenset({HOUSEHOLD}))


@pytest.mark.slow
def test_a_patient_who_does_not_exist_is_reported(ehr: Ehr) -> None:
    dataset = read_patients(ehr.base_url, patient_ids=["nobody"])
    assert dataset.records == []
    assert dataset.report.quarantine.counts == {("Patient", Reason.NO_PATIENT): 1}


@pytest.mark.slow
def test_a_real_server_that_ignores_the_patient_parameter_is_not_believed(python: Path, tmp_path: Path) -> None:
    with ehr_server(python, tmp_path, bare=True) as server:
        server.put(HAND_MADE)
        dataset = read_patients(server.base_url, patient_ids=["ann"])
    (record,) = dataset.records
    assert record.not_loaded == {HOUSEHOLD, "goals"}
    assert {event.source.split("-")[0].split("/")[1] for event in record.events} == {"ann"}
    assert [note.split(":")[0] for note in dataset.report.notes] == ["QuestionnaireResponse"]


# A server that does everything wrong.

Answer = tuple[int, dict[str, str], bytes]
Behaviour = Callable[[str, dict[str, list[str]], dict[str, str]], Answer]


@dataclass
class Faulty:
    """Answers as told for one resource type; for the others as a good server that holds ann, bob and cleo."""

    base_url: str
    behaviours: dict[str, Behaviour] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def answer(self, path: str, headers: dict[str, str]) -> Answer:
        self.asked.append((path, headers))
        parts = urlsplit(path)
        name = parts.path.removeprefix("/fhir/").split("/")[0]
        return self.behaviours.get(name, self.good)(parts.path, parse_qs(parts.query), headers)

    def good(self, path: str, query: dict[str, list[str]], _: dict[str, str]) -> Answer:
        name, _, id = path.removeprefix("/fhir/").partition("/")
        wanted = query.get("patient", [""])[0]
        found = [r for r in HAND_MADE if r["resourceType"] == name and wanted in str(r.get("subject") or r.get("for"))]
        if id:
            return body(next(r for r in found if r["id"] == id))
        return body(page(found, len(found)))


def body(resource: Any, status: int = 200, **headers: str) -> Answer:
    return status, {"Content-Type": "application/fhir+json"} | headers, json.dumps(resource).encode()


def page(resources: list[dict[str, Any]], total: int | None = None, **links: str) -> dict[str, Any]:
    return {
        "resourceType": "Bundle",
        "type": "searchset",
        "link": [{"relation": relation, "url": url} for relation, url in links.items()],
        "entry": [{"resource": resource, "search": {"mode": "match"}} for resource in resources],
    } | ({} if total is None else {"total": total})


def goals(*ids: str, subject: str = "ann") -> list[dict[str, Any]]:
    return [{"resourceType": "Goal", "id": id, "lifecycleStatus": "active", "subject": about(subject)} for id in ids]


@pytest.fixture
def faulty() -> Iterator[Faulty]:
    server: Faulty

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, headers, content = server.answer(self.path, dict(self.headers.items()))
            self.send_response(status)
            for name, value in ({"Content-Length": str(len(content))} | headers).items():
                if value:
                    self.send_header(name.replace("_", "-"), value)
            self.end_headers()
            for chunk in [content[i : i + 1] for i in range(len(content))] if "X-Drip" in headers else [content]:
                try:
                    self.wfile.write(chunk)
                    self.wfile.flush()
                except OSError:
                    return
                sleep(0.05 if "X-Drip" in headers else 0)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        http.daemon_threads = True
        http.block_on_close = False
        server = Faulty(f"http://127.0.0.1:{http.server_address[1]}/fhir")
        thread = Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            http.shutdown()
            thread.join()


QUICK = Limits(attempt=5, call=5, attempts=2, longest_wait=0.01, body=1 << 20)


def quick(faulty: Faulty) -> FhirServer:
    return FhirServer(faulty.base_url, limits=QUICK)


def fixed(answer: Answer) -> Behaviour:
    return lambda *_: answer


def in_turn(*answers: Answer) -> Behaviour:
    turn = count()
    return lambda *_: answers[min(next(turn), len(answers) - 1)]


def test_a_good_answer_is_complete(faulty: Faulty) -> None:
    dataset = read_patients(quick(faulty))
    assert [record.person.id for record in dataset.records] == ["ann", "bob", "cleo"]
    assert dataset.report.not_loaded == {}
    assert dataset.report.balances()
    agent = {headers["User-Agent"].split("/")[0] for _, headers in faulty.asked}
    assert agent == {"almoner"}
    assert {headers["Accept"] for _, headers in faulty.asked} == {"application/fhir+json"}


UNTRUSTED = {
    "next on another host": (page(goals("g1"), next="http://other.example/fhir/Goal?page=2"), "another host"),
    "next on another port": (page(goals("g1"), next="http://127.0.0.1:1/fhir/Goal?page=2"), "another host"),
    "next by another scheme": (page(goals("g1"), next="https://127.0.0.1/fhir/Goal"), "another host"),
    "next that is no link": (page(goals("g1"), next="javascript:alert(1)"), "another host"),
    "next that leads to itself": (page(goals("g1"), next="Goal?_count=200"), "circle"),
    "fewer than it says": (page(goals("g1"), total=2), "said 2 and showed 1"),
    "more than it says": (page(goals("g1", "g2"), total=1), "said 1 and showed 2"),
    "nothing of what it says": ({"resourceType": "Bundle", "total": 30}, "said 30 and showed 0"),
    "an OperationOutcome": ({"resourceType": "OperationOutcome", "issue": []}, "not a Bundle"),
    "a list": ([], "not a resource"),
    "entries that are no list": ({"resourceType": "Bundle", "entry": {}}, "not a list"),
}


@pytest.mark.parametrize(("answer", "reason"), UNTRUSTED.values(), ids=UNTRUSTED)
def test_a_search_that_cannot_be_trusted_withholds_its_table_only(faulty: Faulty, answer: Any, reason: str) -> None:
    faulty.behaviours["Goal"] = fixed(body(answer))
    dataset = read_patients(quick(faulty))
    assert set(dataset.report.not_loaded) == {"goals"}
    assert reason in dataset.report.not_loaded["goals"]
    assert all(record.not_loaded >= {"goals"} and "tasks" not in record.not_loaded for record in dataset.records)
    assert dataset.report.balances()


def test_pages_that_come_again_under_new_links_end(faulty: Faulty) -> None:
    pages = count()
    faulty.behaviours["Goal"] = lambda *_: body(page(goals("g1"), next=f"Goal?page={next(pages)}"))
    assert "came twice" in read_patients(quick(faulty)).report.not_loaded["goals"]
    faulty.behaviours["Goal"] = lambda *_: body(page([], next=f"Goal?page={next(pages)}"))
    assert "came empty" in read_patients(quick(faulty)).report.not_loaded["goals"]


def test_relative_next_links_are_followed(faulty: Faulty) -> None:
    pages = in_turn(
        body(page(goals("g1"), total=3, next="Goal?page=2")), body(page(goals("g2"), next="/fhir/Goal?page=3")), body(page(goals("g3")))
    )
    faulty.behaviours["Goal"] = pages
    dataset = read_patients(quick(faulty))
    assert [e.source for e in dataset.records[0].events if e.table == "goals"] == ["Goal/g1", "Goal/g2", "Goal/g3"]


def test_data_of_others_is_not_taken_for_the_patients(faulty: Faulty) -> None:
    faulty.behaviours["Goal"] = fixed(body(page([*goals("g1"), *goals("g2", subject="bob")])))
    dataset = read_patients(quick(faulty), patient_ids=["ann"])
    (record,) = dataset.records
    assert record.not_loaded == {"goals", HOUSEHOLD}
    assert "Goal/g2" not in {event.source for event in record.events}
    assert dataset.report.quarantine.counts["Goal", Reason.OTHER_PATIENT] == 1
    assert dataset.report.balances()


def test_an_empty_answer_to_another_question_is_not_none(faulty: Faulty) -> None:
    faulty.behaviours["Goal"] = fixed(body(page([], total=0, self="http://127.0.0.1/fhir/Goal?_count=200")))
    (record,) = read_patients(quick(faulty), patient_ids=["ann"]).records
    assert "goals" in record.not_loaded


def test_a_failure_concerns_only_the_patient_asked_for(faulty: Faulty) -> None:
    def for_bob_only(path: str, query: dict[str, list[str]], headers: dict[str, str]) -> Answer:
        return body({}, 403) if query["patient"] == ["bob"] else faulty.good(path, query, headers)

    faulty.behaviours["Task"] = for_bob_only
    records = read_patients(quick(faulty), patient_ids=["bob", "ann"]).records
    assert {record.person.id: "tasks" in record.not_loaded for record in records} == {"ann": False, "bob": True}


def test_questionnaires_that_fail_are_reported_and_do_not_withhold_observations(faulty: Faulty) -> None:
    faulty.behaviours["QuestionnaireResponse"] = fixed(body({}, 404))
    report = read_patients(quick(faulty)).report
    assert report.not_loaded == {}
    assert report.notes == ["QuestionnaireResponse: HTTP 404"]


def test_another_patient_than_the_one_asked_for_is_refused(faulty: Faulty) -> None:
    faulty.behaviours["Patient"] = fixed(body(person("bob")[0]))
    with pytest.raises(Exception, match="another patient"):
        read_patients(quick(faulty), patient_ids=["ann"])


def test_without_the_patients_there_is_nothing(faulty: Faulty) -> None:
    faulty.behaviours["Patient"] = fixed(body({}, 403))
    with pytest.raises(EhrUnavailable, match="403"):
        read_patients(quick(faulty))


def test_a_server_that_refuses_strictness_is_asked_without(faulty: Faulty) -> None:
    def lenient_only(path: str, query: dict[str, list[str]], headers: dict[str, str]) -> Answer:
        return body({}, 400) if "Prefer" in headers else faulty.good(path, query, headers)

    faulty.behaviours |= dict.fromkeys([*_EVENT_TYPES, "Patient"], lenient_only)
    assert read_patients(quick(faulty)).report.not_loaded == {}


def test_remarks_of_the_server_are_shown(faulty: Faulty) -> None:
    remark = {"resource": {"resourceType": "OperationOutcome"}, "search": {"mode": "outcome"}}
    answer = page(goals("g1"), total=1)
    faulty.behaviours["Goal"] = fixed(body(answer | {"entry": [*answer["entry"], remark, 5]}))
    report = read_patients(quick(faulty)).report
    assert report.not_loaded == {}
    assert report.quarantine.counts["Goal", Reason.SERVER_NOTE] == 1
    assert report.balances()


TRANSIENT = {
    "429 with seconds": body({}, 429, Retry_After="0"),
    "429 with a date": body({}, 429, Retry_After=formatdate(usegmt=True)),
    "429 with epoch milliseconds": body({}, 429, Retry_After="1790000000000"),
    "429 with nothing": body({}, 429),
    "503": body({}, 503, Retry_After="soon"),
    "502 with HTML": (502, {}, b"<html>"),
    "200 with HTML": (200, {}, b"<html>"),
    "cut with a length": (200, {"Content-Length": "1000"}, b'{"resourceType":"Bundle"'),
    "cut without a length": (200, {"Content-Length": ""}, b'{"resourceType":"Bundle"'),
    "cut gzip": (200, {"Content-Encoding": "gzip"}, gzip.compress(b'{"resourceType":"Bundle"}' * 50)[:-12]),
    "damaged gzip": (200, {"Content-Encoding": "gzip"}, b"not gzip"),
}


@pytest.mark.parametrize("trouble", TRANSIENT.values(), ids=TRANSIENT)
def test_passing_trouble_is_survived(faulty: Faulty, trouble: Answer) -> None:
    faulty.behaviours["Goal"] = in_turn(trouble, body(page(goals("g1"), total=1)))
    dataset = read_patients(quick(faulty))
    assert dataset.report.not_loaded == {}


@pytest.mark.parametrize("trouble", TRANSIENT.values(), ids=TRANSIENT)
def test_lasting_trouble_withholds_the_table(faulty: Faulty, trouble: Answer) -> None:
    faulty.behaviours["Goal"] = fixed(trouble)
    assert set(read_patients(quick(faulty)).report.not_loaded) == {"goals"}
    assert sum(path.startswith("/fhir/Goal") for path, _ in faulty.asked) == QUICK.attempts


BOMBS = {
    "plain": (200, {}, b" " * (2 << 20)),
    "gzip": (200, {"Content-Encoding": "gzip"}, gzip.compress(b" " * (64 << 20))),
    "unknown compression": (200, {"Content-Encoding": "br"}, b"x"),
}


@pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS)
def test_a_huge_or_strangely_packed_body_is_refused_at_once(faulty: Faulty, bomb: Answer) -> None:
    faulty.behaviours["Goal"] = fixed(bomb)
    assert set(read_patients(quick(faulty)).report.not_loaded) == {"goals"}
    assert sum(path.startswith("/fhir/Goal") for path, _ in faulty.asked) == 1


def test_a_body_that_drips_ends_with_the_deadline(faulty: Faulty) -> None:
    faulty.behaviours["Goal"] = fixed((200, {"X-Drip": "1"}, b" " * 1000))
    with pytest.raises(EhrUnavailable, match="no complete answer"):
        FhirServer(faulty.base_url, limits=replace(QUICK, attempt=0.3, attempts=1)).get("Goal")


def test_no_error_holds_a_query_or_an_id(faulty: Faulty) -> None:
    faulty.behaviours["Goal"] = fixed((200, {"Content-Length": "1000"}, b"{"))
    with pytest.raises(EhrUnavailable) as caught:
        quick(faulty).get("Goal?patient=ann")
    assert "ann" not in str(caught.value)
    assert "Goal" not in str(caught.value)


def test_no_log_record_holds_a_query_or_an_id(faulty: Faulty, caplog: pytest.LogCaptureFixture) -> None:
    faulty.behaviours["Goal"] = in_turn(body({}, 503), body(page(goals("g1"))))
    read_patients(quick(faulty), patient_ids=["ann"])
    assert not [record for record in caplog.records if "ann" in record.getMessage()]


def test_the_server_says_how_long_to_wait_within_reason(faulty: Faulty) -> None:
    waits: list[float] = []
    faulty.behaviours["Goal"] = in_turn(body({}, 429, Retry_After="2"), body({}, 429, Retry_After="18000"), body({}, 503), body({"ok": 1}))
    server = FhirServer(faulty.base_url, limits=Limits(longest_wait=60), sleep=waits.append)
    assert server.get("Goal") == {"ok": 1}
    assert waits[:2] == [2.0, 60.0]
    assert 0 <= waits[2] <= 4.0


def test_no_wait_goes_beyond_the_time_of_the_call(faulty: Faulty) -> None:
    faulty.behaviours["Goal"] = fixed(body({}, 429, Retry_After="18000"))
    with pytest.raises(EhrUnavailable, match="attempt 1") as caught:
        FhirServer(faulty.base_url, limits=Limits(call=30)).get("Goal")
    assert caught.value.status == 429


def test_redirects_on_the_same_host_are_followed_and_others_are_not(faulty: Faulty) -> None:
    faulty.behaviours["Goal"] = fixed(body({}, 307, Location=faulty.base_url + "/Moved"))
    faulty.behaviours["Moved"] = fixed(body({"ok": 1}))
    assert quick(faulty).get("Goal") == {"ok": 1}
    faulty.behaviours["Goal"] = fixed(body({}, 307, Location="http://localhost:9/Goal"))
    with pytest.raises(UnsafeRedirect):
        quick(faulty).get("Goal")
    faulty.behaviours["Goal"] = fixed(body({}, 307, Location="Goal"))
    with pytest.raises(UnsafeRedirect, match="too many"):
        quick(faulty).get("Goal")


def test_the_token_goes_to_this_server_even_with_a_netrc(faulty: Faulty, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login u password p")
    monkeypatch.setenv("NETRC", str(netrc))
    tokens = (f"t{i}" for i in count())
    server = FhirServer(faulty.base_url, token=lambda: next(tokens), limits=QUICK)
    server.get("Goal")
    server.get("Goal")
    assert [headers["Authorization"] for _, headers in faulty.asked] == ["Bearer t0", "Bearer t1"]


@pytest.mark.parametrize("url", ["http://ehr.example/fhir", "file:///etc", "ehr.example", "http://[::1"])
def test_no_token_without_tls_and_no_strange_addresses(url: str) -> None:
    with pytest.raises(EhrUnavailable):
        FhirServer(url, token=lambda: "t")


def test_forms_of_retry_after() -> None:
    assert retry_after("120") == 120.0
    assert retry_after(formatdate(0, usegmt=True)) is not None
    past = retry_after("Thu, 01 Jan 1970 00:00:00 GMT")
    assert past is not None
    assert past < 0
    assert (retry_after(None), retry_after(""), retry_after("soon")) == (None, None, None)
