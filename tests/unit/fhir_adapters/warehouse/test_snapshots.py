"""A reader sees one snapshot, whole; a writer is alone; nothing superseded stays for ever."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from support.ehr_history import observation, patient
from unit.fhir_adapters.warehouse.conftest import Store

from fhir_adapters.errors import SourceUnreadable
from fhir_adapters.warehouse import is_warehouse
from fhir_adapters.warehouse.errors import WarehouseBusy, WarehouseDamaged, WarehouseTooNew
from fhir_adapters.warehouse.load import load_export
from fhir_adapters.warehouse.lock import WriterLock
from fhir_adapters.warehouse.read import people_batches, read_warehouse
from fhir_adapters.warehouse.snapshot import current


@pytest.fixture
def filled(store: Store) -> Store:
    store.ehr.put(patient("p1"))
    store.ehr.put(observation("o1", "p1"))
    store.pull()
    return store


def change(store: Store, value: float) -> None:
    last = store.ehr.clock
    store.ehr.put(observation("o1", "p1", value))
    store.pull(last)


def names(store: Store) -> set[str]:
    return {path.relative_to(store.root).as_posix() for path in store.root.rglob("*.*")}


def test_a_warehouse_is_known_by_its_folder(filled: Store, tmp_path: Path) -> None:
    assert is_warehouse(filled.root)
    assert not is_warehouse(tmp_path)
    assert not is_warehouse(tmp_path / "nothing")


def test_an_empty_warehouse_holds_nobody_and_nothing_is_loaded(tmp_path: Path) -> None:
    (tmp_path / "snapshots").mkdir()
    data = read_warehouse(tmp_path)
    assert data.records == []
    assert data.report.not_loaded["conditions"] == "no Condition was found"


@pytest.mark.parametrize("kind", ["people", "events"])
@pytest.mark.parametrize("damage", ["gone", "shorter", "other"])
def test_a_file_that_is_not_what_was_written_is_named_and_stops_everything(filled: Store, kind: str, damage: str) -> None:
    (file,) = (filled.root / "data").glob(f"*-{kind}-*.parquet")
    content = file.read_bytes()
    if damage == "gone":
        file.unlink()
    else:
        file.write_bytes(content[:-1] if damage == "shorter" else content[:-9] + b"x" + content[-8:])
    with pytest.raises(WarehouseDamaged, match=file.name):
        filled.read()
    with pytest.raises(WarehouseDamaged, match=file.name):
        filled.pull()


def test_a_manifest_that_cannot_be_read_is_named(filled: Store) -> None:
    manifest = filled.root / "snapshots" / "000000001.json"
    manifest.write_text(manifest.read_text()[:100])
    with pytest.raises(WarehouseDamaged, match=r"000000001\.json"):
        filled.read()


def test_a_warehouse_of_a_newer_version_is_left_alone(filled: Store) -> None:
    manifest = filled.root / "snapshots" / "000000001.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"schema": 99}))
    with pytest.raises(WarehouseTooNew, match="schema 99"):
        filled.pull()


def test_the_manifest_says_size_rows_and_digest_of_every_file(filled: Store) -> None:
    with current(filled.root) as snapshot:
        files = {file.path: file for file in snapshot.files}
    assert set(files) | {"snapshots/000000001.json"} == names(filled)
    assert all((filled.root / path).stat().st_size == file.bytes for path, file in files.items())
    assert {file.kind: file.rows for file in files.values()} == {"people": 1, "events": 1}


def test_only_one_may_write_and_the_other_is_told(filled: Store) -> None:
    with WriterLock(filled.root), pytest.raises(WarehouseBusy, match="another process writes"):
        filled.pull()
    change(filled, 5.0)
    assert filled.records()["p1"].events[0].value == 5.0


def test_a_writer_that_lost_the_lock_publishes_nothing(filled: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """As when it slept so long that somebody removed the lock and began anew."""
    check = WriterLock.check

    def lose(lock: WriterLock) -> None:
        (filled.root / "lock").unlink()
        with WriterLock(filled.root):
            check(lock)

    monkeypatch.setattr(WriterLock, "check", lose)
    with pytest.raises(WarehouseBusy, match="took over"):
        change(filled, 5.0)
    monkeypatch.undo()
    assert filled.records()["p1"].events[0].value == 7.1


def test_a_token_grows_with_every_writer(filled: Store) -> None:
    with WriterLock(filled.root) as first:
        pass
    with WriterLock(filled.root) as second:
        second.check()
    assert second.token == first.token + 1


def test_two_snapshots_of_one_number_cannot_be(filled: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def interfere(lock: WriterLock) -> None:
        (filled.root / "snapshots" / "000000002.json").write_bytes((filled.root / "snapshots" / "000000001.json").read_bytes())

    monkeypatch.setattr(WriterLock, "check", interfere)
    with pytest.raises(WarehouseBusy, match="meanwhile"):
        change(filled, 5.0)
    assert not list((filled.root / "snapshots").glob("*.new"))


def test_a_reader_goes_on_with_the_snapshot_that_it_began(filled: Store) -> None:
    filled.ehr.put(patient("p2"))
    filled.ehr.put(observation("o2", "p2"))
    filled.pull()
    batches = people_batches(filled.root, 1)
    (first,) = next(batches)
    for value in (6.0, 5.0, 4.0, 3.0):
        change(filled, value)
        filled.ehr.put(observation("o2", "p2", value))
    (second,) = next(batches)
    assert {first.person.id, second.person.id} == {"p1", "p2"}
    assert [event.value for record in (first, second) for event in record.events] == [7.1, 7.1]


def test_what_no_kept_snapshot_names_is_removed(filled: Store) -> None:
    filled.habits = type(filled.habits)(rewrite_at=0.0)
    with current(filled.root) as old:
        change(filled, 6.0)
        change(filled, 5.0)
        change(filled, 4.0)
        assert {file.path for file in old.files} <= names(filled), "somebody reads them"
    change(filled, 3.0)
    change(filled, 2.0)
    with current(filled.root) as new:
        assert not {file.path for file in old.files} & names(filled)
        assert sorted(path.name for path in (filled.root / "snapshots").iterdir()) == ["000000005.json", "000000006.json"]
        assert {file.path for file in new.files} <= names(filled)


def test_what_a_killed_writer_left_is_removed_by_the_next(filled: Store) -> None:
    (filled.root / "work-7").mkdir()
    (filled.root / "work-7" / "spilled").write_text("x")
    (filled.root / "data" / "2-7-events-0.parquet").write_text("x")
    (filled.root / "snapshots" / "000000002.new").write_text("x")
    assert filled.records()["p1"].events[0].value == 7.1
    change(filled, 5.0)
    assert not [name for name in names(filled) if "-7" in name or name.endswith(".new")]
    assert not (filled.root / "work-7").exists()


def test_a_pull_that_cannot_be_read_leaves_everything_as_it_was(filled: Store) -> None:
    pull = filled.ehr.export(filled.folder / "vanished")
    pull.files[0].unlink()
    with pytest.raises(SourceUnreadable, match="No such file"):
        load_export(filled.root, pull, filled.habits)
    assert filled.records()["p1"].events[0].value == 7.1


def test_small_additions_are_gathered_and_written_anew_now_and_then(store: Store) -> None:
    store.habits = type(store.habits)(rewrite_at=0.25)
    for number in range(40):
        store.ehr.put(observation(f"o{number}", "p1"))
    store.ehr.put(patient("p1"))
    store.pull()
    anew = []
    for number in range(6):
        store.ehr.clock += timedelta(hours=1)
        last = store.ehr.clock
        for more in range(2):
            store.ehr.put(observation(f"o{number * 2 + more}", "p1", 5.0))
        anew.append(store.pull(last).anew)
    assert anew == [False, False, True, False, False, True]
    assert sum(event.value == 5.0 for event in store.records()["p1"].events) == 12
