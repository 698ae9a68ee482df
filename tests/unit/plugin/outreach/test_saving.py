"""Views of the list under a name: one's own, and those that somebody shares with one's role."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select
from support.databases import database_of
from support.outreach import person, published
from support.worklist import AS_OF, application

from plugin.access import Forbidden, Role, Scope, verify
from plugin.outreach.acting import NotNow
from plugin.outreach.episodes import Wish
from plugin.outreach.saving import forget, save, saved
from plugin.outreach.taking import take
from plugin.store import Store, open_store
from plugin.store.tables.access import AUDIT
from plugin.store.versions import ready

NOON = datetime(2026, 6, 30, 12, tzinfo=UTC)
CARE, OTHER = Scope("m1", Role.CARE_MANAGER), Scope("m2", Role.CARE_MANAGER)
DOCTOR = Scope("d1", Role.CLINICIAN)
WISH = Wish(view="overdue", rule="damp-home", language="es", sort="due", text="Ana", page=3)


def keep(store: Store, scope: Scope, name: str, wish: Wish = WISH, role: str | None = None) -> None:
    with store.write() as connection:
        save(connection, scope, name, wish, role, NOON)


def names(store: Store, scope: Scope) -> list[str]:
    with store.read() as connection:
        return [each.name for each in saved(connection, scope)]


def test_a_view_keeps_the_filters_and_no_searched_name(store: Store) -> None:
    keep(store, CARE, "  Damp,\tSpanish ")
    with store.read() as connection:
        (found,) = saved(connection, CARE)
        entry = connection.execute(select(AUDIT).where(AUDIT.c.action == "view.save")).one()
        assert verify(connection) == 1
    assert (found.name, found.own, found.shared) == ("Damp, Spanish", True, False)
    assert found.wish == {"view": "overdue", "rule": "damp-home", "language": "es", "sort": "due"}
    assert "Ana" not in str(entry)


def test_nobody_sees_anothers_unless_it_is_shared_with_their_role(store: Store) -> None:
    keep(store, CARE, "mine")
    keep(store, CARE, "ours", role="care-manager")
    keep(store, DOCTOR, "Theirs", role="care-manager")
    assert names(store, CARE) == ["mine", "ours", "Theirs"]
    assert names(store, OTHER) == ["ours", "Theirs"]
    assert names(store, DOCTOR) == ["Theirs"]


def test_saved_again_it_is_replaced(store: Store) -> None:
    keep(store, CARE, "mine", role="care-manager")
    keep(store, CARE, "mine", Wish(view="mine"))
    with store.read() as connection:
        (found,) = saved(connection, CARE)
    assert (found.wish, found.shared) == ({"view": "mine"}, False)


def test_only_whoever_saved_it_forgets_it(store: Store) -> None:
    keep(store, CARE, "ours", role="care-manager")
    with store.write() as connection:
        (found,) = saved(connection, OTHER)
        assert not forget(connection, OTHER, found.id, NOON)
        assert forget(connection, CARE, found.id, NOON)
        assert not forget(connection, CARE, found.id, NOON)
    assert names(store, CARE) == []


@pytest.mark.parametrize(("name", "role"), [("", None), (" ", None), ("x" * 65, None), ("x", "agency"), ("x", "system")])
def test_what_is_no_view_is_not_kept(store: Store, name: str, role: str | None) -> None:
    with pytest.raises(NotNow):
        keep(store, CARE, name, role=role)


def test_nobody_saves_without_end(store: Store) -> None:
    for number in range(50):
        keep(store, CARE, f"view {number}")
    with pytest.raises(NotNow, match="forget one first"):
        keep(store, CARE, "one more")
    keep(store, CARE, "view 7", Wish())


def test_who_has_no_list_has_no_views(store: Store) -> None:
    analyst = Scope("a1", Role.ANALYST)
    with pytest.raises(Forbidden):
        keep(store, analyst, "x")
    with pytest.raises(Forbidden):
        names(store, analyst)


def test_the_page_offers_what_was_saved(tmp_path: Path) -> None:
    store = ready(open_store(database_of(tmp_path / "state")))
    take(store, published(tmp_path / "state", "s1", [person("a", {"damp-home": "yes"})]), AS_OF, clock=lambda: NOON)
    client = application(tmp_path / "state").test_client()
    answer = client.post("/outreach/views", data={"name": "Damp <b>", "rule": "damp-home", "view": "ready", "role": ""})
    assert (answer.status_code, answer.location) == (303, "/outreach?rule=damp-home")
    page = client.get("/outreach").text
    assert '<a href="/outreach?rule=damp-home"><bdi>Damp &lt;b&gt;</bdi></a>' in page
    assert client.post("/outreach/views", data={"name": ""}).status_code == 409
    with store.read() as connection:
        (found,) = saved(connection, Scope("trial", Role.CARE_MANAGER))
    assert client.post(f"/outreach/views/{found.id}/forget").status_code == 303
    assert "Damp &lt;b&gt;" not in client.get("/outreach").text
