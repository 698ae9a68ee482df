"""One FHIR server is asked politely: nothing that changes something is sent twice blindly, and the token stays at home."""

import gzip
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from threading import Thread
from time import sleep

import pytest
from support.certificates import issue
from support.faulty_ehr import Answer, Faulty, body, fixed, in_turn, serving

from fhir_adapters.errors import EhrUnavailable, OutcomeUnknown, UnsafeRedirect
from fhir_adapters.transport import Breaker, FhirServer, Given, Limits, Pace, origin

QUICK = Limits(attempt=60, call=60, attempts=3, longest_wait=0.01, body=1 << 20, download=60)
TASK = {"resourceType": "Task", "status": "requested"}
CUT = (200, {"Content-Length": "1000"}, b"{")


@pytest.fixture
def faulty() -> Iterator[Faulty]:
    with serving() as server:
        yield server


@pytest.fixture
def elsewhere() -> Iterator[Faulty]:
    with serving() as server:
        yield server


class Renewable:
    """Tokens t0, t1 …, a new one for each that was refused."""

    def __init__(self) -> None:
        self.number = 0

    def token(self) -> str:
        return f"t{self.number}"

    def refused(self, token: str) -> bool:
        self.number += token == self.token()
        return True


# ---------------------------------------------------------------- what changes something


def test_an_answer_has_status_version_and_resource(faulty: Faulty) -> None:
    faulty.behaviours["Task"] = fixed(body(TASK | {"id": "1"}, 201, ETag='W/"1"', Location="Task/1/_history/1"))
    answer = FhirServer(faulty.base_url).ask("POST", "Task", TASK, headers={"If-None-Exist": "identifier=a|b"})
    assert (answer.status, answer.etag, answer.headers["location"]) == (201, 'W/"1"', "Task/1/_history/1")
    assert answer.body == TASK | {"id": "1"}
    sent = faulty.asked[0][1]
    assert (sent["Content-Type"], sent["If-None-Exist"]) == ("application/fhir+json", "identifier=a|b")
    faulty.behaviours["Task"] = fixed((204, {}, b""))
    assert FhirServer(faulty.base_url).ask("DELETE", "Task/1").body is None


@pytest.mark.parametrize(
    "answer", [body({}, 500), body({}, 502), body({}, 503), body({}, 504), CUT], ids=["500", "502", "503", "504", "cut"]
)
def test_a_create_of_which_nobody_knows_is_not_sent_again(faulty: Faulty, answer: Answer) -> None:
    faulty.behaviours["Task"] = fixed(answer)
    with pytest.raises(OutcomeUnknown):
        FhirServer(faulty.base_url, limits=QUICK).ask("POST", "Task", TASK)
    assert len(faulty.posted) == 1


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_what_can_be_repeated_is(faulty: Faulty, method: str) -> None:
    faulty.behaviours["Task"] = in_turn(body({}, 503), CUT, body(TASK))
    assert FhirServer(faulty.base_url, limits=QUICK).ask(method, "Task/1", TASK if method == "PUT" else None).body == TASK
    assert len(faulty.asked) == 3


def test_a_create_that_was_put_off_is_sent_again(faulty: Faulty) -> None:
    """Too many requests: the server says that it did nothing."""
    faulty.behaviours["Task"] = in_turn(body({}, 429, Retry_After="0"), body(TASK, 201))
    assert FhirServer(faulty.base_url, limits=QUICK).ask("POST", "Task", TASK).status == 201


def test_a_create_that_never_arrived_is_sure_not_to_be_done() -> None:
    with serving() as server:
        address = server.base_url
    with pytest.raises(EhrUnavailable) as caught:
        FhirServer(address, limits=QUICK).ask("POST", "Task", TASK)
    assert not isinstance(caught.value, OutcomeUnknown)
    assert caught.value.again


def test_a_refusal_carries_its_outcome_and_is_not_repeated(faulty: Faulty) -> None:
    outcome = {"resourceType": "OperationOutcome", "issue": [{"code": "invalid"}]}
    faulty.behaviours["Task"] = fixed(body(outcome, 422))
    with pytest.raises(EhrUnavailable, match="HTTP 422") as caught:
        FhirServer(faulty.base_url, limits=QUICK).ask("PUT", "Task/1", TASK)
    assert (caught.value.status, caught.value.outcome, caught.value.again) == (422, outcome, False)
    assert len(faulty.asked) == 1


def test_what_is_sent_follows_no_redirect(faulty: Faulty) -> None:
    faulty.behaviours["Task"] = fixed(body({}, 307, Location=f"{faulty.base_url}/Goal"))
    with pytest.raises(UnsafeRedirect):
        FhirServer(faulty.base_url).ask("POST", "Task", TASK)
    assert len(faulty.asked) == 1


# ---------------------------------------------------------------- tokens


def test_a_token_that_ran_out_in_mid_run_is_renewed_once(faulty: Faulty) -> None:
    faulty.behaviours["Goal"] = in_turn(body({}, 401), body({"ok": 1}))
    server = FhirServer(faulty.base_url, authority=Renewable(), limits=QUICK)
    assert server.get("Goal") == {"ok": 1}
    assert [headers["Authorization"] for _, headers in faulty.asked] == ["Bearer t0", "Bearer t1"]
    faulty.behaviours["Goal"] = fixed(body({}, 401))
    with pytest.raises(EhrUnavailable, match="HTTP 401"):
        server.get("Goal")
    assert len(faulty.asked) == 4


def test_a_create_with_a_token_that_ran_out_is_sent_again(faulty: Faulty) -> None:
    faulty.behaviours["Task"] = in_turn(body({}, 401), body(TASK, 201))
    assert FhirServer(faulty.base_url, authority=Renewable(), limits=QUICK).ask("POST", "Task", TASK).status == 201


# ---------------------------------------------------------------- files


def test_a_file_is_passed_on_as_it_came(faulty: Faulty) -> None:
    packed = gzip.compress(b'{"resourceType":"Patient"}\n' * 1000)
    faulty.behaviours["files"] = fixed((200, {"Content-Encoding": "gzip"}, packed))
    got = bytearray()
    fetched = FhirServer(faulty.base_url).fetch(f"{faulty.base_url}/files/1", got.extend, token=False)
    assert bytes(got) == packed
    assert (fetched.status, fetched.bytes, fetched.headers["content-encoding"]) == (200, len(packed), "gzip")


def test_a_file_that_was_cut_says_so_and_that_it_may_be_asked_for_again(faulty: Faulty) -> None:
    faulty.behaviours["files"] = fixed((200, {"Content-Length": "1000"}, b"x" * 10))
    with pytest.raises(EhrUnavailable) as caught:
        FhirServer(faulty.base_url, limits=QUICK).fetch(f"{faulty.base_url}/files/1", bytearray().extend, token=False)
    assert caught.value.again
    assert len(faulty.asked) == 1


def test_a_file_elsewhere_is_fetched_only_from_hosts_that_are_named_and_never_with_the_token(faulty: Faulty, elsewhere: Faulty) -> None:
    elsewhere.behaviours["files"] = fixed((200, {}, b"far"))
    faulty.behaviours["files"] = fixed((307, {"Location": f"{elsewhere.base_url}/files/1"}, b""))
    server, got = FhirServer(faulty.base_url, authority=Renewable(), limits=QUICK), bytearray()
    for url in (f"{elsewhere.base_url}/files/1", f"{faulty.base_url}/files/1"):
        with pytest.raises(UnsafeRedirect):
            server.fetch(url, got.extend, token=True)
        assert not elsewhere.asked
    for url in (f"{elsewhere.base_url}/files/1", f"{faulty.base_url}/files/1"):
        server.fetch(url, got.extend, token=True, hosts=[origin(elsewhere.base_url)])
    assert bytes(got) == b"farfar"
    assert all("Authorization" not in headers for _, headers in elsewhere.asked)
    assert {headers["Authorization"] for _, headers in faulty.asked} == {"Bearer t0"}


def test_a_file_that_needs_no_token_gets_none(faulty: Faulty) -> None:
    faulty.behaviours["files"] = fixed((200, {}, b"x"))
    FhirServer(faulty.base_url, authority=Renewable()).fetch(f"{faulty.base_url}/files/1", bytearray().extend, token=False)
    assert "Authorization" not in faulty.asked[0][1]


def test_silence_ends_a_download_long_before_its_time_is_over(faulty: Faulty) -> None:
    faulty.behaviours["files"] = fixed((200, {"X-Drip": "1"}, b"x" * 1000))
    with pytest.raises(EhrUnavailable, match="no complete answer"):
        FhirServer(faulty.base_url, limits=replace(QUICK, attempt=0.01)).fetch(
            f"{faulty.base_url}/files/1", bytearray().extend, token=False
        )


# ---------------------------------------------------------------- links


def test_a_link_that_names_the_server_behind_its_proxy_is_brought_back() -> None:
    server = FhirServer("https://ehr.example/fhir/R4")
    assert server.resolve("http://10.0.0.7:8080/fhir/R4?page=2", rebase=True) == "https://ehr.example/fhir/R4?page=2"
    assert server.resolve("https://ehr.example:443:443/fhir/R4/Goal?page=2", rebase=True) == "https://ehr.example/fhir/R4/Goal?page=2"
    assert server.resolve("Goal?page=2", "https://ehr.example/fhir/R4/Goal", rebase=True) == "https://ehr.example/fhir/R4/Goal?page=2"
    for foreign in (
        "http://10.0.0.7/other?page=2",
        "javascript:alert(1)",
        "file:///fhir/R4/x",
        "https://evil.example/fhir/R44/x",
        "http://[::1",
    ):
        with pytest.raises(UnsafeRedirect):
            server.resolve(foreign, rebase=True)
    with pytest.raises(UnsafeRedirect):
        server.resolve("http://10.0.0.7:8080/fhir/R4?page=2")


# ---------------------------------------------------------------- pace


def test_a_server_that_keeps_failing_is_left_alone_for_a_while(faulty: Faulty) -> None:
    now = [0.0]
    faulty.behaviours["Goal"] = fixed(body({}, 503))
    server = FhirServer(faulty.base_url, limits=replace(QUICK, attempts=1), breaker=Breaker(2, 30, clock=lambda: now[0]))
    for _ in range(2):
        with pytest.raises(EhrUnavailable, match="HTTP 503"):
            server.get("Goal")
    with pytest.raises(EhrUnavailable, match="left alone"):
        server.get("Goal")
    assert len(faulty.asked) == 2
    now[0] = 31
    faulty.behaviours["Goal"] = fixed(body({"ok": 1}))
    assert server.get("Goal") == {"ok": 1}
    assert server.attempts == {"HTTP 503": 2, "accepted": 1}


def test_no_more_requests_in_a_minute_than_are_allowed() -> None:
    now, waits = [0.0], []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        now[0] += seconds

    pace = Pace(1, 60, clock=lambda: now[0], sleep=sleep)
    for _ in range(126):
        with pace.turn():
            pass
    assert waits[:6] == [0.0] * 6  # a tenth of a minute was saved up
    assert 119 <= now[0] <= 121


def test_no_more_requests_at_once_than_are_allowed(faulty: Faulty) -> None:
    running, most = [0], [0]

    def busy(*_: object) -> Answer:
        running[0] += 1
        most[0] = max(most[0], running[0])
        sleep(0.05)
        running[0] -= 1
        return body({"ok": 1})

    faulty.behaviours["Goal"] = busy
    server = FhirServer(faulty.base_url, pace=Pace(2))
    threads = [Thread(target=server.get, args=("Goal",)) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 1 <= most[0] <= 2
    assert len(faulty.asked) == 12


def test_our_certificate_is_shown_to_a_server_that_asks_for_it(tmp_path: Path) -> None:
    """Mutual TLS: the connection is refused without it."""
    ours = issue(tmp_path)
    with serving(ours, clients=ours) as server:
        known = FhirServer(server.base_url, ca_file=ours, certificate=(ours, ours), limits=QUICK, authority=Given(lambda: "t"))
        server.behaviours["Goal"] = fixed(body({"ok": 1}))
        assert known.get("Goal") == {"ok": 1}
        with pytest.raises(EhrUnavailable, match="no complete answer"):
            FhirServer(server.base_url, ca_file=ours, limits=replace(QUICK, attempts=1)).get("Goal")
