"""Sending: one attempt, one entry, one record, in one transaction; and nothing to whom nothing may go."""

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select, update
from support.messages import CARE, NOON, TODAY, Desk, desk_at
from support.outreach import REFERS, person, published
from support.referrals import proposal

from plugin.access import Forbidden, Role, Scope, verify
from plugin.messages import agreeing
from plugin.messages.agreeing import masked
from plugin.messages.sending import came_back
from plugin.outreach.acting import NotNow
from plugin.outreach.episodes import NoSuchEpisode
from plugin.outreach.restricting import restrict
from plugin.outreach.taking import take
from plugin.outreach.words import Restriction
from plugin.referrals.proposing import propose
from plugin.store import Store
from plugin.store.tables.access import AUDIT
from plugin.store.tables.messages import MESSAGES
from plugin.store.tables.outreach import ATTEMPTS, EPISODES
from plugin.store.tables.referrals import REFERRALS

EMAIL = "ana@example.org"


@pytest.fixture
def desk(store: Store, tmp_path: Path) -> Desk:
    found = desk_at(store, tmp_path)
    found.agree("a", "email", EMAIL)
    return found


def rows(desk: Desk) -> tuple[int, int]:
    """Messages, attempts."""
    with desk.store.read() as connection:
        return tuple(connection.scalar(select(func.count()).select_from(table)) or 0 for table in (MESSAGES, ATTEMPTS))  # type: ignore[return-value]


def test_a_message_is_an_attempt_an_entry_and_a_record(desk: Desk) -> None:
    desk.send("a")
    row = desk.message()
    assert (row.state, row.gateway, row.address, row.neutral, row.topic) == ("waits", "smtp", EMAIL, False, "food")
    assert desk.outcome() == "sending"
    episode = desk.whole("a").episode.row
    assert (episode.attempts, episode.last_outcome) == (1, "sending")
    with desk.store.read() as connection:
        entry = connection.execute(select(AUDIT).where(AUDIT.c.action == "message.send")).one()
        assert verify(connection) > 0
    assert (entry.user, entry.patient, entry.detail) == ("manager-1", "a", {"channel": "email", "topic": "food", "gateway": "smtp"})


ORDERS: dict[str, dict[str, object]] = {
    "ours": {},
    "of-another-need": {"rule": "damp-home"},
    "of-nobody": {"rule": None},
    "restricted": {"restricted": True},
    "unsafe": {"unsafe": True},
    "not-there": {"request_place": None},
}


@pytest.mark.parametrize("role", [Role.CARE_MANAGER, Role.CLINICIAN])
def test_a_portal_message_refers_only_to_what_it_is_about(store: Store, tmp_path: Path, role: Role) -> None:
    """Whoever has access to the portal sees what it refers to: nothing of other reasons, of restricted ones, or of what is not known."""
    someone = person("d", {REFERS: "yes", "screening-overdue": "yes", "damp-home": "unknown", "unsafe-home": "yes"})
    for number, finding in enumerate(someone.findings):
        piece = {"resource": f"Observation/{finding['rule']}", "note": str(number)}
        finding["reasons"][0]["evidence"] = [piece, piece]
    take(store, published(tmp_path / "state", "s2", [someone]), TODAY, clock=lambda: NOON)
    with store.write() as connection:
        talk = connection.scalar(select(EPISODES.c.id).where(EPISODES.c.patient == "d"))
        for name, changes in ORDERS.items():
            wish = proposal("d", origin_id=talk, rule=(REFERS, "1.0.0"), tenant=name)
            propose(connection, CARE, wish, NOON)
            connection.execute(
                update(REFERRALS).where(REFERRALS.c.id == wish.id).values({"request_place": f"ServiceRequest/{name}"} | changes)
            )
    Desk(store, tmp_path / "state").send("d", by="fhir", channel="portal", topic="food", scope=Scope("x", role))
    assert Desk(store, tmp_path).message().refers == {"about": [f"Observation/{REFERS}"], "based on": ["ServiceRequest/ours"]}


def test_said_twice_it_is_one(desk: Desk) -> None:
    desk.send("a")
    desk.send("a")
    assert rows(desk) == (1, 1)


def test_the_id_of_a_message_of_somebody_else_sends_nothing(desk: Desk) -> None:
    desk.send("a")
    with pytest.raises(NotNow, match="another conversation"):
        desk.send("c", channel="letter")
    assert rows(desk) == (1, 1)


def test_what_nothing_carries_is_sent_by_hand(desk: Desk) -> None:
    desk.send("c", by=None, channel="letter")
    assert (desk.message().state, desk.message().gateway, desk.message().due) == ("sent", "hand", None)
    assert desk.outcome() == "sent"


@pytest.mark.parametrize(("channel", "why"), [("email", "have not agreed"), ("sms", "have not agreed"), ("phone", "a script is spoken")])
def test_nobody_is_written_to_who_has_not_agreed(desk: Desk, channel: str, why: str) -> None:
    with pytest.raises(NotNow, match=why):
        desk.send("c", channel=channel)
    assert rows(desk) == (0, 0)


@pytest.mark.parametrize(
    ("kind", "of", "why"),
    [
        (Restriction.OPTED_OUT, "all", "do not want to be reached"),
        (Restriction.OPTED_OUT, "email", "do not want to be reached"),
        (Restriction.UNSAFE, "all", "not safe"),
        (Restriction.DECEASED, "all", "deceased"),
    ],
)
def test_what_stands_against_it_is_looked_up_at_that_moment(desk: Desk, kind: Restriction, of: str, why: str) -> None:
    with desk.store.write() as connection:
        restrict(connection, CARE, "a", kind, NOON, of=of)
    with pytest.raises(NotNow, match=why):
        desk.send("a")
    assert rows(desk) == (0, 0)


def test_at_night_and_after_two_contacts_in_a_week_nothing_goes(desk: Desk) -> None:
    desk.agree("a", "sms", "+1 555 0101")
    with pytest.raises(NotNow, match="between 20:00 and 08:00"):
        desk.send("a", channel="sms", at=NOON.replace(hour=22))
    desk.send("a", "m-1")
    desk.send("a", "m-2", at=NOON + timedelta(days=1))
    with pytest.raises(NotNow, match="2 contacts in 7 days"):
        desk.send("a", "m-3", at=NOON + timedelta(days=2))


def test_only_what_was_seen_goes_out(desk: Desk) -> None:
    seen = desk.draft("a").digest(EMAIL)
    with pytest.raises(NotNow, match="not be what you saw"):
        desk.send("a", seen=seen, level="easy")
    desk.agree("a", "email", "ana@home.example.org")
    with pytest.raises(NotNow, match="not be what you saw"):
        desk.send("a", seen=seen)
    desk.agree("a", "email", EMAIL)
    desk.send("a", seen=seen)
    assert rows(desk) == (1, 1)


def test_leave_is_kept_changed_and_taken_back(desk: Desk) -> None:
    desk.agree("a", "email", "ana@home.example.org")
    with desk.store.read() as connection:
        assert agreeing.agreed(connection, "a")["email"].address == "ana@home.example.org"
    desk.agree("a", "email", "")
    with pytest.raises(NotNow, match="have not agreed"):
        desk.send("a")


@pytest.mark.parametrize(
    ("channel", "address"),
    [
        ("email", "ana"),
        ("email", "ana@example"),
        ("email", "ana@example.org\nBcc: eve@example.org"),
        ("email", "ana@example.org\0"),
        ("email", "ana@example.org, eve@example.org"),
        ("email", "=?utf-8?q?eve?=@example.org"),
        ("sms", "+1 555 0101\n+1 555 0102"),
        ("email", "x" * 250 + "@example.org"),
        ("sms", "12"),
        ("sms", "=HYPERLINK(1)"),
        ("letter", "5 High Street"),
        ("pigeon", "ana@example.org"),
    ],
)
def test_what_is_no_address_is_not_kept(desk: Desk, channel: str, address: str) -> None:
    with pytest.raises(NotNow, match="no address"):
        desk.agree("a", channel, address)


def test_leave_belongs_to_a_conversation_that_is_there(desk: Desk) -> None:
    with pytest.raises(NoSuchEpisode), desk.store.write() as connection:
        agreeing.agree(connection, CARE, "nobody", "email", EMAIL, NOON)


@pytest.mark.parametrize("role", [Role.ANALYST, Role.ADMINISTRATOR, Role.INFORMATICIAN])
def test_who_does_not_reach_out_neither_writes_nor_notes_leave(desk: Desk, role: Role) -> None:
    scope = Scope("x", role)
    with desk.store.write() as connection:
        with pytest.raises(Forbidden):
            agreeing.agree(connection, scope, "any", "email", EMAIL, NOON)
        with pytest.raises(Forbidden):
            came_back(connection, scope, "any", NOON)


def test_what_came_back_was_not_delivered_and_the_address_is_asked_for_anew(desk: Desk) -> None:
    desk.send("a", by=None)
    later = NOON + timedelta(days=3)
    with desk.store.write() as connection:
        assert came_back(connection, CARE, "m-1", later)
        assert not came_back(connection, CARE, "m-1", later)
    assert (desk.message().state, desk.outcome()) == ("failed", "undeliverable")
    assert desk.whole("a").episode.row.last_outcome == "undeliverable"
    with pytest.raises(NotNow, match="could not be delivered"):
        desk.send("a", "m-2", at=later)
    desk.agree("a", "email", EMAIL, at=later + timedelta(hours=1))
    desk.send("a", "m-2", at=later + timedelta(hours=1))
    assert desk.message("m-2").state == "waits"


@pytest.mark.parametrize(
    ("phone", "shared"),
    [
        ("555 0102", True),
        ("(555) 0102", True),
        ("5550102 ext. 7", True),
        ("+1 617-555-0177", True),
        ("tel:617.555.0177;ext=4", True),
        ("617/555 0178", False),
        ("", True),
        ("none", True),
    ],
)
def test_a_number_is_anothers_too_however_it_is_written_or_unknown(desk: Desk, phone: str, shared: bool) -> None:
    """Two people have 555 0102; a third gets text messages at 617 555 0177."""
    desk.agree("c", "sms", "1 (617) 555 0177")
    with desk.store.read() as connection:
        assert agreeing.is_shared(connection, "a", phone) is shared


@pytest.mark.parametrize(
    ("address", "shown"), [("ana@example.org", "a•••@example.org"), ("+1 555 0101", "•••0101"), ("0101", "0101"), ("", "")]
)
def test_an_address_is_shown_in_part(address: str, shown: str) -> None:
    assert masked(address) == shown
