"""One pull after another into the same folder, and what each asks for."""

import gzip
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from support.bulk_server import BulkServer, Produced, bulk_server, output, status
from support.command_line import almoner_here
from support.hand_made import person
from support.pulling import OBSERVATIONS, QUICK, asking, fhir_server, messages, patient, people, pull, tree, whole

from fhir_adapters import read_directory
from fhir_adapters.bulk import ExportRequest, Pull
from fhir_adapters.errors import EhrUnavailable, PullConflict
from fhir_adapters.synthetic import CANARY
from fhir_adapters.warehouse.ingest.beforehand import Shelf
from rules.facts import HOUSEHOLD


@pytest.fixture
def server() -> Iterator[BulkServer]:
    with bulk_server(*people("ann", "bob")) as running:
        yield running


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


def test_where_changes_are_not_kept_every_pull_is_a_full_one_and_says_so(server: BulkServer, tmp_path: Path) -> None:
    config = tmp_path / "almoner.yaml"
    config.write_text(json.dumps({"servers": {"main": {"base_url": server.base_url, "vendor": "epic"}}}))
    options = ("--server", "main", "--config", config, "--group", "all", "--type", "Patient", "--into", tmp_path / "in")
    assert almoner_here("pull", *options).code == 0
    for more in ((), ("--since", "2026-01-01", "--until", "2026-06-01")):
        ran = almoner_here("pull", *options, *more)
        assert ran.code == 0, ran.err
        assert "note: Epic does not keep meta.lastUpdated: everything is pulled anew\n" in ran.err
    assert not [asked for asked in server.kicked if "_since" in asked or "_until" in asked]


SAYS = {
    "that it has them": (("Questionnaire", "QuestionnaireResponse"), True),
    "that it has answers only": (("QuestionnaireResponse",), False),
    "nothing": ((), False),
}


@pytest.mark.parametrize(("types", "asked"), SAYS.values(), ids=SAYS)
def test_forms_are_pulled_with_answers_where_the_server_says_that_it_has_them(
    server: BulkServer, tmp_path: Path, types: tuple[str, ...], asked: bool
) -> None:
    server.types = types
    options = ("--server", server.base_url, "--packs", "rules/packs/whole-person")
    almoner_here("pull", *options, "--into", tmp_path / "all")
    almoner_here("pull", *options, "--into", tmp_path / "named", "--type", "QuestionnaireResponse")
    everything, named = (kicked["_type"][0].split(",") for kicked in server.kicked)
    assert ("Questionnaire" in everything) is asked
    assert "QuestionnaireResponse" in everything
    assert named == ["QuestionnaireResponse"], "what is named is what is pulled"


def test_giving_up_a_pull_forgets_what_was_staged_of_it(server: BulkServer, tmp_path: Path) -> None:
    server.polls = 1
    options = ("pull", "--server", server.base_url, "--type", "Patient", "--into", tmp_path)
    assert almoner_here(*options, "--no-wait").code == 1
    staged = Shelf(tmp_path).folder / "of-a-file" / "account"
    staged.parent.mkdir(parents=True)
    staged.touch()
    ran = almoner_here(*options, "--cancel")
    assert (ran.code, ran.err) == (0, "1 export(s) given up\n")
    assert not Shelf(tmp_path).folder.exists()
