"""Whoever comes to a group with changes only: what is older may be missing, so that it is unknown, never *no*, on both roads."""

import hashlib
import tempfile
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.ehr_history import EhrHistory, condition, home, observation, patient
from unit.fhir_adapters.warehouse.conftest import ADDING, Store

from fhir_adapters.directory_source import read_directory
from fhir_adapters.pulled import Pulled, PulledFile, read_pulled
from fhir_adapters.warehouse.bucket import Buckets, buckets_of
from fhir_adapters.warehouse.load import load_export, load_pulled
from fhir_adapters.warehouse.needed import Needed
from fhir_adapters.warehouse.read import read_warehouse
from fhir_adapters.warehouse.snapshot import newest
from rules.facts import TABLES, PersonRecord

TYPES = ("Patient", "Observation", "Condition")
READ = {name for name, table in TABLES.items() if table.resource_types[0] in TYPES}


@dataclass
class GroupFolder:
    """A folder that pulls of a group add to; the server sends changes as sparingly as it may. A warehouse takes from it now and then."""

    folder: Path
    ehr: EhrHistory = field(default_factory=lambda: EhrHistory(types=TYPES))
    members: set[str] = field(default_factory=set)
    exports: int = 0
    files: list[PulledFile] = field(default_factory=list)
    whole: dict[str, int] = field(default_factory=dict)
    """As `Pulled.whole`."""
    times: dict[str, str] = field(default_factory=dict)
    pulled_at: datetime | None = None
    says: bool = True
    """Whether the folder says which export was the whole; older versions did not."""

    def join(self, id: str) -> None:
        """Known to the server already, with a result and a diagnosis; from now on a member."""
        self.ehr.put(patient(id, address=home(1)))
        self.ehr.put(observation(f"o-{id}", id))
        self.ehr.put(condition(f"c-{id}", id))
        self.members.add(id)

    def pull(self, whole: tuple[str, ...] = ()) -> None:
        """Export the members: these types in full, the others since they were pulled last."""
        known = {name for name in TYPES if name in self.whole and name not in whole}
        for names, start in ((sorted(set(TYPES) - known), None), (sorted(known), self.pulled_at)):
            if names:
                self._export(tuple(names), start)
        self.pulled_at = self.ehr.clock
        Pulled(tuple(self.files), self.times, {}, False, (), self.whole if self.says else {}).write(self.data)

    def _export(self, names: tuple[str, ...], since: datetime | None) -> None:
        self.exports += 1
        seen = EhrHistory(types=TYPES, clock=self.ehr.clock)
        for source, resource in self.ehr.state.items():
            if resource.get("subject", {"reference": source})["reference"] in {f"Patient/{id}" for id in self.members}:
                seen.state[source], seen.changed[source] = resource, self.ehr.changed[source]
        seen.deleted = dict(self.ehr.deleted)
        folder = self.data / f"{self.exports:04d}"
        at = seen.export(folder, since, types=names).at
        self.ehr.clock = at
        if since is None:
            self.files = [file for file in self.files if file.type not in names or file.kind == "deleted"]
            self.whole |= dict.fromkeys(names, self.exports)
        self.times |= dict.fromkeys(names, at.isoformat())
        for path in sorted(folder.rglob("*.ndjson")):
            content, kind = path.read_bytes(), "deleted" if path.parent != folder else "output"
            if not content:  # a server lists no file for a type of which there is nothing
                continue
            type, sha = "" if kind == "deleted" else path.stem, hashlib.sha256(content).hexdigest()
            name = path.relative_to(self.data).as_posix()
            self.files.append(PulledFile(name, kind, type, self.exports, len(content), content.count(b"\n"), sha))

    @property
    def data(self) -> Path:
        path = self.folder / "pulled"
        path.mkdir(exist_ok=True)
        return path

    def load(self) -> None:
        load_pulled(self.folder / "warehouse", self.data, ADDING)

    def roads(self) -> tuple[dict[str, PersonRecord], dict[str, PersonRecord]]:
        """What is known of everybody by the folder, and by the warehouse once that has taken the folder in; its buckets know the same."""
        self.load()
        of_folder = read_directory(self.data).records
        of_warehouse = read_warehouse(self.folder / "warehouse").records
        with buckets_of(self.folder / "warehouse", newest(self.folder / "warehouse").number) as buckets:
            assert in_buckets(buckets) == lost({record.person.id: record for record in of_warehouse})
        return {r.person.id: r for r in of_folder}, {r.person.id: r for r in of_warehouse}

    def true_sources(self, id: str) -> set[str]:
        """What the server holds of somebody."""
        return {s for s, r in self.ehr.state.items() if r.get("subject", {}).get("reference") == f"Patient/{id}"}


def in_buckets(buckets: Buckets) -> dict[str, set[str]]:
    """The same of what the columnar engine reads."""
    buckets.want(Needed(frozenset(TABLES), frozenset(), frozenset(TABLES)))
    found: dict[str, PersonRecord] = {}
    for low, high in buckets.cuts(100):
        buckets.open(low, high)
        found |= buckets.records(buckets.ids())
    return lost(found)


def lost(records: dict[str, PersonRecord]) -> dict[str, set[str]]:
    """Which of the tables that are read are not loaded of whom."""
    return {id: set(record.not_loaded) & READ for id, record in records.items()}


@pytest.fixture
def group(tmp_path: Path) -> GroupFolder:
    found = GroupFolder(tmp_path)
    found.join("ann")
    return found


@pytest.mark.parametrize("loaded_before", [True, False])
def test_who_joins_by_an_export_of_changes_is_unknown_where_nothing_came(group: GroupFolder, *, loaded_before: bool) -> None:
    group.pull()
    if loaded_before:
        group.load()
    group.join("bob")
    hide(group, "Observation/o-bob", "Condition/c-bob")
    group.pull()
    for records in group.roads():
        assert lost(records) == {"ann": set(), "bob": READ}
        assert records["bob"].events == ()


def hide(group: GroupFolder, *sources: str) -> None:
    """These were there long before: no export of changes has them."""
    for source in sources:
        group.ehr.changed[source] = EhrHistory().clock


def test_a_full_pull_makes_them_known(group: GroupFolder) -> None:
    group.pull()
    group.join("bob")
    hide(group, "Observation/o-bob")
    group.pull()
    group.load()
    group.pull(TYPES)
    for records in group.roads():
        assert lost(records) == {"ann": set(), "bob": set()}
        assert {event.source for event in records["bob"].events} == {"Observation/o-bob", "Condition/c-bob"}


def test_one_type_in_full_makes_that_known(group: GroupFolder) -> None:
    group.pull()
    group.join("bob")
    hide(group, "Observation/o-bob")
    group.pull()
    group.load()
    group.pull(("Observation",))
    for records in group.roads():
        assert lost(records) == {"ann": set(), "bob": {"conditions"}}


def test_a_group_that_was_empty_at_first(tmp_path: Path) -> None:
    group = GroupFolder(tmp_path)
    group.pull()
    group.join("ann")
    hide(group, "Observation/o-ann")
    group.pull()
    for records in group.roads():
        assert lost(records) == {"ann": READ}


def test_a_folder_of_an_older_version_that_does_not_say_what_was_whole(group: GroupFolder) -> None:
    group.says = False
    group.pull()
    group.join("bob")
    hide(group, "Observation/o-bob")
    group.pull()
    for records in group.roads():
        assert lost(records) == {"ann": set(), "bob": READ}


def test_the_operator_is_told(group: GroupFolder) -> None:
    group.pull()
    group.join("bob")
    group.pull()
    group.load()
    told = [report.notes for report in (read_directory(group.data).report, read_warehouse(group.folder / "warehouse").report)]
    assert all(any("of 1 people tables are not loaded" in note and "--full" in note for note in notes) for notes in told)


def test_of_a_merged_record_the_survivor_is_unknown(group: GroupFolder) -> None:
    group.pull()
    group.load()
    group.join("bob")
    hide(group, "Observation/o-bob")
    group.ehr.put(patient("bob", link=[{"other": {"reference": "Patient/ann"}, "type": "replaced-by"}]))
    group.pull()
    for records in group.roads():
        assert lost(records) == {"ann": READ}


STEP = st.one_of(
    st.tuples(st.just("join"), st.sampled_from("abcde")),
    st.tuples(st.just("result"), st.sampled_from("abcde")),
    st.tuples(st.just("pull"), st.sampled_from([(), (), (), ("Observation",), ("Patient",), TYPES])),
    st.tuples(st.just("delete"), st.sampled_from([f"{type}-{id}" for id in "abcde" for type in ("Patient", "o", "c")])),
    st.tuples(st.just("load"), st.none()),
)


@given(steps=st.lists(STEP, max_size=14))
@settings(max_examples=25, deadline=None)
def test_what_is_missing_is_never_taken_for_absent(steps: list[tuple[str, object]]) -> None:
    """Whatever happens: both roads tell the same, and whose table counts as loaded, of that person nothing of it is missing."""
    with tempfile.TemporaryDirectory() as folder:
        group = GroupFolder(Path(folder))
        group.join("z")
        group.pull()
        for step, about in steps:
            act(group, step, about)
        group.pull()
        of_folder, of_warehouse = group.roads()
        assert lost(of_folder) == lost(of_warehouse)
        for id, record in of_folder.items():
            known = {event.source for event in record.events}
            assert known == {event.source for event in of_warehouse[id].events}
            for source in group.true_sources(id) - known:
                assert {"Observation": "observations", "Condition": "conditions"}[source.split("/")[0]] in record.not_loaded


def act(group: GroupFolder, step: str, about: object) -> None:
    """One thing that happens to a group, at the server or here."""
    if step == "join" and about not in group.members:
        group.join(str(about))
        hide(group, f"Observation/o-{about}", f"Condition/c-{about}")
    elif step == "result" and about in group.members:
        group.ehr.put(observation(f"more-{group.ehr.clock:%j%H%M}", str(about)))
    elif step == "pull":
        group.pull(tuple(about))  # type: ignore[call-overload]
    elif step == "delete":
        kind, _, id = str(about).partition("-")
        group.ehr.delete(f"Patient/{id}" if kind == "Patient" else f"{'Observation' if kind == 'o' else 'Condition'}/{kind}-{id}")
    elif step == "load":
        group.load()


# ------------------------------------------------------------ exports that were fetched otherwise


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Two people with a result each; a warehouse that holds the group of ann alone."""
    found = Store(EhrHistory(types=("Patient", "Observation")), tmp_path)
    for id in ("ann", "bob"):
        found.ehr.put(patient(id))
        found.ehr.put(observation(f"of-{id}", id))
    return found


def of_group(store: Store) -> None:
    group = GroupFolder(store.folder / "group", store.ehr, {"ann"})
    group.folder.mkdir()
    group.pull()
    load_pulled(store.root, group.data, store.habits)


def known(store: Store) -> dict[str, bool]:
    """Whether no result means that there is none."""
    return {id: "observations" not in record.not_loaded for id, record in store.records().items()}


def test_changes_of_everybody_bring_somebody_from_outside_the_group_whose_past_is_unknown(store: Store) -> None:
    of_group(store)
    since = store.ehr.clock
    store.ehr.put(patient("bob", gender="male"))
    store.pull(since)
    assert known(store) == {"ann": True, "bob": False}
    store.pull()
    assert known(store) == {"ann": True, "bob": True}


def test_of_those_whom_an_older_export_of_everybody_brings_the_time_since_is_unknown(store: Store) -> None:
    older = store.ehr.export(store.folder / "older")
    of_group(store)
    load_export(store.root, older, store.habits)
    assert known(store) == {"ann": True, "bob": False}
    assert store.sources()["bob"] == ["Observation/of-bob"]
    load_export(store.root, older, store.habits)
    assert known(store) == {"ann": True, "bob": False}, "the same again makes nothing newer"


def test_patients_alone_in_full_bring_nobody_with_nothing(store: Store) -> None:
    of_group(store)
    store.pull(types=("Patient",))
    assert known(store) == {"ann": True, "bob": False}


def test_new_patients_of_everybody_have_no_other_past(store: Store) -> None:
    store.pull()
    since = store.ehr.clock
    store.ehr.put(patient("eve"))
    store.pull(since)
    assert known(store) == {"ann": True, "bob": True, "eve": True}


def test_a_pull_says_by_which_export_each_type_came_in_full(group: GroupFolder) -> None:
    group.pull()
    group.pull(("Condition",))
    found = read_pulled(group.data)
    assert found is not None
    assert found.whole == {"Patient": 1, "Observation": 1, "Condition": 2}
    assert replace(found, whole={}).tables_whole()["conditions"] == 1
