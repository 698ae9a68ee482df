"""Whatever a Bulk Data server does wrong, a pull ends with all data or says what is not there; never in silence."""

import gzip
import json
from collections.abc import Iterator
from dataclasses import replace
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
from support.bulk_server import BulkServer, Exchange, Fault, bulk_server, cut, page, reset, stall, status
from support.pulling import OBSERVATIONS, QUICK, TOKEN, asking, exported, fhir_server, fine, people, pull, whole

from fhir_adapters import read_directory
from fhir_adapters.bulk import Pending, Pull, Retries
from fhir_adapters.errors import EhrUnavailable
from fhir_adapters.pulled import Pulled


@pytest.fixture
def server() -> Iterator[BulkServer]:
    with bulk_server(*people("ann", "bob")) as running:
        yield running


# ------------------------------------------------------------ nothing goes wrong


def test_a_pull_is_what_the_server_sent_and_reads_like_any_folder(server: BulkServer, tmp_path: Path) -> None:
    pulled = pull(server, tmp_path / "in")
    assert whole(server, tmp_path / "in")
    assert pulled.withheld == {}
    assert server.exports == {}, "the server may forget the export"
    (tmp_path / "same").mkdir()
    for file in server.files:
        (tmp_path / "same" / f"{file.name}.ndjson.gz").write_bytes(file.content)
    ours, theirs = read_directory(tmp_path / "in"), read_directory(tmp_path / "same", loaded={"Goal", "Observation"})
    assert ours.records == theirs.records
    assert ours.report.not_loaded == theirs.report.not_loaded
    assert ours.report.balances()


def test_what_does_not_arrive_packed_is_kept_so(server: BulkServer, tmp_path: Path) -> None:
    for file in server.files:
        file.packed = False
    pulled = pull(server, tmp_path)
    assert whole(server, tmp_path)
    assert {Path(file.path).suffix for file in pulled.files} == {".ndjson"}


def test_the_log_tells_each_step_in_the_words_of_the_reference_client(server: BulkServer, tmp_path: Path) -> None:
    server.polls, server.signed, server.token = 1, True, TOKEN
    pull(server, tmp_path)
    text = (tmp_path / ".pull" / "log.ndjson").read_text()
    events = [json.loads(line) for line in text.splitlines()]
    ids = [event["eventId"] for event in events]
    before = ["kickoff", "status_progress", "status_complete", "status_page_complete", "manifest_complete"]
    assert ids[:5] == before
    assert set(ids[5:-1]) == {"download_request", "download_complete"}
    assert ids[-1] == "export_complete"
    assert len({event["exportId"] for event in events}) == 1
    assert events[0]["eventDetail"]["requestParameters"]["_type"] == "Goal,Observation,Patient"
    assert events[4]["eventDetail"]["totalOutputFileCount"] == len(server.files)
    assert events[-1]["eventDetail"]["resources"] == sum(len(file.lines) for file in server.files)
    assert "signature" not in text
    assert TOKEN not in text


# ------------------------------------------------------------ passing trouble

STEPS = ["kickoff", "status", "page", "delete", OBSERVATIONS]
PASSING = {
    "500": status(500),
    "503 with seconds": status(503, Retry_After="0"),
    "429 with a date": status(429, Retry_After=formatdate(usegmt=True)),
    "429 with a date long past": status(429, Retry_After="Thu, 01 Jan 1970 00:00:00 GMT"),
    "429 with milliseconds since 1970": status(429, Retry_After="1790000000000"),
    "429 for hours": status(429, Retry_After="18000"),
    "429 with nothing": status(429),
    "502 with words": status(502, Retry_After="soon"),
}


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("trouble", PASSING.values(), ids=PASSING)
def test_passing_trouble_at_any_step_changes_nothing(server: BulkServer, tmp_path: Path, step: str, trouble: Fault) -> None:
    server.per_page = 2
    server.fail(step, trouble, trouble)
    assert pull(server, tmp_path).withheld == {}
    assert whole(server, tmp_path)
    assert not server.faults[step]
    assert server.exports == {}


FILE_TROUBLE = {
    "cut": cut(100),
    "reset": reset(100),
    "silent": stall(100, 0.7),
    "no length": lambda exchange: exchange.send_file(100) if exchange.produced.headers.update({"Content_Length": None}) else None,
    "a page of words": page(b"<html>sorry</html>"),
    "a packed page of words": page(gzip.compress(b"<html>sorry</html>")),
    "nothing": page(b""),
}


@pytest.mark.parametrize("trouble", FILE_TROUBLE.values(), ids=FILE_TROUBLE)
@pytest.mark.parametrize("packed", [True, False], ids=["packed", "plain"])
def test_a_file_that_does_not_come_whole_is_completed(server: BulkServer, tmp_path: Path, trouble: Fault, packed: bool) -> None:
    for file in server.files:
        file.packed = packed
    server.fail(OBSERVATIONS, trouble)
    assert pull(server, tmp_path).withheld == {}
    assert whole(server, tmp_path)


def cut_without_length(exchange: Exchange) -> None:
    assert exchange.produced is not None
    content = exchange.produced.content
    exchange.send(200, content[:120], Content_Length=None)


@pytest.mark.parametrize("packed", [True, False], ids=["packed", "plain"])
def test_a_cut_that_no_length_shows_is_seen(server: BulkServer, tmp_path: Path, packed: bool) -> None:
    for file in server.files:
        file.packed, file.said = packed, 0
    server.fail(OBSERVATIONS, cut_without_length)
    assert pull(server, tmp_path).withheld == {}
    assert whole(server, tmp_path)


def ranges(server: BulkServer) -> list[str]:
    return [headers["Range"] for _, path, headers in server.asked if OBSERVATIONS in path and "Range" in headers]


def test_only_what_is_missing_is_asked_for_again(server: BulkServer, tmp_path: Path) -> None:
    server.fail(OBSERVATIONS, cut(100), reset(50))
    pull(server, tmp_path)
    assert whole(server, tmp_path)
    assert ranges(server)[0] == "bytes=100-"


@pytest.mark.parametrize("headers", [{"Accept_Ranges": "none"}, {"ETag": None}, {"ETag": 'W/"1"'}], ids=str)
def test_a_server_that_serves_no_parts_sends_that_file_anew(server: BulkServer, tmp_path: Path, headers: dict[str, Any]) -> None:
    for file in server.files:
        file.headers = headers
    server.fail(OBSERVATIONS, cut(100))
    pull(server, tmp_path)
    assert whole(server, tmp_path)
    assert ranges(server) == []
    once = [path for _, path, _ in server.asked if "/files/" in path and OBSERVATIONS not in path]
    assert len(once) == len(set(once))


def test_a_file_that_changed_meanwhile_is_not_glued_together(server: BulkServer, tmp_path: Path) -> None:
    def cut_and_change(exchange: Exchange) -> None:
        exchange.send_file(100)
        assert exchange.produced is not None
        exchange.produced.lines.reverse()

    server.fail(OBSERVATIONS, cut_and_change)
    pull(server, tmp_path)
    assert whole(server, tmp_path)


def test_another_part_than_asked_for_is_not_taken(server: BulkServer, tmp_path: Path) -> None:
    def other_part(exchange: Exchange) -> None:
        assert exchange.produced is not None
        content = exchange.produced.content
        exchange.send(206, content[50:], ETag="x", Content_Range=f"bytes 50-{len(content) - 1}/{len(content)}")

    server.fail(OBSERVATIONS, cut(100), other_part)
    pull(server, tmp_path)
    assert whole(server, tmp_path)


# ------------------------------------------------------------ waiting


def test_the_server_says_when_to_ask_and_a_restart_waits_on(server: BulkServer, tmp_path: Path) -> None:
    clock, slept = [1000.0], list[float]()
    options = replace(QUICK, retries=Retries(), now=lambda: clock[0], sleep=slept.append)
    server.fail("status", status(429, Retry_After="120"))
    with Pull(fhir_server(server), tmp_path, options) as pulling:
        pulling.begin(asking())
        assert isinstance(pulling.run(wait=False), Pending)
    clock[0] += 1
    with Pull(fhir_server(server), tmp_path, options) as pulling:
        assert pulling.run(wait=False) == Pending(1121.0, "")
    clock[0] += 50
    with Pull(fhir_server(server), tmp_path, options) as pulling:
        assert pulling.run(wait=False) == Pending(1121.0, "")
        assert isinstance(pulling.run(), Pulled)
    assert slept[-1] <= 70.0
    assert 70.0 in slept


@pytest.mark.parametrize("asked", ["18000", "1790000000000"])
def test_no_server_makes_us_wait_for_hours(server: BulkServer, tmp_path: Path, asked: str) -> None:
    slept = list[float]()
    server.fail("status", status(503, Retry_After=asked))
    pull(server, tmp_path, retries=Retries(), now=lambda: 0.0, sleep=slept.append)
    assert max(slept) == 900.0


def test_progress_is_shown_and_an_export_is_not_asked_about_in_a_hurry(server: BulkServer, tmp_path: Path) -> None:
    server.polls = 3
    with Pull(fhir_server(server), tmp_path, replace(QUICK, now=lambda: 0.0)) as pulling:
        pulling.begin(asking())
        assert isinstance(pulling.run(wait=False), Pending)
        assert len(server.asked) == 1, "the first question comes later than the kick-off"
    said = list[str]()
    pull(server, tmp_path, watching=replace(QUICK.watching, say=said.append))
    assert said == ["the server says: 0 %", "the server says: 10 %", "the server says: 20 %"]


def test_a_long_export_may_fail_to_answer_once_in_a_while(server: BulkServer, tmp_path: Path) -> None:
    server.polls, server.wait = 30, None
    for _ in range(5):
        server.fail("status", *[fine] * 5, status(503), status(503))
    assert pull(server, tmp_path).withheld == {}
    assert whole(server, tmp_path)


# ------------------------------------------------------------ what a manifest may do


def test_pages_are_followed_and_partial_manifests_taken_as_they_come(server: BulkServer, tmp_path: Path) -> None:
    server.per_page, server.polls, server.partial = 1, 3, True
    pull(server, tmp_path, asking(partial=True))
    assert server.kicked[0]["allowPartialManifests"] == ["true"]
    assert whole(server, tmp_path)
    first_file = next(i for i, (_, path, _) in enumerate(server.asked) if "/files/" in path)
    polls = [i for i, (_, path, _) in enumerate(server.asked) if "/status/" in path and "page" not in path]
    assert first_file < polls[-2], "the last one is the goodbye"


def test_a_server_that_shows_nothing_early_is_asked_for_the_same_without(server: BulkServer, tmp_path: Path) -> None:
    server.fail("kickoff", status(400))
    server.fail("status", status(400))
    with pytest.raises(EhrUnavailable):
        pull(server, tmp_path, asking(partial=True))
    pull(server, tmp_path, asking(partial=True))
    assert ["allowPartialManifests" in kicked for kicked in server.kicked] == [False], "it is gone on with what was begun"
    assert whole(server, tmp_path)
    server.fail("kickoff", status(400), status(400))
    with pytest.raises(EhrUnavailable, match="refuses the export"):
        pull(server, tmp_path, asking(partial=True), full=True)


def test_pages_without_an_end_are_refused(server: BulkServer, tmp_path: Path) -> None:
    server.changes = {"link": [{"relation": "next", "url": f"{server.base_url}/status/job1"}]}
    with pytest.raises(EhrUnavailable, match="no end"):
        pull(server, tmp_path)


def test_an_expired_file_is_found_again_by_the_manifest(server: BulkServer, tmp_path: Path) -> None:
    server.signed = True

    def expired(exchange: Exchange) -> None:
        exchange.send(403)

    server.fail(OBSERVATIONS, status(410), expired)
    assert pull(server, tmp_path).withheld == {}
    assert whole(server, tmp_path)
    asked = [path for _, path, _ in server.asked if OBSERVATIONS in path]
    assert len(set(asked)) == 3, "each time under the new address"


def test_a_file_that_stays_expired_is_withheld_and_the_rest_is_here(server: BulkServer, tmp_path: Path) -> None:
    server.fail(OBSERVATIONS, *[status(410)] * 20)
    pulled = pull(server, tmp_path)
    assert set(pulled.withheld) == {"Observation"}
    assert "410" in pulled.withheld["Observation"]
    data = read_directory(tmp_path)
    assert "observations" in data.report.not_loaded
    assert "goals" not in data.report.not_loaded
    assert all("observations" in record.not_loaded for record in data.records)


def test_other_files_after_a_renewal_mean_that_everything_is_fetched_anew(server: BulkServer, tmp_path: Path) -> None:
    server.signed = True

    def repartitioned(exchange: Exchange) -> None:
        server.files = exported((json.loads(line) for file in server.files for line in file.lines), per_file=5)
        for number, file in enumerate(server.files):
            file.name = f"new{number}"
        exchange.send(410)

    server.fail("Patient.1", repartitioned)
    assert pull(server, tmp_path).withheld == {}
    assert whole(server, tmp_path)


def test_a_new_transaction_time_means_another_export(server: BulkServer, tmp_path: Path) -> None:
    def later(exchange: Exchange) -> None:
        server.changes["transactionTime"] = "2026-07-01T00:00:00Z"
        exchange.send(410)

    server.fail("Patient.1", later)
    pulled = pull(server, tmp_path)
    assert whole(server, tmp_path)
    assert set(pulled.loaded.values()) == {"2026-07-01T00:00:00Z"}


def test_the_same_address_twice_is_one_file(server: BulkServer, tmp_path: Path) -> None:
    server.files.append(server.files[0])
    pulled = pull(server, tmp_path)
    assert len(pulled.files) == len(server.files) - 1
    assert read_directory(tmp_path).report.balances()


def test_an_export_without_files_is_an_answer(server: BulkServer, tmp_path: Path) -> None:
    server.files = []
    pulled = pull(server, tmp_path)
    assert (pulled.files, pulled.withheld) == ((), {})
    data = read_directory(tmp_path)
    assert data.records == []
    assert "goals" not in data.report.not_loaded


def test_a_type_that_the_export_lacks_is_none_only_if_the_server_says_so(server: BulkServer, tmp_path: Path) -> None:
    pulled = pull(server, tmp_path, asking("Patient", "Goal", "Task"))
    assert pulled.withheld == {}
    server.changes["output"] = [
        {"type": "Patient", "url": f"{server.base_url.removesuffix('/fhir')}/files/Patient.1", "count": 2},
    ]
    pulled = pull(server, tmp_path, asking("Patient", "Goal", "Task"), full=True)
    assert set(pulled.withheld) == {"Goal"}
    data = read_directory(tmp_path)
    assert "goals" in data.report.not_loaded
    assert "tasks" not in data.report.not_loaded


def test_an_export_that_lacks_what_the_server_counts_is_worth_a_word(server: BulkServer, tmp_path: Path) -> None:
    assert pull(server, tmp_path / "1", asking(level="system")).notes == ()
    server.counts = {"Observation": 1000}
    (note,) = pull(server, tmp_path / "2", asking(level="system")).notes
    assert note == "the server counts 1,000 Observation, and exported 14"


DAMAGED: list[dict[str, Any]] = [{"transactionTime": None}, {"output": "x"}, {"output": [{"type": "Goal"}]}, {"output": [5]}]


@pytest.mark.parametrize("changes", DAMAGED, ids=str)
def test_a_manifest_that_is_none_ends_the_pull_and_not_in_silence(server: BulkServer, tmp_path: Path, changes: dict[str, Any]) -> None:
    server.changes = changes
    with pytest.raises(EhrUnavailable, match="manifest"):
        pull(server, tmp_path)
