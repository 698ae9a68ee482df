"""The folder of a supplier, and the chart."""

import csv
import io
from pathlib import Path

import pytest
from fhir.resources.R4B.communication import Communication
from support.messages import WRITERS, outgoing

from fhir_adapters.writeback import Outbox
from plugin.errors import SettingsUnreadable
from plugin.messages.gateways.chart import Chart, communication
from plugin.messages.gateways.folder import COLUMNS, Folder, as_csv
from plugin.messages.gateways.gateway import Result, Word
from plugin.messages.opening import gateways
from plugin.settings import ServerSettings, Settings


def read(file: Path) -> dict[str, str]:
    (row,) = csv.DictReader(io.StringIO(file.read_text(encoding="utf-8")))
    return row


def test_a_file_for_each_message_there_whole_or_not_at_all(tmp_path: Path) -> None:
    message = outgoing(channel="letter", address="")
    assert Folder(tmp_path).send(message) == Result(Word.SENT)
    assert Folder(tmp_path).send(message) == Result(Word.SENT)
    (file,) = (tmp_path / "letter").iterdir()
    assert file.name == f"{message.id}.csv"
    found = read(file)
    assert tuple(found) == COLUMNS
    assert (found["text"], found["name"], found["created"]) == (message.text, "Ana Example", "2026-06-30T12:00:00+00:00")


def test_only_the_group_of_the_folder_may_read_what_lies_in_it(tmp_path: Path) -> None:
    assert Folder(tmp_path / "new" / "out").send(outgoing()).word is Word.SENT
    found = sorted((tmp_path / "new" / "out").rglob("*"))
    assert [oct(each.stat().st_mode & 0o777) for each in (tmp_path / "new" / "out", *found)] == ["0o750", "0o750", "0o640"]


@pytest.mark.parametrize(
    ("name", "address", "expected"),
    [
        ("=HYPERLINK(1)", "+1 555 0101", ("'=HYPERLINK(1)", "+1 555 0101")),
        ("@SUM(A1)", "+1-555", ("'@SUM(A1)", "'+1-555")),
        ("-Ana\t", "0101", ("'-Ana\t", "0101")),
    ],
)
def test_no_cell_is_run_by_a_spreadsheet_and_every_number_can_be_called(name: str, address: str, expected: tuple[str, str]) -> None:
    (row,) = csv.DictReader(io.StringIO(as_csv(outgoing(name=name, address=address))))
    assert (row["name"], row["address"]) == expected


def test_what_cannot_be_written_is_tried_later(tmp_path: Path) -> None:
    (tmp_path / "email").write_text("in the way", encoding="utf-8")
    assert Folder(tmp_path).send(outgoing()).word is Word.LATER


def test_after_a_stop_the_folder_tells_what_it_can(tmp_path: Path) -> None:
    folder, message = Folder(tmp_path), outgoing()
    assert folder.look(message).word is Word.UNKNOWN
    (tmp_path / "email").mkdir()
    (tmp_path / "email" / f".{message.id}.csv").write_text("half", encoding="utf-8")
    assert folder.look(message).word is Word.LATER
    assert folder.send(message).word is Word.SENT
    assert folder.look(message).word is Word.SENT
    assert [file.name for file in (tmp_path / "email").iterdir()] == [f"{message.id}.csv"]


REFERS = {"about": ["Observation/o1", "Condition/c1"], "based on": ["ServiceRequest/7"]}


def test_a_portal_message_is_a_communication() -> None:
    message = outgoing(channel="portal", refers=REFERS)
    found = Communication.model_validate(communication(message)).model_dump()
    assert (found["status"], found["payload"][0]["contentString"]) == ("completed", message.text)
    assert found["subject"] == found["recipient"][0] == {"reference": "Patient/p1"}
    assert [each["reference"] for each in found["about"]] == REFERS["about"]
    assert [each["reference"] for each in found["basedOn"]] == REFERS["based on"]
    assert not {"about", "basedOn"} & communication(outgoing(neutral=True)).keys()


def test_the_chart_gets_it_once_however_often_it_is_sent(tmp_path: Path) -> None:
    outbox = Outbox.at(tmp_path / "outbox.sqlite")
    chart, message = Chart(outbox, "north"), outgoing(channel="portal", refers=REFERS)
    assert chart.look(message).word is Word.LATER
    assert [chart.send(message) for _ in range(2)] == [Result(Word.HANDED)] * 2
    assert len(outbox.ledger.rows("north")) == 1
    assert chart.look(message) == Result(Word.HANDED)


def test_an_outbox_that_cannot_be_opened_is_asked_later(tmp_path: Path) -> None:
    file = tmp_path / "outbox.sqlite"
    chart, message = Chart(Outbox.at(file), "north"), outgoing(channel="portal")
    assert chart.send(message).word is Word.HANDED
    for other in tmp_path.glob("outbox.sqlite-*"):
        other.unlink()
    file.write_bytes(b"no database, but long enough to be taken for one" * 100)
    assert (chart.send(message), chart.look(message)) == (Result(Word.LATER, "DatabaseError"), Result(Word.HANDED, "DatabaseError"))


def test_what_no_server_could_hold_is_said(tmp_path: Path) -> None:
    chart = Chart(Outbox.at(tmp_path / "outbox.sqlite"), "north")
    message = outgoing(patient="no id")
    assert (chart.send(message).word, chart.look(message).word) == (Word.FAILED, Word.FAILED)


def test_the_settings_name_what_carries(tmp_path: Path) -> None:
    own = WRITERS.model_copy(update={"letter": "files", "portal": "fhir", "folder": tmp_path})
    servers = {"ehr": ServerSettings(base_url="https://fhir.example.org", tenant="north")}
    found = gateways(Settings(state=tmp_path, messages=own, servers=servers))
    assert found["files"] == Folder(tmp_path)
    assert isinstance(found["fhir"], Chart)
    assert found["fhir"].tenant == "north"
    assert gateways(Settings(state=tmp_path)) == {}
    with pytest.raises(SettingsUnreadable, match="no server into whose charts"):
        gateways(Settings(state=tmp_path, messages=own))
