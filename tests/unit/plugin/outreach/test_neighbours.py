"""People at one address: beside each other on the list, unless that could endanger one of them."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from support.databases import database_of
from support.outreach import person, published
from support.worklist import AS_OF, application

from plugin.access import Forbidden, Role, Scope
from plugin.outreach import acting
from plugin.outreach.acting import Grip
from plugin.outreach.neighbours import neighbours
from plugin.outreach.restricting import lift, restrict
from plugin.outreach.taking import take
from plugin.outreach.words import Restriction
from plugin.store import Store, open_store
from plugin.store.tables.outreach import EPISODES
from plugin.store.versions import ready
from plugin.sweep.listing import LARGEST

TODAY = date(2026, 6, 30)
NOON = datetime(2026, 6, 30, 12, tzinfo=UTC)
CARE, DOCTOR = Scope("m1", Role.CARE_MANAGER), Scope("d1", Role.CLINICIAN)
DAMP = {"damp-home": "yes"}
HOMES = {"a": "h1", "b": "h1", "c": "h1", "d": "h2", "e": None, "f": None}


def taken(store: Store, folder: Path, homes: dict[str, str | None], sweep: str = "s1", **findings: dict[str, str]) -> None:
    people = [person(id, findings.get(id, DAMP), household=home) for id, home in homes.items()]
    take(store, published(folder / "state", sweep, people), TODAY, clock=lambda: NOON)


def seen(store: Store, scope: Scope = CARE) -> dict[str, list[str]]:
    with store.read() as connection:
        found = neighbours(connection, scope, list(HOMES), TODAY)
    return {patient: [each.name for each in others] for patient, others in found.items()}


def row(store: Store, patient: str) -> Any:
    with store.read() as connection:
        return connection.execute(select(EPISODES).where(EPISODES.c.patient == patient)).one()


def test_whoever_shares_an_address_stands_beside_each_other(store: Store, tmp_path: Path) -> None:
    taken(store, tmp_path, HOMES)
    assert seen(store) == {
        "a": ["Person b", "Person c"],
        "b": ["Person a", "Person c"],
        "c": ["Person a", "Person b"],
    }


def test_only_whose_conversation_is_open(store: Store, tmp_path: Path) -> None:
    taken(store, tmp_path, HOMES)
    closed = row(store, "b")
    with store.write() as connection:
        acting.close(connection, CARE, Grip(closed.id, closed.version), "helped", NOON)
    assert seen(store) == {"a": ["Person c"], "b": ["Person a", "Person c"], "c": ["Person a"]}


def test_whoever_moves_is_no_longer_there(store: Store, tmp_path: Path) -> None:
    taken(store, tmp_path, HOMES)
    taken(store, tmp_path, HOMES | {"b": "h2", "c": None}, "s2")
    assert seen(store) == {"b": ["Person d"], "d": ["Person b"]}


def _hidden(store: Store, folder: Path) -> None:
    taken(store, folder, HOMES, "s2", b={"damp-home": "yes", "unsafe-home": "yes"})


def _hidden_once(store: Store, folder: Path) -> None:
    _hidden(store, folder)
    taken(store, folder, HOMES, "s3")


def _unsafe(store: Store, folder: Path) -> None:
    with store.write() as connection:
        restrict(connection, CARE, "b", Restriction.UNSAFE, NOON)


@pytest.mark.parametrize("danger", [_hidden, _hidden_once, _unsafe])
@pytest.mark.parametrize("scope", [CARE, DOCTOR])
def test_where_one_is_in_danger_nobody_there_is_named(
    store: Store, tmp_path: Path, danger: Callable[[Store, Path], None], scope: Scope
) -> None:
    taken(store, tmp_path, HOMES)
    danger(store, tmp_path)
    assert seen(store, scope) == {}


def test_when_it_is_safe_again_they_are(store: Store, tmp_path: Path) -> None:
    taken(store, tmp_path, HOMES)
    with store.write() as connection:
        id = restrict(connection, CARE, "b", Restriction.UNSAFE, NOON)
        assert lift(connection, CARE, "b", id, NOON)
    assert len(seen(store)) == 3


@pytest.mark.parametrize(("number", "grouped"), [(LARGEST, True), (LARGEST + 1, False)])
def test_a_hostel_is_no_household(store: Store, tmp_path: Path, number: int, grouped: bool) -> None:
    taken(store, tmp_path, dict.fromkeys("abcdefghijkl"[:number], "h1"))
    assert bool(seen(store)) is grouped


def test_who_sees_no_people_sees_no_neighbours(store: Store) -> None:
    with store.read() as connection, pytest.raises(Forbidden):
        neighbours(connection, Scope("x", Role.ANALYST), ["a"], TODAY)


def test_the_pages_lead_from_one_to_the_other(tmp_path: Path) -> None:
    store = ready(open_store(database_of(tmp_path / "state")))
    taken(store, tmp_path, {"a": "h1", "b": "h1", "c": "h2"})
    client = application(tmp_path / "state", today=AS_OF).test_client()
    there = f'at the same address: <a href="/outreach/{row(store, "b").id}"><bdi>Person b</bdi></a>'
    assert client.get("/outreach").text.count("at the same address") == 2
    assert there in client.get(f"/outreach/{row(store, 'a').id}").text
    assert "at the same address" not in client.get(f"/outreach/{row(store, 'c').id}").text
