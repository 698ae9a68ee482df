"""Reading by REST from a server that does everything wrong: nothing incomplete is ever taken for complete."""

import gzip
from collections.abc import Iterator
from dataclasses import replace
from email.utils import formatdate
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from support.certificates import issue
from support.faulty_ehr import Answer, Faulty, body, fixed, in_turn, page, serving
from support.hand_made import about, person

from fhir_adapters import FhirServer, Limits, read_patients
from fhir_adapters.errors import EhrUnavailable, UnsafeRedirect, WrongPatient
from fhir_adapters.mapping import MAPPED_TYPES
from fhir_adapters.quarantine import Reason
from fhir_adapters.transport import Given
from fhir_adapters.transport.limits import retry_after
from rules.facts import HOUSEHOLD, TABLES


def goals(*ids: str, subject: str = "ann") -> list[dict[str, Any]]:
    return [{"resourceType": "Goal", "id": id, "lifecycleStatus": "active", "subject": about(subject)} for id in ids]


@pytest.fixture
def faulty() -> Iterator[Faulty]:
    with serving() as server:
        yield server


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate for 127.0.0.1 with its key, signed by itself."""
    return issue(tmp_path)


QUICK = Limits(attempt=60, call=60, attempts=2, longest_wait=0.01, body=1 << 20)


def quick(faulty: Faulty) -> FhirServer:
    return FhirServer(faulty.base_url, limits=QUICK)


def test_a_good_answer_is_complete(faulty: Faulty) -> None:
    dataset = read_patients(quick(faulty))
    assert [record.person.id for record in dataset.records] == ["ann", "bob", "cleo"]
    assert dataset.report.not_loaded == {}
    assert dataset.report.balances()
    agent = {headers["User-Agent"].split("/")[0] for _, headers in faulty.asked}
    assert agent == {"almoner"}
    assert {headers["Accept"] for _, headers in faulty.asked} == {"application/fhir+json"}


def test_only_the_types_named_are_asked_for(faulty: Faulty) -> None:
    everybody = read_patients(quick(faulty), types={"Goal", "Task"})
    (ann,) = read_patients(quick(faulty), patient_ids=["ann"], types=["Goal", "Task"]).records
    assert {path.removeprefix("/fhir/").split("?")[0].split("/")[0] for path, _ in faulty.asked} == {"Patient", "Goal", "Task"}
    assert set(everybody.report.not_loaded) == TABLES.keys() - {"goals", "tasks"}
    assert ann.not_loaded == {HOUSEHOLD, *everybody.report.not_loaded}
    assert everybody.records[0].not_loaded >= set(everybody.report.not_loaded)


UNTRUSTED = {
    "next on another host": (page(goals("g1"), next="http://other.example/else?page=2"), "another host"),
    "next on another port": (page(goals("g1"), next="http://127.0.0.1:1/?page=2"), "another host"),
    "next by another scheme": (page(goals("g1"), next="https://127.0.0.1/fhirs/Goal"), "another host"),
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
    with pytest.raises(WrongPatient):
        read_patients(quick(faulty), patient_ids=["ann"])


def test_without_the_patients_there_is_nothing(faulty: Faulty) -> None:
    faulty.behaviours["Patient"] = fixed(body({}, 403))
    with pytest.raises(EhrUnavailable, match="403"):
        read_patients(quick(faulty))


def test_a_server_that_refuses_strictness_is_asked_without(faulty: Faulty) -> None:
    def lenient_only(path: str, query: dict[str, list[str]], headers: dict[str, str]) -> Answer:
        return body({}, 400) if "Prefer" in headers else faulty.good(path, query, headers)

    faulty.behaviours |= dict.fromkeys(MAPPED_TYPES, lenient_only)
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


def test_limits_and_trust_hold_for_tls_too(certificate: Path) -> None:
    with serving(certificate) as server:
        trusting = FhirServer(server.base_url, limits=QUICK, ca_file=certificate)
        assert [record.person.id for record in read_patients(trusting).records] == ["ann", "bob", "cleo"]
        server.behaviours["Goal"] = fixed((200, {"X-Drip": "1"}, b" " * 1000))
        with pytest.raises(EhrUnavailable, match="no complete answer"):
            FhirServer(server.base_url, limits=replace(QUICK, attempt=0.5, attempts=1), ca_file=certificate).get("Goal")
        with pytest.raises(EhrUnavailable, match="SSLError"):
            quick(server).get("Task")


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
    server = FhirServer(faulty.base_url, authority=Given(lambda: next(tokens)), limits=QUICK)
    server.get("Goal")
    server.get("Goal")
    assert [headers["Authorization"] for _, headers in faulty.asked] == ["Bearer t0", "Bearer t1"]


@pytest.mark.parametrize("url", ["http://ehr.example/fhir", "file:///etc", "ehr.example", "http://[::1"])
def test_no_token_without_tls_and_no_strange_addresses(url: str) -> None:
    with pytest.raises(EhrUnavailable):
        FhirServer(url, authority=Given(lambda: "t"))


def test_forms_of_retry_after() -> None:
    assert retry_after("120") == 120.0
    assert retry_after(formatdate(0, usegmt=True)) is not None
    past = retry_after("Thu, 01 Jan 1970 00:00:00 GMT")
    assert past is not None
    assert past < 0
    assert (retry_after(None), retry_after(""), retry_after("soon")) == (None, None, None)
