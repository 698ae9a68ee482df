"""What is wrong with the files of an export, who may see the token, and exports that end badly."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from support.bulk_server import BulkServer, Exchange, Produced, bulk_server, status
from support.pulling import OBSERVATIONS, QUICK, TOKEN, asking, fhir_server, messages, people, pull, whole

from fhir_adapters import read_directory
from fhir_adapters.bulk import Pull
from fhir_adapters.errors import EhrUnavailable, SourceUnreadable
from fhir_adapters.pulled import Pulled
from fhir_adapters.transport import origin


@pytest.fixture
def server() -> Iterator[BulkServer]:
    with bulk_server(*people("ann", "bob")) as running:
        yield running


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
