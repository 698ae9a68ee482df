"""A warehouse that is loaded from a folder after each pull holds what the folder holds, and reads only what is new of it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from support.bulk_server import BulkServer, Produced, bulk_server, output, status
from support.command_line import almoner
from support.ehr_history import answers, condition, known_by, medication, numbered, patient, prescription, questionnaire
from support.hand_made import person
from support.pulling import asking, exported, pull

from fhir_adapters import read_directory
from fhir_adapters.bulk import ExportRequest
from fhir_adapters.dataset import Dataset
from fhir_adapters.errors import SourceUnreadable
from fhir_adapters.warehouse.assembly import Habits, Loaded
from fhir_adapters.warehouse.load import load_pulled
from fhir_adapters.warehouse.read import read_warehouse
from rules.facts import HOUSEHOLD

TYPES = ("Condition", "Goal", "Medication", "MedicationRequest", "Observation", "Patient", "Questionnaire", "QuestionnaireResponse")
EVERYTHING = asking(*TYPES)


@dataclass
class Nights:
    """A server, the folder that it is pulled into, and the warehouse behind that."""

    server: BulkServer
    folder: Path
    warehouse: Path
    passed: int = 0

    def next(self, *files: Produced, request: ExportRequest = EVERYTHING, full: bool = False) -> Loaded:
        """A night: pull these files and load."""
        self.passed += 1
        self.server.changes["transactionTime"] = f"2026-07-{self.passed:02}T00:00:00Z"
        self.server.files = list(files)
        pull(self.server, self.folder, request, full=full)
        return self.load()

    def load(self) -> Loaded:
        """Without ever writing everything anew, so that even a tiny warehouse is added to."""
        return load_pulled(self.warehouse, self.folder, Habits(rewrite_at=1000.0))

    def agree(self) -> Dataset:
        """What the warehouse holds, which is what the folder holds."""
        stored, read = read_warehouse(self.warehouse), read_directory(self.folder)
        assert stored.records == read.records
        assert stored.report.not_loaded == read.report.not_loaded
        assert stored.report.excluded == read.report.excluded
        assert stored.report.quarantine.counts == read.report.quarantine.counts
        assert stored.report.balances()
        return stored


@pytest.fixture
def nights(tmp_path: Path) -> Iterator[Nights]:
    with bulk_server() as server:
        found = Nights(server, tmp_path / "in", tmp_path / "warehouse")
        stray = condition("c1", "") | known_by("7")
        found.next(*exported([*person("ann"), *person("bob"), stray, prescription("r1", "ann", "m1"), answers("q1", "ann")]))
        yield found


def deleted(*sources: str) -> Produced:
    entries = [{"request": {"method": "DELETE", "url": source}} for source in sources]
    return Produced(
        "deleted", "Bundle", "deleted.1", [json.dumps({"resourceType": "Bundle", "type": "transaction", "entry": entries})], said=0
    )


def sources(data: Dataset) -> dict[str, set[str]]:
    return {record.person.id: {event.source for event in record.events} for record in data.records}


def test_the_first_time_everything_comes_and_later_what_is_new(nights: Nights) -> None:
    before = nights.agree()
    assert [record.person.id for record in before.records] == ["ann", "bob"]
    loaded = nights.next(
        output("Patient", [patient("cleo", identifier=[numbered("7")])]),
        output("Medication", [medication("m1")]),
        output("Questionnaire", [questionnaire("f")]),
        deleted("Goal/ann-g"),
    )
    assert (loaded.written, loaded.removed, loaded.report.balances()) == (4, 1, True), "what is new, and the condition that is cleo's now"
    assert [part.name for part in loaded.report.parts if part.lines > 1] == [], "nothing was read twice"
    data = nights.agree()
    assert sources(data)["cleo"] == {"Condition/c1"}
    assert "Goal/ann-g" not in sources(data)["ann"]
    assert not any(event.opaque for record in data.records for event in record.events if event.source == "MedicationRequest/r1")


def test_several_nights_may_pass_between_two_loads(nights: Nights) -> None:
    number = nights.passed
    for files in ([deleted("Patient/bob")], [output("Patient", [patient("bob", gender="male")])], [deleted("Goal/ann-g", "Goal/bob-g")]):
        number += 1
        nights.server.changes["transactionTime"] = f"2026-07-{number:02}T00:00:00Z"
        nights.server.files = files
        pull(nights.server, nights.folder, EVERYTHING)
    nights.load()
    assert {record.person.id: record.person.sex for record in nights.agree().records} == {"ann": "female", "bob": "male"}


def test_what_was_deleted_may_come_back(nights: Nights) -> None:
    nights.next(deleted("Patient/bob"))
    assert list(sources(nights.agree())) == ["ann"]
    nights.next(output("Patient", [patient("bob")]))
    assert list(sources(nights.agree())) == ["ann", "bob"]


def test_loading_again_changes_nothing(nights: Nights) -> None:
    loaded = nights.load()
    assert (loaded.written, loaded.removed, loaded.report.parts) == (0, 0, [])
    nights.agree()


def test_everything_can_be_read_anew_and_is_the_same(nights: Nights) -> None:
    nights.next(deleted("Goal/ann-g"))
    before = nights.agree()
    loaded = load_pulled(nights.warehouse, nights.folder, Habits(rewrite_at=1000.0), anew=True)
    assert sum(part.lines for part in loaded.report.parts) > 5
    assert nights.agree().records == before.records


def test_what_is_exported_in_full_again_replaces_what_was_there(nights: Nights) -> None:
    loaded = nights.next(*exported(person("ann")), full=True)
    assert loaded.removed > 0
    assert list(sources(nights.agree())) == ["ann"]


def test_a_type_that_failed_stays_as_it_was_and_is_not_loaded_until_it_comes(nights: Nights) -> None:
    known = nights.agree()
    nights.server.fail("Goal.1", *[status(400)] * 9)
    nights.next(output("Goal", [goal | {"id": "late"} for goal in person("ann") if goal["resourceType"] == "Goal"]))
    assert set(nights.agree().report.not_loaded) - set(known.report.not_loaded) == {"goals"}
    assert sources(nights.agree()) == sources(known)
    nights.server.faults.clear()
    nights.next(output("Goal", [goal | {"id": "late"} for goal in person("ann") if goal["resourceType"] == "Goal"]))
    assert "goals" not in nights.agree().report.not_loaded
    assert "Goal/late" in sources(nights.agree())["ann"]


def test_a_type_that_is_asked_for_later_comes_in_full(tmp_path: Path) -> None:
    with bulk_server() as server:
        nights = Nights(server, tmp_path / "in", tmp_path / "warehouse")
        nights.next(*exported(r for r in person("ann") if r["resourceType"] == "Patient"), request=asking("Patient"))
        nights.agree()
        goals = exported(r for r in person("ann") if r["resourceType"] == "Goal")
        nights.next(*goals, request=asking("Patient", "Goal"), full=True)
        assert nights.agree().report.not_loaded.get("goals") is None


def test_a_file_that_changed_on_the_disk_is_not_read_and_its_type_not_loaded(nights: Nights) -> None:
    nights.next(output("Goal", [goal | {"id": "late"} for goal in person("ann") if goal["resourceType"] == "Goal"]))
    (path,) = [file for file in nights.folder.rglob("Goal.*") if "0002" in file.parts]
    content = path.read_bytes()
    path.write_bytes(content[:-5] + b"x" + content[-4:])
    fresh = nights.warehouse.with_name("fresh")
    load_pulled(fresh, nights.folder)
    assert "not what was pulled" in read_warehouse(fresh).report.not_loaded["goals"]
    path.write_bytes(content)
    load_pulled(fresh, nights.folder)
    assert read_warehouse(fresh).records == nights.agree().records


def test_another_household_key_reads_everything_anew(nights: Nights) -> None:
    before = nights.agree().records[0].person.household
    load_pulled(nights.warehouse, nights.folder, Habits(household_key=b"another"))
    assert read_warehouse(nights.warehouse).records[0].person.household != before


def test_a_group_leaves_nobody_out_and_knows_no_households(tmp_path: Path) -> None:
    with bulk_server() as server:
        nights = Nights(server, tmp_path / "in", tmp_path / "warehouse")
        resources: list[dict[str, Any]] = [*person("ann"), patient("off", active=False)]
        nights.next(*exported(resources), request=asking(*TYPES, level="group", group="g"))
        data = nights.agree()
        assert list(sources(data)) == ["ann", "off"]
        assert data.report.not_loaded[HOUSEHOLD] == "only a group was pulled"


def test_a_pulled_folder_says_itself_since_when_it_is(nights: Nights) -> None:
    ran = almoner("warehouse", "load", nights.folder, "--into", nights.warehouse, "--since", "2026-07-01")
    assert (ran.code, "says itself" in ran.err) == (2, True), ran.err


def test_a_folder_without_a_pull_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceUnreadable, match="pull again"):
        load_pulled(tmp_path / "warehouse", tmp_path)
