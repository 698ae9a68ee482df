"""Between the outbox and the chart: what came up meanwhile holds a portal message back, and the conversation says so."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import cast

import pytest
from support.messages import CARE, NOON, Carrier, Desk, desk_at
from support.referral_ehr import MemoryEhr, policy
from support.referrals import TENANT
from support.writeback import task

from fhir_adapters.transport import FhirServer
from fhir_adapters.writeback import Outbox, Report, State
from plugin.access import verify
from plugin.messages.carrying import GIVES_UP, carry_out
from plugin.messages.gateways.chart import Chart
from plugin.messages.withholding import Withholding
from plugin.outreach import acting
from plugin.outreach.acting import Grip
from plugin.outreach.forgetting import forget
from plugin.outreach.restricting import restrict
from plugin.outreach.words import Restriction
from plugin.store import Store

SOON = NOON + timedelta(minutes=20)


@pytest.fixture
def desk(store: Store, tmp_path: Path) -> Desk:
    """A message for the portal lies in the outbox."""
    found = desk_at(store, tmp_path)
    found.send("a", by="fhir", channel="portal")
    assert carried(found, tmp_path, NOON) == {"handed": 1}
    return found


def outbox(folder: Path) -> Outbox:
    return Outbox.at(folder / "outbox.sqlite", clock=lambda: SOON.timestamp())


def carried(desk: Desk, folder: Path, at: datetime) -> dict[str, int]:
    return dict(carry_out(desk.store, {"fhir": Chart(outbox(folder), TENANT)}, lambda: at))


def delivered(desk: Desk, folder: Path, at: datetime = SOON) -> dict[tuple[State, str | None], int]:
    gate = Withholding(lambda: desk.store, TENANT, lambda: at)
    found = outbox(folder).deliver(cast(FhirServer, MemoryEhr()), policy(TENANT), gate=gate, commit=True)
    assert isinstance(found, Report)
    return dict(found.settled)


def _close(desk: Desk) -> None:
    row = desk.whole("a").episode.row
    with desk.store.write() as connection:
        acting.close(connection, CARE, Grip(row.id, row.version), "already-done", NOON)


def _restricted(kind: Restriction, of: str = "all") -> Callable[[Desk], None]:
    def change(desk: Desk) -> None:
        with desk.store.write() as connection:
            restrict(connection, CARE, "a", kind, NOON, of=of)

    return change


CHANGES: dict[str, tuple[Callable[[Desk], None], datetime, str]] = {
    "closed": (_close, SOON, "the conversation is over"),
    "opted out": (_restricted(Restriction.OPTED_OUT, "portal"), SOON, "not to be reached this way"),
    "deceased": (_restricted(Restriction.DECEASED), SOON, "not to be reached this way"),
    "unsafe, and it says why": (_restricted(Restriction.UNSAFE), SOON, "not to be reached this way"),
    "old": (lambda desk: None, NOON + GIVES_UP + timedelta(minutes=1), "too late"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_came_up_since_it_was_handed_over_holds_it_back_for_good(desk: Desk, tmp_path: Path, change: str) -> None:
    meanwhile, at, why = CHANGES[change]
    meanwhile(desk)
    assert delivered(desk, tmp_path, at) == {(State.PARKED, f"withheld-{why.replace(' ', '-')}"): 1}
    assert (desk.message().state, desk.message().reason, desk.outcome()) == ("held", why, "held-back")
    assert carried(desk, tmp_path, at + timedelta(hours=1)) == {}
    with desk.store.read() as connection:
        assert verify(connection) > 0


def test_what_was_held_back_does_not_go_when_it_is_tried_again(desk: Desk, tmp_path: Path) -> None:
    with desk.store.write() as connection:
        restrict(connection, CARE, "a", Restriction.OPTED_OUT, NOON, until=NOON.date())
    delivered(desk, tmp_path)
    (row,) = outbox(tmp_path).ledger.rows()
    assert outbox(tmp_path).ledger.retry(row.id)
    assert delivered(desk, tmp_path, SOON + timedelta(days=1)) == {(State.PARKED, "withheld-not-under-way"): 1}


def test_what_nothing_stands_against_goes(desk: Desk, tmp_path: Path) -> None:
    assert delivered(desk, tmp_path) == {(State.SENT, None): 1}
    assert carried(desk, tmp_path, SOON + timedelta(minutes=1)) == {"sent": 1}
    assert desk.outcome() == "sent"


def test_what_is_no_message_is_not_looked_up(store: Store, tmp_path: Path) -> None:
    outbox(tmp_path).add(task())

    def never() -> Store:
        raise AssertionError("nobody asked for the store")

    gate = Withholding(never, TENANT, lambda: SOON)
    found = outbox(tmp_path).deliver(cast(FhirServer, MemoryEhr()), policy(TENANT), gate=gate, commit=True)
    assert isinstance(found, Report)
    assert found.settled == {(State.SENT, None): 1}


def test_of_a_forgotten_conversation_nothing_goes(desk: Desk, tmp_path: Path) -> None:
    _close(desk)
    with desk.store.write() as connection:
        assert forget(connection, NOON + timedelta(days=1), NOON + timedelta(days=2)) == 1
    assert delivered(desk, tmp_path) == {(State.PARKED, "withheld-not-under-way"): 1}


def test_a_message_that_says_why_does_not_leave_for_somebody_who_is_not_safe(store: Store, tmp_path: Path) -> None:
    desk = desk_at(store, tmp_path)
    desk.send("a", "m-1", channel="portal")
    desk.send("c", "m-2", channel="portal", topic="neutral")
    with store.write() as connection:
        for patient in ("a", "c"):
            restrict(connection, CARE, patient, Restriction.UNSAFE, NOON)
    assert carry_out(store, {"smtp": Carrier()}, lambda: NOON) == {"held": 1, "sent": 1}
    assert (desk.message("m-1").state, desk.message("m-2").state) == ("held", "sent")
