"""Merged patients: their events are the survivor's, until the merge is taken back."""

import pytest
from support.ehr_history import home, observation, patient
from unit.fhir_adapters.warehouse.conftest import Store


def linked(kind: str, *ids: str) -> dict[str, object]:
    return {"link": [{"type": kind, "other": {"reference": f"Patient/{id}"}} for id in ids]}


@pytest.fixture
def two(store: Store) -> Store:
    for resource in (patient("old", address=home(1)), patient("new", address=home(2)), observation("o1", "old"), observation("o2", "new")):
        store.ehr.put(resource)
    store.pull()
    return store


def test_events_of_a_replaced_patient_move_and_come_back(two: Store) -> None:
    last = two.ehr.clock
    two.ehr.put(patient("old", address=home(1), **linked("replaced-by", "new")))
    two.pull(last)
    assert two.sources() == {"new": ["Observation/o1", "Observation/o2"]}
    last = two.ehr.clock
    two.ehr.put(observation("o3", "old"))
    two.pull(last)
    assert two.sources() == {"new": ["Observation/o1", "Observation/o2", "Observation/o3"]}
    last = two.ehr.clock
    two.ehr.put(patient("old", address=home(1)))
    two.pull(last)
    assert two.sources() == {"new": ["Observation/o2"], "old": ["Observation/o1", "Observation/o3"]}


def test_the_survivor_may_be_the_one_that_says_so(two: Store) -> None:
    last = two.ehr.clock
    two.ehr.put(patient("new", **linked("replaces", "old", "of-whom-nothing-else-is-known")))
    two.ehr.put(observation("o3", "of-whom-nothing-else-is-known"))
    two.pull(last)
    assert two.sources() == {"new": ["Observation/o1", "Observation/o2", "Observation/o3"]}


def test_the_survivors_house_is_where_they_live(two: Store) -> None:
    two.ehr.put(patient("neighbour", address=home(2)))
    two.ehr.put(patient("old", address=home(1), **linked("replaced-by", "new")))
    two.pull()
    assert [other.person.id for other in two.records()["neighbour"].household] == ["new"]
    assert len(two.records()["neighbour"].household[0].events) == 2


def test_without_the_survivor_nobody_is_merged(two: Store) -> None:
    two.ehr.put(patient("old", **linked("replaced-by", "new")))
    two.pull()
    last = two.ehr.clock
    two.ehr.delete("Patient/new")
    two.pull(last)
    assert two.sources() == {"old": ["Observation/o1"]}
    assert two.read().report.orphans == 1
