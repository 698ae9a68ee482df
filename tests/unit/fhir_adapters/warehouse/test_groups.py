"""A warehouse that was filled with a group, and is then loaded with what others know: nobody outside the group is taken for absent."""

import hashlib
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
from support.ehr_history import EhrHistory, home, observation, patient
from unit.fhir_adapters.warehouse.conftest import ADDING, Store

from fhir_adapters.pulled import Pulled, PulledFile
from fhir_adapters.warehouse.assembly import Loaded
from fhir_adapters.warehouse.load import load_export, load_pulled
from fhir_adapters.warehouse.needed import Needed
from fhir_adapters.warehouse.read import read_warehouse
from rules.facts import HOUSEHOLD, Coding

RESULTS = Needed(frozenset({"observations"}), frozenset({Coding("http://loinc.org", "4548-4")}), frozenset())
OTHER = {"code": {"coding": [{"system": "http://loinc.org", "code": "2345-7"}]}}
TYPES = ("Patient", "Observation")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Two who live together, each with a result; of a group only ann is. Only results are kept."""
    found = Store(EhrHistory(types=TYPES), tmp_path, replace(ADDING, needed=RESULTS))
    for id in ("ann", "bob"):
        found.ehr.put(patient(id, address=home(1)))
        found.ehr.put(observation(f"of-{id}", id))
    return found


def pull_group(store: Store, *ids: str) -> Loaded:
    """Pull the members of a group, and load that."""
    store.pulls += 1
    members = EhrHistory(clock=store.ehr.clock)
    for source, resource in store.ehr.state.items():
        if resource.get("subject", {"reference": source})["reference"] in {f"Patient/{id}" for id in ids}:
            members.state[source] = resource
    folder = store.folder / f"group-{store.pulls}"
    at = members.export(folder, types=TYPES).at
    store.ehr.clock = at
    files = [(path, path.read_bytes()) for path in sorted(folder.iterdir())]
    listed = [
        PulledFile(path.name, "output", path.stem, 1, len(content), content.count(b"\n"), hashlib.sha256(content).hexdigest())
        for path, content in files
    ]
    Pulled(tuple(listed), dict.fromkeys(TYPES, at.isoformat()), {}, everybody=False).write(folder)
    return load_pulled(store.root, folder, store.habits)


def kept(store: Store) -> dict[str, list[str]]:
    return {r.person.id: sorted(e.source for e in r.events) for r in read_warehouse(store.root, asked=RESULTS).records}


def households_known(store: Store) -> bool:
    return not any(HOUSEHOLD in record.not_loaded for record in read_warehouse(store.root, asked=RESULTS).records)


@pytest.mark.parametrize("needed", [None, RESULTS], ids=["everything", "needed"])
def test_an_older_export_of_everybody_brings_those_outside_the_group(store: Store, needed: Needed | None) -> None:
    store.habits = replace(ADDING, needed=needed)
    older = store.ehr.export(store.folder / "older")
    store.ehr.put(observation("of-ann", "ann", 9.0))
    pull_group(store, "ann")
    assert kept(store) == {"ann": ["Observation/of-ann"]}
    load_export(store.root, older, store.habits)
    assert kept(store) == {"ann": ["Observation/of-ann"], "bob": ["Observation/of-bob"]}
    assert not households_known(store), "who came to the address since then nobody knows"


def test_of_the_group_it_brings_nothing_back_that_was_not_needed_later(store: Store) -> None:
    older = store.ehr.export(store.folder / "older")
    store.ehr.put(observation("of-ann", "ann", **OTHER))
    pull_group(store, "ann")
    load_export(store.root, older, store.habits)
    events = {r.person.id: [e.codes[0].code for e in r.events] for r in read_warehouse(store.root, asked=RESULTS).records}
    assert events["bob"] == ["4548-4"]
    assert "4548-4" not in events["ann"]


def test_changes_of_everybody_do_not_make_a_group_everybody(store: Store) -> None:
    group = pull_group(store, "ann")
    assert not households_known(store)
    since = as_time(group)
    store.ehr.put(observation("more", "ann"))
    store.pull(since)
    assert kept(store) == {"ann": ["Observation/more", "Observation/of-ann"]}
    assert not households_known(store), "bob lives there too, and nobody has read him"
    store.pull()
    assert households_known(store)
    assert sorted(kept(store)) == ["ann", "bob"]


def test_an_older_group_takes_nobody_from_everybody(store: Store) -> None:
    then = store.ehr.clock
    store.ehr.put(observation("more", "ann"))
    store.pull()
    store.ehr.clock = then
    pull_group(store, "ann")
    assert sorted(kept(store)) == ["ann", "bob"]
    assert households_known(store)


def test_who_went_with_a_group_comes_back_with_a_newer_export_of_everybody(store: Store) -> None:
    """A group takes the place of everybody, and an older export does not undo that: but it does not make the group everybody either."""
    store.pull()
    older = store.ehr.export(store.folder / "older")
    pull_group(store, "ann")
    load_export(store.root, older, store.habits)
    assert (sorted(kept(store)), households_known(store)) == (["ann"], False)
    store.pull()
    assert (sorted(kept(store)), households_known(store)) == (["ann", "bob"], True)


def as_time(loaded: Loaded) -> datetime:
    """As of when Patients are."""
    watermark = loaded.snapshot.types["Patient"].watermark
    assert watermark is not None
    return datetime.fromtimestamp(watermark / 1_000_000, tz=EhrHistory().clock.tzinfo)
