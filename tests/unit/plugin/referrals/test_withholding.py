"""Between the outbox and the server: what was taken back meanwhile, or lost its consent, does not go; what went already is taken back."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import update
from support.databases import database_of, opened
from support.referral_ehr import MemoryEhr, policy
from support.referral_loop import Loop
from support.referrals import CARE, TENANT, sent, stored
from support.writeback import task

from fhir_adapters.errors import EhrUnavailable
from fhir_adapters.referral_states import Status
from fhir_adapters.writeback import Claim, Preview, State
from plugin.access import verify
from plugin.cli import outbox as commands
from plugin.cli.outbox import command
from plugin.outreach.restricting import restrict
from plugin.outreach.words import Restriction
from plugin.referrals.acting import mistaken
from plugin.referrals.carrying import carry_out
from plugin.referrals.consenting import refuse, withdraw
from plugin.referrals.withholding import Withholding
from plugin.store import Store
from plugin.store.tables.referrals import CONSENTS

TAKEN_BACK, NO_CONSENT = (State.PARKED, "withheld-taken-back"), (State.PARKED, "withheld-consent-withdrawn")


def put(loop: Loop) -> str:
    """A referral that lies in the outbox: the server is down, or nobody delivered yet."""
    id = sent(loop.store, at=loop.at)
    assert carry_out(loop.store, loop.outbox, loop.at) == {"put": 1}
    return id


def revoke(loop: Loop, id: str) -> None:
    with loop.store.write() as connection:
        assert withdraw(connection, CARE, "ann", stored(loop.store, id).consent, loop.at)


def error(loop: Loop, id: str) -> None:
    with loop.store.write() as connection:
        mistaken(connection, CARE, loop.grip(id), loop.at)


def expire(loop: Loop, id: str) -> None:
    with loop.store.write() as connection:
        ended = (loop.at.date() - timedelta(days=1)).isoformat()
        connection.execute(update(CONSENTS).where(CONSENTS.c.id == stored(loop.store, id).consent).values(until=ended))


def refused(loop: Loop, id: str) -> None:
    with loop.store.write() as connection:
        refuse(connection, CARE, "ann", stored(loop.store, id).need, (), loop.at)


def restricted(kind: Restriction) -> Callable[[Loop, str], None]:
    def restricts(loop: Loop, id: str) -> None:
        with loop.store.write() as connection:
            restrict(connection, CARE, "ann", kind, loop.at)

    return restricts


def kept_back(why: str) -> tuple[State, str]:
    return State.PARKED, f"withheld-{why}"


CHANGES: dict[str, tuple[Callable[[Loop, str], None], tuple[State, str], str, str | None]] = {
    "cancelled": (Loop.cancelled, TAKEN_BACK, "cancelled", None),
    "an error": (error, TAKEN_BACK, "entered-in-error", None),
    "no consent": (revoke, NO_CONSENT, "requested", "not-sent"),
    "consent over": (expire, kept_back("consent-over"), "requested", "not-sent"),
    "dead": (restricted(Restriction.DECEASED), kept_back("objection"), "requested", "not-sent"),
    "opted out": (restricted(Restriction.OPTED_OUT), kept_back("objection"), "requested", "not-sent"),
    "refused": (refused, kept_back("objection"), "requested", "not-sent"),
    "unsafe": (restricted(Restriction.UNSAFE), kept_back("unsafe-since"), "requested", "not-sent"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_lies_in_the_outbox_does_not_go_once_it_is_not_to_be(loop: Loop, change: str) -> None:
    meanwhile, why, state, attention = CHANGES[change]
    id = put(loop)
    meanwhile(loop, id)
    assert loop.settled() == {why: 2}
    for _ in range(2):
        loop.deliver()
    assert loop.ehr.held == {}
    row = stored(loop.store, id)
    assert (row.state, row.attention) == (state, attention)
    assert carry_out(loop.store, loop.outbox, loop.at) == {}, "nothing waits for what never comes"
    with loop.store.read() as connection:
        verify(connection)


def test_what_was_kept_back_does_not_go_when_it_is_tried_again(loop: Loop) -> None:
    id = put(loop)
    revoke(loop, id)
    loop.settled()
    version = stored(loop.store, id).version
    for row in loop.outbox.ledger.rows():
        assert loop.outbox.ledger.retry(row.id)
    assert loop.settled() == {NO_CONSENT: 2}
    assert stored(loop.store, id).version == version, "said once"


def test_what_was_seen_to_stays_where_it_is(loop: Loop) -> None:
    """Somebody cancels what was kept back."""
    id = put(loop)
    loop.answered(id, Status.ACCEPTED)
    revoke(loop, id)
    loop.settled()
    loop.cancelled(id)
    loop.deliver()
    assert (loop.ehr.held, carry_out(loop.store, loop.outbox, loop.at)) == ({}, {})


def test_what_tells_of_the_danger_goes(loop: Loop) -> None:
    restricted(Restriction.UNSAFE)(loop, "")
    put(loop)
    assert loop.settled() == {(State.SENT, None): 2}


@pytest.mark.parametrize("change", CHANGES)
def test_what_is_not_in_the_outbox_yet_does_not_get_there(loop: Loop, change: str) -> None:
    id = sent(loop.store, at=loop.at)
    CHANGES[change][0](loop, id)
    assert set(carry_out(loop.store, loop.outbox, loop.at)) == {"kept back"}
    assert list(loop.outbox.ledger.rows()) == []


@pytest.mark.parametrize("fate", ["lost after", "crash after"])
def test_what_went_without_an_answer_is_taken_back_there(loop: Loop, fate: str) -> None:
    id = put(loop)
    loop.ehr.fates = ["done", fate]
    loop.settled()
    loop.cancelled(id)
    for _ in range(3):
        loop.deliver()
    assert (loop.task(id)["status"], loop.order(id)["status"]) == ("cancelled", "revoked")
    assert stored(loop.store, id).attention is None


@pytest.mark.parametrize("change", CHANGES)
def test_an_order_that_went_before_its_task_could_ends_there(loop: Loop, change: str) -> None:
    meanwhile, (_, reason), state, attention = CHANGES[change]
    id = put(loop)
    loop.ehr.fates = ["lost after", "lost before"]
    loop.settled()
    assert (len(loop.ehr.of("ServiceRequest")), loop.ehr.of("Task")) == (1, [])
    meanwhile(loop, id)
    assert loop.settled() == {(State.SENT, None): 1, (State.PARKED, reason): 1}
    loop.deliver()
    (order,) = loop.ehr.of("ServiceRequest")
    assert (order["status"], loop.ehr.of("Task")) == ("entered-in-error" if change == "an error" else "revoked", [])
    assert (stored(loop.store, id).state, stored(loop.store, id).attention) == (state, attention)
    if state == "requested":
        loop.cancelled(id)
    loop.deliver()
    assert carry_out(loop.store, loop.outbox, loop.at) == {}


@pytest.mark.parametrize("asked_before", [1, 2, 3])
@pytest.mark.parametrize("change", CHANGES)
def test_what_changes_while_it_is_delivered_leaves_no_order_behind(loop: Loop, change: str, asked_before: int) -> None:
    """The gate is asked for the order and for its Task, and for each once more when it is written."""
    id, asked = put(loop), 0
    kept = Withholding(lambda: loop.store, TENANT, lambda: loop.at)

    def gate(claim: Claim) -> str | None:
        nonlocal asked
        if asked == asked_before:
            CHANGES[change][0](loop, id)
        asked += 1
        return kept(claim)

    loop.at += timedelta(seconds=2)
    loop.outbox.deliver(loop.server, policy(TENANT), gate=gate, commit=True)
    loop.deliver()
    assert loop.ehr.of("Task") == []
    assert [order["status"] for order in loop.ehr.of("ServiceRequest")].count("active") == 0
    assert len(loop.ehr.held) == (1 if asked_before == 3 else 0)


@pytest.mark.parametrize("change", CHANGES)
def test_an_order_that_comes_to_stand_after_its_task_was_kept_back_ends_there(loop: Loop, change: str) -> None:
    id = put(loop)
    loop.ehr.fates = ["lost before"]
    loop.settled()
    CHANGES[change][0](loop, id)
    order = next(row for row in loop.outbox.ledger.rows() if row.type == "ServiceRequest")
    with loop.outbox.transaction() as database:
        database.execute("UPDATE intents SET due = due + 60 WHERE id = ?", (order.id,))
    loop.settled()
    with loop.outbox.transaction() as database:  # what was under way came late
        database.execute("UPDATE intents SET state = 'sent', place = ? WHERE id = ?", (f"ServiceRequest/{order.id}", order.id))
    loop.ehr.store({"resourceType": "ServiceRequest", "id": order.id, "status": "active", "subject": {"reference": "Patient/ann"}})
    for _ in range(2):
        loop.deliver()
    (there,) = loop.ehr.of("ServiceRequest")
    assert (there["status"], loop.ehr.of("Task")) == ("entered-in-error" if change == "an error" else "revoked", [])
    assert carry_out(loop.store, loop.outbox, loop.at) == {}


def unanswered(*_: object) -> list[str]:
    raise EhrUnavailable("no answer")


def test_a_server_that_cannot_be_looked_at_keeps_it_waiting(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    id = put(loop)
    loop.ehr.fates = ["lost before", "lost before"]
    loop.settled()
    loop.cancelled(id)
    with monkeypatch.context() as patched:
        patched.setattr("fhir_adapters.writeback.gate.standing", unanswered)
        assert {state for state, _ in loop.settled()} == {State.PENDING}
    assert loop.settled() == {TAKEN_BACK: 2}
    assert loop.ehr.held == {}


def test_a_look_beforehand_says_what_would_be_kept_back_and_changes_nothing(loop: Loop) -> None:
    first, second = put(loop), sent(loop.store, "ben", loop.at)
    carry_out(loop.store, loop.outbox, loop.at)
    loop.cancelled(first)
    before = [stored(loop.store, id) for id in (first, second)]
    gate = Withholding(lambda: loop.store, TENANT, lambda: loop.at, only_looks=True)
    shown = loop.outbox.deliver(loop.server, policy(TENANT), gate=gate)
    assert isinstance(shown, Preview)
    assert [line for line in shown.lines if "kept back" in line] == ["  would be kept back: taken-back"] * 2
    assert ("Patient/ann" in shown.bundle, "Patient/ben" in shown.bundle) == (False, True)
    assert [stored(loop.store, id) for id in (first, second)] == before
    assert loop.settled() == {TAKEN_BACK: 2, (State.SENT, None): 2}


def test_what_is_no_referral_of_ours_goes(loop: Loop) -> None:
    put(loop)
    loop.outbox.add(task("ann"))
    assert loop.settled() == {(State.SENT, None): 3}


@pytest.mark.parametrize("options", [(), ("--commit",)])
def test_an_operator_sends_nothing_that_was_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...]) -> None:
    monkeypatch.setenv("ALMONER_STATE", str(tmp_path / "state"))
    (tmp_path / "state").mkdir()
    with opened(database_of(tmp_path / "state")) as store:
        ran, ehr = _delivered(store, tmp_path, monkeypatch, options)
    assert ("2 parked: withheld-taken-back" in ran, "would be kept back: taken-back" in ran) == (bool(options), not options)
    assert ehr.held == {}


def _delivered(store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...]) -> tuple[str, MemoryEhr]:
    loop = Loop(store, folder)
    loop.cancelled(put(loop))
    monkeypatch.setattr(commands, "_site", lambda *_: commands._Site(loop.server, TENANT, frozenset({"ServiceRequest", "Task"})))
    line = ["deliver", "--outbox", str(folder / "outbox.sqlite"), "--server", "north", *options]
    return CliRunner().invoke(command, line).stdout, loop.ehr
