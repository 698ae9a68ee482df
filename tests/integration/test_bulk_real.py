"""Pulling from a FHIR server that we did not write, by the command, as people do."""

import json
from pathlib import Path

import pytest
from support.command_line import almoner
from support.ehr_server import Ehr
from support.hand_made import HAND_MADE, person

from fhir_adapters import read_directory
from fhir_adapters.mapping import MAPPED_TYPES
from rules.facts import HOUSEHOLD, TABLES

pytestmark = pytest.mark.slow
FEW = {
    "resourceType": "Group",
    "id": "few",
    "type": "person",
    "actual": True,
    "member": [{"entity": {"reference": "Patient/ann"}}],
}
ON_THE_SERVER = [*HAND_MADE, FEW]

ALL = ",".join(sorted(MAPPED_TYPES))
PACK = "rules/packs/whole-person"


@pytest.mark.parametrize("how", [["--system"], ["--post"], ["--system", "--partial", "--post"]], ids=" ".join)
def test_a_population_comes_as_it_was_stored(ehr: Ehr, tmp_path: Path, how: list[str]) -> None:
    ran = almoner("pull", "--server", ehr.base_url, "--into", tmp_path / "in", "--type", ALL, *how)
    pulled = read_directory(tmp_path / "in")
    (tmp_path / "same.ndjson").write_text("".join(json.dumps(resource) + "\n" for resource in HAND_MADE))
    stored = read_directory(tmp_path / "same.ndjson", loaded=MAPPED_TYPES)
    assert [record.person.id for record in pulled.records] == [record.person.id for record in stored.records]
    if "--system" in how:
        assert ran.code == 0, ran.err
        assert pulled.report.not_loaded == {}
        assert [{e.source for e in record.events} for record in pulled.records] == [{e.source for e in r.events} for r in stored.records]


def test_a_group_is_its_members(ehr: Ehr, tmp_path: Path) -> None:
    almoner("pull", "--server", ehr.base_url, "--into", tmp_path, "--type", ALL, "--group", "few")
    (record,) = read_directory(tmp_path).records
    assert record.person.id == "ann"
    assert HOUSEHOLD in record.not_loaded


def test_by_default_the_types_that_the_packs_read_are_pulled_and_evaluated(ehr: Ehr, tmp_path: Path) -> None:
    ran = almoner("pull", "--server", ehr.base_url, "--into", tmp_path / "in", "--packs", PACK, "--system")
    assert ran.code == 0, ran.err
    events = [json.loads(line) for line in (tmp_path / "in" / ".pull" / "log.ndjson").read_text().splitlines()]
    asked = set(events[0]["eventDetail"]["requestParameters"]["_type"].split(","))
    assert {"Patient", "Observation", "QuestionnaireResponse"} <= asked <= MAPPED_TYPES
    found = tmp_path / "findings.ndjson"
    evaluated = almoner("evaluate", "--packs", PACK, "--source", tmp_path / "in", "--as-of", "2026-06-30", "--all", "--out", found)
    assert evaluated.code == 0, evaluated.err
    assert {json.loads(line)["patient"] for line in found.read_text().splitlines()} == {"ann", "bob", "cleo"}
    read = {table for table in TABLES if TABLES[table].resource_types[0] in asked}
    assert not [line for line in evaluated.err.splitlines() if line.startswith("not loaded:") and line.split()[2] in read]


def test_the_next_pull_brings_what_is_new(ehr: Ehr, tmp_path: Path) -> None:
    into = tmp_path / "in"
    arguments = ("pull", "--server", ehr.base_url, "--into", into, "--type", "Patient,Goal", "--system")
    assert almoner(*arguments).code == 0
    before = [path.relative_to(into) for path in into.rglob("*.ndjson") if ".pull" not in path.parts]
    ehr.put(resource for resource in person("dora") if resource["resourceType"] == "Patient")
    ran = almoner(*arguments)
    assert ran.code == 0, ran.err
    new = [path for path in into.rglob("*.ndjson") if ".pull" not in path.parts and path.relative_to(into) not in before]
    assert [json.loads(line)["id"] for path in new for line in path.read_text().splitlines()] == ["dora"]
    assert "dora" in {record.person.id for record in read_directory(into).records}


def test_an_export_can_be_followed_by_one_command_after_another_and_given_up(ehr: Ehr, tmp_path: Path) -> None:
    arguments = ("pull", "--server", ehr.base_url, "--into", tmp_path, "--type", "Patient", "--system")
    first = almoner(*arguments, "--no-wait")
    assert (first.code, "run this again" in first.err) == (1, True), first.err
    assert almoner(*arguments, "--cancel").err == "1 export(s) given up\n"
    assert almoner("pull", "--server", ehr.base_url, "--into", tmp_path / "empty", "--resume").code == 2
    assert almoner(*arguments, "--no-wait").code == 1
    assert almoner("pull", "--server", ehr.base_url, "--into", tmp_path, "--resume").code == 0
    assert len(read_directory(tmp_path).records) >= 3


def test_a_server_that_says_no_is_told_plainly(ehr: Ehr, tmp_path: Path) -> None:
    ran = almoner("pull", "--server", ehr.base_url, "--into", tmp_path, "--type", "Patient", "--group", "nobody")
    assert ran.code == 4
    assert ran.err == "almoner: the server refuses the export: HTTP 404\n"
    assert "Traceback" not in ran.err


MISUSE = {
    "not an address": ("--server", "epic", "--type", "Patient"),
    "two levels": ("--server", "http://127.0.0.1:9", "--group", "g", "--system"),
    "no host": ("--server", "http://127.0.0.1:9", "--type", "Patient", "--file-host", "files.example"),
    "a time without zone": ("--server", "http://127.0.0.1:9", "--since", "2026-01-01T00:00:00"),
    "no time": ("--server", "http://127.0.0.1:9", "--since", "yesterday"),
    "words too new": ("--server", "http://127.0.0.1:9", "--type", "Patient", "--bulk-version", "2.0", "--partial"),
}


@pytest.mark.parametrize("arguments", MISUSE.values(), ids=MISUSE)
def test_misuse_is_explained(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    ran = almoner("pull", "--into", tmp_path, *arguments)
    assert ran.code == 2, ran.err


def test_a_token_file_is_read_at_each_request_and_shown_nowhere(tmp_path: Path) -> None:
    from support.bulk_server import bulk_server
    from support.pulling import people

    with bulk_server(*people("ann", types=["Patient"])) as server:
        server.token = "t" * 20
        token = tmp_path / "token"
        token.write_text(server.token + "\n")
        into = tmp_path / "in"
        ran = almoner("pull", "--server", server.base_url, "--into", into, "--type", "Patient", "--token-file", token)
        assert ran.code == 0, ran.err
        written = b"".join(path.read_bytes() for path in into.rglob("*") if path.is_file())
        assert server.token.encode() not in written
        assert server.token not in ran.err + ran.out
