"""Files of a pull that are read while others are still on their way: the load leaves what it leaves without, whatever happens."""

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from multiprocessing import active_children
from pathlib import Path
from threading import Thread
from time import monotonic, sleep
from typing import Any

import pytest
from support.bulk_server import BulkServer, Produced, bulk_server, output, status
from support.pulling import asking, exported, patient, pull
from support.staging import SOME
from support.sweeping import town

from fhir_adapters.bulk import Watching
from fhir_adapters.errors import EhrUnavailable
from fhir_adapters.pulled import PulledFile
from fhir_adapters.quarantine import Quarantine
from fhir_adapters.report import Part
from fhir_adapters.warehouse.assembly import Habits, Loaded
from fhir_adapters.warehouse.ingest.beforehand import Shelf, _publish
from fhir_adapters.warehouse.ingest.files import Reading
from fhir_adapters.warehouse.load import beforehand, load_pulled

pytestmark = pytest.mark.slow

EVERYTHING = Habits(reading=Reading(fast_from=1, processes=1))
NARROW = replace(EVERYTHING, needed=SOME)
TYPES = asking("Condition", "Encounter", "Observation", "Patient", "Procedure", partial=True)
FAST = {"Condition", "Encounter", "Observation", "Patient", "Procedure"}
PATIENCE = 60.0


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> list[Produced]:
    """An export with lines that are wrong in several ways."""
    files = town(tmp_path_factory.mktemp("town") / "fhir", 12).iterdir()
    resources = [json.loads(line) for file in sorted(files) for line in file.read_text().splitlines()]
    produced = exported((r for r in resources if r["resourceType"] in TYPES.types), per_file=30, packed=False)
    conditions = next(file for file in produced if file.type == "Condition")
    conditions.packed = True
    conditions.lines += ['{"resourceType": "Condition", "id": "nobodys"}', "[1]", "not JSON", "", conditions.lines[0]]
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": resources[-1] | {"id": "bundled"}}]}
    conditions.lines += [json.dumps(bundle), json.dumps(resources[0] | {"id": "misplaced", "onsetDateTime": "2031-99"})]
    assert {file.type for file in produced} >= FAST
    return produced


@dataclass
class Trial:
    """A server, and folders for what is pulled from it and for two warehouses."""

    server: BulkServer
    folder: Path
    told: list[str] = field(default_factory=list)
    shown: list[tuple[int, int]] = field(default_factory=list)

    @property
    def pulled(self) -> Path:
        return self.folder / "pulled"

    @property
    def shelf(self) -> Shelf:
        return Shelf(self.pulled)

    def staged(self) -> list[Path]:
        """What is on the shelf."""
        return sorted(self.shelf.folder.glob("*/account"))

    def fast(self) -> int:
        """Files that are for it."""
        return sum(file.type in FAST for file in self.server.files)

    def pull(self, habits: Habits = EVERYTHING, *, hurt: Callable[[PulledFile], None] = lambda file: None) -> None:
        """Pull, and stage all that has arrived; ``hurt`` is called for each file before that."""

        def arrived(file: PulledFile) -> None:
            hurt(file)
            early.take(file)

        with beforehand(self.folder / "with", self.pulled, habits) as early:
            early.say, early.progress = self.told.append, lambda done, begun: self.shown.append((done, begun))
            pull(self.server, self.pulled, TYPES, watching=Watching(arrived=arrived))
            until(lambda: self.told or early.done == early.begun)

    def load(self, habits: Habits = EVERYTHING) -> Loaded:
        """With what is on the shelf; the same warehouse is made from the files alone, by a load that finds nothing there."""
        apart = shutil.copytree(self.pulled, self.folder / "apart", ignore=shutil.ignore_patterns(".staged"))
        found, plain = load_pulled(self.folder / "with", self.pulled, habits), load_pulled(self.folder / "without", apart, habits)
        assert plain.beforehand == 0
        assert _seen(found) == _seen(plain)
        shutil.rmtree(apart)
        return found

    def hold_until_staged(self, then: Callable[[], None] = lambda: None) -> None:
        """The server goes on making files (and has ``then`` done, each time) only when what it has shown is staged."""
        self.server.polls, self.server.partial = self.server.polls or 1, True
        noticed: set[int] = set()

        def hook() -> None:
            if len(self.server.asked) in noticed:
                return
            noticed.add(len(self.server.asked))
            size, (method, path, _) = self.server.per_page or len(self.server.files), self.server.asked[-1]
            asked = self.server.exports.get("job1", 0)
            if asked and method == "GET" and path.endswith("/status/job1"):
                if len(self.staged()) < min(size * asked, self.fast()):
                    self.server.exports["job1"] -= 1
                else:
                    then()

        self.server.hook = hook


def _seen(loaded: Loaded) -> tuple[Any, list[Part], Quarantine, Sequence[str]]:
    """All that a load leaves and tells, to the byte, but for the time of day."""
    assert loaded.report.balances()
    return replace(loaded.snapshot, written=""), loaded.report.parts, loaded.report.quarantine, loaded.report.notes


def until(there: Callable[[], object]) -> None:
    """Wait for it."""
    end = monotonic() + PATIENCE
    while not there():
        assert monotonic() < end, "it never came"
        sleep(0.01)


@pytest.fixture
def trial(people: list[Produced], tmp_path: Path) -> Iterator[Trial]:
    """Nothing is pulled yet."""
    with bulk_server(*people) as server:
        yield Trial(server, tmp_path)


@pytest.fixture(scope="module", params=[EVERYTHING, NARROW], ids=["everything", "what some rules need"])
def night(
    request: pytest.FixtureRequest, people: list[Produced], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Trial, Habits]]:
    """Pulled and staged."""
    with bulk_server(*people) as server:
        done = Trial(server, tmp_path_factory.mktemp("night"))
        done.pull(request.param)
        yield done, request.param


@pytest.fixture
def after(night: tuple[Trial, Habits], tmp_path: Path) -> Trial:
    """The same, to be loaded or tampered with."""
    shutil.copytree(night[0].folder, tmp_path, dirs_exist_ok=True)
    return Trial(night[0].server, tmp_path, night[0].told, night[0].shown)


def test_the_load_takes_what_was_staged_and_leaves_the_same(after: Trial, night: tuple[Trial, Habits]) -> None:
    assert len(after.staged()) == after.fast(), after.told
    assert after.shown[-1] == (len(after.server.files), len(after.server.files)), "Patients are looked at too"
    assert not list(after.shelf.folder.glob("new-*"))
    loaded = after.load(night[1])
    assert loaded.beforehand == after.fast()
    assert loaded.report.quarantine.counts
    after.shelf.clear()
    assert not after.shelf.folder.exists()


@pytest.mark.parametrize("which", ["Observation", "Procedure", "nobodys", "misplaced", "another"])
def test_a_file_of_which_something_was_deleted_is_read_by_the_load(after: Trial, night: tuple[Trial, Habits], which: str) -> None:
    """Whether it has a row, or stands for what is not needed, or nothing is left of it; and others are taken."""
    found = next((json.loads(file.lines[0])["id"] for file in after.server.files if file.type == which), "")
    source = f"{which}/{found}" if found else f"Condition/{which}"
    entries = [{"request": {"method": "DELETE", "url": source}}]
    files, after.server.files = (
        after.server.files,
        [Produced("deleted", "Bundle", "deleted.1", [json.dumps({"resourceType": "Bundle", "type": "transaction", "entry": entries})])],
    )
    try:
        pull(after.server, after.pulled, TYPES)
    finally:
        after.server.files = files
    assert after.load(night[1]).beforehand == after.fast() - (which != "another")


def test_other_rules_or_households_find_nothing_that_fits(after: Trial, night: tuple[Trial, Habits]) -> None:
    assert after.load(replace(night[1], needed=replace(SOME, uncoded=frozenset()))).beforehand == 0
    assert after.load(replace(night[1], household_key=b"another")).beforehand == 0


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0x10
    path.write_bytes(content)


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-7])


def test_what_is_damaged_is_not_taken(after: Trial, night: tuple[Trial, Habits]) -> None:
    folders = [account.parent for account in after.staged()]
    folders.sort(key=lambda folder: not (folder / "events.parquet").exists())
    for folder, name, harm in zip(folders, ("events.parquet", "account", "others.parquet"), (_cut, _flip, Path.unlink), strict=False):
        harm(folder / name)
    assert after.load(night[1]).beforehand == after.fast() - 3


def test_files_are_staged_while_the_server_makes_others(trial: Trial) -> None:
    trial.server.files = sorted(trial.server.files, key=lambda file: file.type not in FAST)
    trial.server.polls, trial.server.per_page = 2, 2
    seen: list[int] = []
    trial.hold_until_staged(lambda: seen.append(len(trial.staged())))
    trial.pull()
    assert seen[:2] == [2, 4], "only then there was more"
    assert trial.load().beforehand == trial.fast()


def test_what_is_withdrawn_is_never_taken(trial: Trial) -> None:
    first, later = trial.server.files[:-1], trial.server.files[1:]
    gone = {"resourceType": "Condition", "id": "gone", "subject": {"reference": "Patient/x"}}
    trial.server.files = [output("Condition", [gone], 77), *first]

    def then() -> None:
        trial.server.files = later

    trial.hold_until_staged(then)
    trial.pull()
    assert trial.load().beforehand == trial.fast() < len(trial.staged())


def test_a_warehouse_that_keeps_more_than_is_asked_for_is_known(trial: Trial) -> None:
    """The second night: what is staged is what the warehouse keeps, not what the fewer rules of today need."""
    trial.server.changes["transactionTime"] = "2026-07-01T00:00:00Z"
    pull(trial.server, trial.pulled, TYPES)
    trial.load()
    trial.server.changes["transactionTime"] = "2026-07-02T00:00:00Z"
    trial.server.files = [file for file in trial.server.files if file.type == "Observation"]
    trial.pull(NARROW)
    assert trial.load(NARROW).beforehand == trial.fast() > 0


def test_a_file_that_changed_on_the_disk_is_not_staged(trial: Trial) -> None:
    def hurt(file: PulledFile) -> None:
        if file.type == "Encounter":
            _flip(trial.pulled / file.path)

    trial.pull(hurt=hurt)
    assert trial.told == []
    assert trial.load().beforehand == sum(file.type in FAST - {"Encounter"} for file in trial.server.files)


def test_a_pull_is_not_harmed_where_nothing_can_be_staged(trial: Trial) -> None:
    trial.pulled.mkdir()
    trial.server.fail("status", status(400))
    with pytest.raises(EhrUnavailable):
        pull(trial.server, trial.pulled, TYPES)
    trial.shelf.folder.write_text("not a folder")
    trial.pull()
    assert trial.told == ["a file could not be read ahead (FileExistsError): what is left is read once everything is here"]
    trial.shelf.folder.unlink()
    assert trial.load().beforehand == 0


def test_where_something_went_wrong_nothing_staged_is_left_to_fill_the_disk(trial: Trial) -> None:
    trial.pull()
    assert trial.staged()
    with beforehand(trial.folder / "with", trial.pulled, EVERYTHING) as early:
        early._give_up(OSError("no space left"))
    assert not trial.shelf.folder.exists()


def test_of_two_files_of_the_same_content_one_is_staged(tmp_path: Path) -> None:
    first, second, target = (tmp_path / name for name in ("first", "second", "target"))
    for folder in (first, second):
        folder.mkdir()
        (folder / "account").write_text(folder.name)
    _publish(first, target)
    _publish(second, target)
    assert (target / "account").read_text() == "first"
    with pytest.raises(FileNotFoundError):
        _publish(first, tmp_path / "other")


def test_a_process_that_is_killed_leaves_nothing_that_is_taken_for_whole(trial: Trial) -> None:
    def kill() -> None:
        until(lambda: list(trial.shelf.folder.glob("new-*/whole")) or len(trial.staged()) == trial.fast())
        for child in active_children():
            child.kill()

    killer = Thread(target=kill)
    killer.start()
    trial.pull()
    killer.join()
    assert len(trial.told) <= 1
    (trial.shelf.folder / "new-killed" / "whole").mkdir(parents=True)
    trial.load()
    trial.server.changes["transactionTime"] = "2026-07-02T00:00:00Z"
    trial.pull()
    assert not list(trial.shelf.folder.glob("new-*")), "what was left lying about is gone with the next pull"


def test_a_pull_that_goes_on_stages_what_was_here_before(trial: Trial) -> None:
    trial.server.polls, trial.server.partial, trial.server.per_page = 1, True, 2
    trial.server.files = sorted(trial.server.files, key=lambda file: file.type not in FAST)

    def hook() -> None:
        if trial.server.manifests == 1 and "/status/" in trial.server.asked[-1][1] and not trial.server.faults:
            trial.server.fail("status", status(400))

    trial.server.hook = hook
    with pytest.raises(EhrUnavailable):
        pull(trial.server, trial.pulled, TYPES)
    trial.server.hook, asked = lambda: None, len(trial.server.asked)
    trial.pull()
    again = [path for _, path, _ in trial.server.asked[asked:] if "/files/" in path]
    assert len(again) == len(trial.server.files) - 2
    assert trial.load().beforehand == trial.fast()


def test_small_files_start_no_process(trial: Trial) -> None:
    trial.server.files = [output("Patient", [patient("ann")])]
    trial.pull(Habits())
    assert not trial.shelf.folder.exists()
