"""Whatever a Bulk Data server does wrong, a pull ends with all data or says what is not there; never in silence."""

import gzip
import json
from collections.abc import Iterator
from dataclasses import replace
from email.utils import formatdate
from pathlib import Path
from typing import Any

import orjson
import pytest
from support.bulk_server import BulkServer, Exchange, Fault, Produced, bulk_server, cut, output, page, reset, stall, status
from support.hand_made import person
from support.pulling import QUICK, asking, exported, fhir_server, people, pull, received, tree

from fhir_adapters import read_directory
from fhir_adapters.bulk import ExportRequest, Pending, Pull, Retries
from fhir_adapters.errors import EhrUnavailable, PullConflict, SourceUnreadable
from fhir_adapters.pulled import Pulled
from fhir_adapters.synthetic import CANARY
from fhir_adapters.transport import origin
from rules.facts import HOUSEHOLD

OBSERVATIONS = "Observation.1"


@pytest.fixture
def server() -> Iterator[BulkServer]:
    with bulk_server(*people("ann", "bob")) as running:
        yield running


def whole(server: BulkServer, folder: Path) -> bool:
    """Whether every file is here byte for byte, and nothing else."""
    return received(folder) == {file.content for file in server.files}


TOKEN = "t" * 20


def patient(id: str, **elements: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", "id": id} | elements


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


def fine(exchange: Exchange) -> None:
    exchange.send(202)


# ------------------------------------------------------------ what a manifest may do


def test_pages_are_followed_and_partial_manifests_taken_as_they_come(server: BulkServer, tmp_path: Path) -> None:
    server.per_page, server.polls, server.partial = 1, 3, True
    pull(server, tmp_path, asking(partial=True))
    assert server.kicked[0]["allowPartialManifests"] == ["true"]
    assert whole(server, tmp_path)
    first_file = next(i for i, (_, path, _) in enumerate(server.asked) if "/files/" in path)
    polls = [i for i, (_, path, _) in enumerate(server.asked) if "/status/" in path and "page" not in path]
    assert first_file < polls[-2], "the last one is the goodbye"


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


# ------------------------------------------------------------ what files may do


def test_fewer_resources_than_announced_are_asked_for_again_and_then_withheld(server: BulkServer, tmp_path: Path) -> None:
    (file,) = [file for file in server.files if file.name == OBSERVATIONS]
    file.said = len(file.lines) + 3
    pulled = pull(server, tmp_path)
    assert "announced" in pulled.withheld["Observation"]
    assert sum(OBSERVATIONS in path for _, path, _ in server.asked) == 2


def test_more_resources_than_announced_are_worth_a_word(server: BulkServer, tmp_path: Path) -> None:
    (file,) = [file for file in server.files if file.name == OBSERVATIONS]
    file.said = len(file.lines) - 1
    pulled = pull(server, tmp_path)
    assert pulled.withheld == {}
    assert any("announced" in note for note in pulled.notes)


def test_blank_lines_are_no_resources(server: BulkServer, tmp_path: Path) -> None:
    (file,) = [file for file in server.files if file.name == OBSERVATIONS]
    file.said = len(file.lines)
    file.lines = [*file.lines[:3], "", "  ", *file.lines[3:], ""]
    assert pull(server, tmp_path).withheld == {}


def test_a_file_that_is_cut_on_the_server_is_withheld(server: BulkServer, tmp_path: Path) -> None:
    (file,) = [file for file in server.files if file.name == OBSERVATIONS]
    file.cut, file.said = 5, 0
    pulled = pull(server, tmp_path)
    assert "cut" in pulled.withheld["Observation"]
    assert "observations" in read_directory(tmp_path).report.not_loaded


def messages(*issues: dict[str, Any]) -> Produced:
    return Produced("error", "OperationOutcome", "errors.1", [json.dumps({"resourceType": "OperationOutcome", "issue": list(issues)})])


def test_an_error_withholds_the_type_that_it_names(server: BulkServer, tmp_path: Path) -> None:
    server.files.append(messages({"severity": "error", "code": "exception", "diagnostics": "Observation/ann: Mrs Doe"}))
    pulled = pull(server, tmp_path)
    assert pulled.withheld == {"Observation": "the server reports: error, exception"}
    assert not any("Doe" in note for note in pulled.notes)


def test_an_error_that_names_nothing_may_be_about_anything(server: BulkServer, tmp_path: Path) -> None:
    server.files.append(messages({"severity": "fatal", "code": "processing"}))
    assert set(pull(server, tmp_path).withheld) == {"Observation", "Goal"}
    assert len(read_directory(tmp_path).records) == 2


def test_a_warning_is_shown_and_withholds_nothing_in_either_wording(server: BulkServer, tmp_path: Path) -> None:
    warning = messages({"severity": "warning", "code": "not-supported"})
    server.files.append(replace(warning, kind="outcome"))
    pulled = pull(server, tmp_path)
    assert pulled.withheld == {}
    assert pulled.notes == ("the server reports: warning, not-supported (about no type in particular)",)


def test_messages_that_cannot_be_read_are_errors(server: BulkServer, tmp_path: Path) -> None:
    server.files.append(Produced("error", "OperationOutcome", "errors.1", ['{"resourceType": "Basic"}']))
    assert set(pull(server, tmp_path).withheld) == {"Observation", "Goal"}


def test_without_the_people_there_is_nothing(server: BulkServer, tmp_path: Path) -> None:
    server.fail("Patient.1", *[status(400)] * 20)
    assert "Patient" in pull(server, tmp_path).withheld
    with pytest.raises(SourceUnreadable, match="people themselves"):
        read_directory(tmp_path)


def test_a_file_that_changes_on_the_disk_is_not_read(server: BulkServer, tmp_path: Path) -> None:
    pulled = pull(server, tmp_path)
    (path,) = [tmp_path / file.path for file in pulled.files if file.type == "Goal"]
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes(content)
    data = read_directory(tmp_path)
    assert "not what was pulled" in data.report.not_loaded["goals"]
    assert not [event for record in data.records for event in record.events if event.table == "goals"]


# ------------------------------------------------------------ tokens and other hosts


def test_a_token_that_is_refused_in_mid_run_ends_it_and_a_new_one_goes_on(server: BulkServer, tmp_path: Path) -> None:
    server.token = TOKEN
    with Pull(fhir_server(server), tmp_path, QUICK) as pulling:
        client = fhir_server(server)
        server.fail(OBSERVATIONS, status(401))
        pulling.begin(asking())
        with pytest.raises(EhrUnavailable) as caught:
            pulling.run()
        assert caught.value.status == 401
    before = len(server.kicked)
    with Pull(client, tmp_path, QUICK) as pulling:
        assert isinstance(pulling.run(), Pulled)
    assert len(server.kicked) == before
    assert whole(server, tmp_path)


@pytest.mark.parametrize("required", [True, False])
def test_files_of_another_host_come_without_the_token_and_only_if_it_is_named(tmp_path: Path, required: bool) -> None:
    with bulk_server(*people("ann")) as server, bulk_server(*people("ann")) as files:
        server.token, server.changes = TOKEN, {"requiresAccessToken": required}
        server.file_base = files.base_url.removesuffix("/fhir") + "/files"
        pulled = pull(server, tmp_path / "refused")
        assert set(pulled.withheld) == {"Patient", "Observation", "Goal"}
        assert files.asked == []
        assert pull(server, tmp_path / "named", hosts=(origin(files.base_url),)).withheld == {}
        assert files.tokens_seen() == {None}
        assert server.tokens_seen() == {f"Bearer {TOKEN}"}


@pytest.mark.parametrize("required", [True, False])
def test_own_files_see_the_token_only_if_they_require_it(server: BulkServer, tmp_path: Path, required: bool) -> None:
    server.changes = {"requiresAccessToken": required}
    client = fhir_server(replace(server, token=TOKEN))
    with Pull(client, tmp_path, QUICK) as pulling:
        pulling.begin(asking())
        pulling.run()
    seen = {headers.get("Authorization") for _, path, headers in server.asked if "/files/" in path}
    assert seen == {f"Bearer {TOKEN}" if required else None}


def test_a_redirect_to_another_host_loses_the_token(tmp_path: Path) -> None:
    with bulk_server(*people("ann")) as server, bulk_server(*people("ann")) as files:
        server.token = TOKEN
        elsewhere = files.base_url.removesuffix("/fhir") + "/files/"
        for file in server.files:
            server.fail(file.name, status(307, Location=elsewhere + file.name))
        assert pull(server, tmp_path, hosts=(origin(files.base_url),)).withheld == {}
        assert files.tokens_seen() == {None}
        assert len(files.asked) == len(server.files)


def test_a_redirect_to_a_host_that_is_not_named_is_not_followed(tmp_path: Path) -> None:
    with bulk_server(*people("ann")) as server, bulk_server(*people("ann")) as files:
        server.fail(OBSERVATIONS, *[status(307, Location=files.base_url)] * 9)
        assert set(pull(server, tmp_path).withheld) == {"Observation"}
        assert files.asked == []


# ------------------------------------------------------------ exports that end badly


def test_a_forgotten_export_is_asked_for_again(server: BulkServer, tmp_path: Path) -> None:
    server.polls = 1
    server.fail("status", status(404))
    assert pull(server, tmp_path).withheld == {}
    assert len(server.kicked) == 2
    assert whole(server, tmp_path)


def test_an_export_that_the_server_always_forgets_is_given_up(server: BulkServer, tmp_path: Path) -> None:
    server.fail("status", *[status(404)] * 9)
    with pytest.raises(EhrUnavailable, match="cannot be followed"):
        pull(server, tmp_path)
    assert len(server.kicked) == 3


def test_an_export_that_failed_says_so_and_can_be_given_up(server: BulkServer, tmp_path: Path) -> None:
    server.fail("status", *[status(500)] * 20)
    with pytest.raises(EhrUnavailable, match="HTTP 500") as caught:
        pull(server, tmp_path)
    assert "Doe" not in str(caught.value)
    with Pull(fhir_server(server), tmp_path, QUICK) as pulling:
        assert pulling.cancel() == 1
        assert not pulling.unfinished()
    assert server.exports == {}
    server.faults.clear()
    assert pull(server, tmp_path).withheld == {}


def failed_export(exchange: Exchange) -> None:
    exchange.send(200, {"resourceType": "OperationOutcome"}, X_Export_Status="500 Internal Server Error")


def test_a_failure_beside_a_fine_answer_is_seen(server: BulkServer, tmp_path: Path) -> None:
    server.fail("status", failed_export)
    with pytest.raises(EhrUnavailable, match="the export failed on the server"):
        pull(server, tmp_path)


def test_a_refused_kick_off_is_told_at_once(server: BulkServer, tmp_path: Path) -> None:
    server.fail("kickoff", status(400))
    with pytest.raises(EhrUnavailable, match="refuses the export: HTTP 400"):
        pull(server, tmp_path)
    assert len(server.asked) == 1


def test_a_delete_that_is_refused_harms_nobody(server: BulkServer, tmp_path: Path) -> None:
    said = list[str]()
    server.fail("delete", status(405))
    pulled = pull(server, tmp_path, watching=replace(QUICK.watching, say=said.append))
    assert pulled.withheld == {}
    assert said == ["the server does not take the export back: HTTP 405"]


# ------------------------------------------------------------ one pull after another


def test_the_next_pull_asks_for_what_changed_since(server: BulkServer, tmp_path: Path) -> None:
    pull(server, tmp_path)
    server.changes["transactionTime"] = "2026-07-01T00:00:00Z"
    server.files = [output("Patient", [patient("cleo"), patient("bob", gender="male", meta={"versionId": "2"})])]
    pulled = pull(server, tmp_path)
    assert server.kicked[1]["_since"] == ["2026-06-30T06:00:00Z"]
    assert pulled.withheld == {}
    assert set(pulled.loaded.values()) == {"2026-07-01T00:00:00Z"}
    data = read_directory(tmp_path)
    assert [(record.person.id, record.person.sex) for record in data.records] == [("ann", "female"), ("bob", "male"), ("cleo", None)]


def deleting(url: str) -> str:
    return json.dumps({"resourceType": "Bundle", "type": "transaction", "entry": [{"request": {"method": "DELETE", "url": url}}]})


DELETIONS = {
    "bundle": deleting("Patient/bob"),
    "absolute": deleting("https://x.example/fhir/Patient/bob/_history/3"),
    "stub": '{"resourceType": "Patient", "id": "bob"}',
    "references": '[{"reference": "Patient/bob"}]',
    "texts": '["Patient/bob", "Goal/none"]',
    "bare": "Patient/bob",
}


@pytest.mark.parametrize("line", DELETIONS.values(), ids=DELETIONS)
def test_what_was_deleted_does_not_appear(server: BulkServer, tmp_path: Path, line: str) -> None:
    pull(server, tmp_path)
    server.files = [Produced("deleted", "Bundle", "deleted.1", [line], said=0)]
    pull(server, tmp_path)
    data = read_directory(tmp_path)
    assert [record.person.id for record in data.records] == ["ann"]
    assert data.report.balances()
    server.files = [output("Patient", [patient("bob")])]
    pull(server, tmp_path)
    assert [record.person.id for record in read_directory(tmp_path).records] == ["ann", "bob"], "it came back"


def test_a_deletion_that_names_nothing_is_counted(server: BulkServer, tmp_path: Path) -> None:
    pull(server, tmp_path)
    server.files = [Produced("deleted", "Bundle", "deleted.1", [deleting("Patient?identifier=5")], said=0)]
    pull(server, tmp_path)
    assert any("1 deletion" in note for note in read_directory(tmp_path).report.notes)


def test_a_type_that_failed_is_asked_for_from_where_it_stood(server: BulkServer, tmp_path: Path) -> None:
    pull(server, tmp_path)
    server.changes["transactionTime"] = "2026-07-01T00:00:00Z"
    server.fail(OBSERVATIONS, *[status(400)] * 9)
    assert set(pull(server, tmp_path).withheld) == {"Observation"}
    server.faults.clear()
    assert pull(server, tmp_path).withheld == {}
    asked = {(query["_type"][0], query["_since"][0]) for query in server.kicked[2:]}
    assert asked == {("Observation", "2026-06-30T06:00:00Z"), ("Goal,Patient", "2026-07-01T00:00:00Z")}


def test_a_full_pull_replaces_everything(server: BulkServer, tmp_path: Path) -> None:
    pull(server, tmp_path)
    server.files = people("cleo")
    pull(server, tmp_path, full=True)
    assert whole(server, tmp_path)
    assert [record.person.id for record in read_directory(tmp_path).records] == ["cleo"]


def test_what_was_pulled_stays_readable_until_the_next_pull_ends(server: BulkServer, tmp_path: Path) -> None:
    pull(server, tmp_path)
    before = tree(tmp_path)
    server.fail(OBSERVATIONS, status(401))
    with pytest.raises(EhrUnavailable):
        pull(server, tmp_path, full=True)
    assert tree(tmp_path).items() >= before.items()
    assert [record.person.id for record in read_directory(tmp_path).records] == ["ann", "bob"]


def test_a_folder_holds_one_data_set(server: BulkServer, tmp_path: Path) -> None:
    pull(server, tmp_path)
    with pytest.raises(PullConflict, match="pulled from elsewhere"):
        pull(server, tmp_path, asking(level="group", group="g"))
    server.fail("status", *[status(404)] * 9)
    with pytest.raises(EhrUnavailable):
        pull(server, tmp_path)
    with pytest.raises(PullConflict, match="--resume"):
        pull(server, tmp_path, asking("Patient"))


def test_a_folder_with_other_things_is_left_alone(server: BulkServer, tmp_path: Path) -> None:
    other = tmp_path / "2024" / "output" / "Goal.00001.ndjson"
    other.parent.mkdir(parents=True)
    other.write_text("{}")
    with pytest.raises(PullConflict, match="not empty"):
        pull(server, tmp_path)
    with Pull(fhir_server(server), tmp_path, QUICK) as pulling:
        with pytest.raises(PullConflict):
            pulling.run()
        pulling.cancel()
    assert other.exists()
    assert server.asked == []


def test_one_process_at_a_time(server: BulkServer, tmp_path: Path) -> None:
    with Pull(fhir_server(server), tmp_path, QUICK), pytest.raises(PullConflict, match="another pull"):
        pull(server, tmp_path)


def test_a_group_does_not_show_the_rest_of_a_household(server: BulkServer, tmp_path: Path) -> None:
    pull(server, tmp_path, asking(level="group", group="a b"))
    assert "/fhir/Group/a%20b/$export?" in server.asked[0][1]
    data = read_directory(tmp_path)
    assert data.report.not_loaded[HOUSEHOLD] == "only a group was pulled"
    assert all(HOUSEHOLD in record.not_loaded for record in data.records)


# ------------------------------------------------------------ what is asked


def test_every_word_of_the_kick_off(server: BulkServer, tmp_path: Path) -> None:
    request = asking(
        "Patient",
        "Observation",
        level="system",
        since="2026-01-01T00:00:00+02:00",
        until="2026-06-01T00:00:00Z",
        type_filters=("Observation?category=survey", "Observation?code=a,b&date=gt2020"),
        elements=("Patient.id",),
        organize_by="Patient",
    )
    pulled = pull(server, tmp_path, request)
    assert server.kicked == [
        {
            "_type": ["Observation,Patient"],
            "_typeFilter": ["Observation?category=survey", "Observation?code=a,b&date=gt2020"],
            "_elements": ["Patient.id"],
            "_since": ["2026-01-01T00:00:00+02:00"],
            "_until": ["2026-06-01T00:00:00Z"],
            "organizeOutputBy": ["Patient"],
        }
    ]
    assert server.asked[0][2]["Prefer"] == "respond-async"
    assert set(pulled.loaded.values()) == {"2026-06-01T00:00:00Z"}, "no further than was asked for"


def test_a_kick_off_by_post(server: BulkServer, tmp_path: Path) -> None:
    pull(server, tmp_path, asking("Patient", post=True, partial=True, since="2026-01-01T00:00:00Z"))
    assert server.posted == [
        {
            "resourceType": "Parameters",
            "parameter": [
                {"name": "_type", "valueString": "Patient"},
                {"name": "_since", "valueInstant": "2026-01-01T00:00:00Z"},
                {"name": "allowPartialManifests", "valueBoolean": True},
            ],
        }
    ]


@pytest.mark.parametrize("words", [{"until": "2026-01-01T00:00:00Z"}, {"elements": ("id",)}, {"post": True}], ids=str)
def test_an_old_server_is_not_asked_in_new_words(server: BulkServer, tmp_path: Path, words: dict[str, Any]) -> None:
    with pytest.raises(PullConflict, match=r"1\.0\.1"):
        pull(server, tmp_path, ExportRequest(("Patient",), version="1.0.1", **words))
    assert server.asked == []


def test_files_by_patient_are_read_like_others(tmp_path: Path) -> None:
    lines = [
        orjson.dumps(resource).decode()
        for id in ("ann", "bob")
        for resource in [
            {"resourceType": "Parameters", "parameter": [{"name": "header", "valueReference": {"reference": f"Patient/{id}"}}]},
            *person(id),
        ]
    ]
    with bulk_server(Produced("output", "", "output.1", lines)) as server:
        assert pull(server, tmp_path, asking(organize_by="Patient")).withheld == {}
    assert len(read_directory(tmp_path).records) == 2


def test_no_word_about_a_person_leaves_the_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = [{"family": CANARY}]
    issue = {"severity": "error", "code": "exception", "diagnostics": CANARY}
    outcome = {"resourceType": "OperationOutcome", "issue": [issue]}
    said = list[str]()
    with bulk_server(output("Patient", [patient("ann", name=names)]), messages(issue)) as server:
        server.fail("kickoff", status(503, X_Reason=CANARY))
        server.fail("status", lambda exchange: exchange.send(500, outcome))
        server.fail("Patient.1", lambda exchange: exchange.send(500, outcome))
        pulled = pull(server, tmp_path, asking("Patient"), watching=replace(QUICK.watching, say=said.append))
    state = b"".join(path.read_bytes() for path in (tmp_path / ".pull").iterdir())
    record = (tmp_path / "pull.json").read_bytes()
    assert CANARY.encode() not in state + record + repr((said, pulled, capsys.readouterr())).encode()
    assert CANARY.encode() in gzip.decompress(next(tmp_path.rglob("Patient*.gz")).read_bytes())
